// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Platform
import StructuredData
import Talos

/// `talos-operator import`: a directory of another tool as a KubernetesCluster.
struct ImportCommand {
    private let options: ImportOptions
    private let files: CommandFiles
    private let output: Output

    /// Writes the cluster, its secrets and a report; returns the exit status, which is 1 too if what was written is
    /// not valid yet.
    static func execute(
        _ options: ImportOptions, environment: [String: String], output: Output = .standard
    ) async -> Int32 {
        let command = ImportCommand(
            options: options, files: CommandFiles(environment: environment), output: output)
        return await output.reporting { () async throws(CommandFailure) in
            switch options.tool {
            case .topf: try await command.importTOPF()
            case .talhelper: try await command.importTalhelper()
            }
            return 0
        }
    }

    // MARK: TOPF

    private func importTOPF() async throws(CommandFailure) {
        let (directory, name) = location("topf.yaml")
        let configuration = try await files.source("\(directory)/\(name)", named: name)
        let patches = try failing { () throws(ConfigProblems) in
            try TOPFImport.patchesDirectory(configuration)
        }
        let root = Self.path(patches, in: directory)
        var sources: [SourceFile] = []
        for folder in ["all", "control-plane", "worker", "node"] where files.isDirectory("\(root)/\(folder)")
        {
            for path in try files.walk("\(root)/\(folder)") where Self.isPatch(path) {
                sources.append(try await template("\(root)/\(folder)/\(path)", named: "\(folder)/\(path)"))
            }
        }
        let schematics = try failing { () throws(ConfigProblems) in
            try TOPFImport.schematicPaths(configuration)
        }
        for path in schematics {
            sources.append(try await template(Self.path(path, in: directory), named: path))
        }
        let cluster = try failing { () throws(ConfigProblems) in
            try TOPFImport.cluster(
                configuration: configuration, files: sources, environment: files.environment,
                talosVersion: options.talosVersion)
        }
        let secrets = try failing { () throws(ConfigProblems) in try TOPFImport.secretsPath(configuration) }
        try await write(cluster, bundle: try await bundle(Self.path(secrets, in: directory)))
    }

    /// What TOPF takes for a patch: YAML, or a template of it.
    private static func isPatch(_ path: String) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return name.contains(".yaml") || name.contains(".yml")
    }

    /// Templates are read as they are, everything else is decrypted.
    private func template(_ path: String, named name: String) async throws(CommandFailure) -> SourceFile {
        guard name.hasSuffix(".tpl") else { return try await files.source(path, named: name) }
        guard let text = String(validating: try files.bytes(of: path), as: UTF8.self) else {
            throw CommandFailure("\(name): must be UTF-8 text")
        }
        return SourceFile(path: name, text: text)
    }

    private func bundle(_ path: String) async throws(CommandFailure) -> SecretsBundle? {
        guard files.exists(path) else { return nil }
        let file = try await files.source(path)
        return try failing { () throws(ConfigProblems) in
            try SecretsBundle(yaml: file.text, source: file.path)
        }
    }

    // MARK: talhelper

    private func importTalhelper() async throws(CommandFailure) {
        let (directory, name) = location("talconfig.yaml")
        let configuration = try await files.source("\(directory)/\(name)", named: name)
        var environmentFiles: [SourceFile] = []
        for name in Self.names("talenv") where files.exists("\(directory)/\(name)") {
            environmentFiles.append(try await files.source("\(directory)/\(name)", named: name))
        }
        let environment = files.environment
        let paths = try failing { [environmentFiles] () throws(ConfigProblems) in
            try TalhelperImport.references(
                configuration, environmentFiles: environmentFiles, environment: environment)
        }
        var sources: [SourceFile] = []
        for path in paths {
            sources.append(try await files.source(Self.path(path, in: directory), named: path))
        }
        var bundle: (name: String, secrets: SecretsBundle)?
        if let name = Self.names("talsecret").first(where: { files.exists("\(directory)/\($0)") }) {
            let file = try await files.source("\(directory)/\(name)", named: name)
            let secrets = try failing { [environmentFiles] () throws(ConfigProblems) in
                try TalhelperImport.bundle(
                    file, environmentFiles: environmentFiles, environment: environment)
            }
            bundle = (name, secrets)
        }
        let cluster = try failing { [environmentFiles, sources, bundle] () throws(ConfigProblems) in
            try TalhelperImport.cluster(
                configuration: configuration, environmentFiles: environmentFiles, files: sources,
                bundle: bundle, environment: environment, talosVersion: options.talosVersion)
        }
        try await write(cluster, bundle: bundle.map { TalhelperImport.cleaned($0.secrets) })
    }

    /// The names that talhelper looks for, in its order.
    private static func names(_ stem: String) -> [String] {
        ["\(stem).yaml", "\(stem).sops.yaml", "\(stem).yml", "\(stem).sops.yml"]
    }

    // MARK: Paths

    /// The directory, and the name of the file that describes the cluster.
    private func location(_ name: String) -> (directory: String, name: String) {
        if files.isDirectory(options.source) { return (options.source, name) }
        guard let slash = options.source.lastIndex(of: "/") else { return (".", options.source) }
        return (
            slash == options.source.startIndex ? "/" : String(options.source[..<slash]),
            String(options.source[options.source.index(after: slash)...])
        )
    }

    private static func path(_ path: String, in directory: String) -> String {
        path.hasPrefix("/") ? path : "\(directory)/\(path)"
    }
}

extension ImportCommand {
    private func write(_ cluster: ImportedCluster, bundle: SecretsBundle?) async throws(CommandFailure) {
        let text =
            YAML.document(cluster.cluster)
            + cluster.secrets.map { "---\n" + YAML.document($0) }.joined()
        // A name from a file becomes that of a file.
        guard DNS1123.isLabel(cluster.name) else {
            throw CommandFailure(
                "clusterName: must be \(DNS1123.labelRule), not \(cluster.name.debugDescription)")
        }
        var planned = PlannedFiles()
        let path = "\(options.output)/\(cluster.name).yaml"
        planned.add(path, text, isSecret: cluster.holdsSecrets || !cluster.secrets.isEmpty)
        if let bundle { planned.add("\(options.output)/secrets.yaml", bundle.yaml, isSecret: true) }
        planned.add("\(options.output)/import-report.md", cluster.report)
        if let taken = planned.paths.first(where: { files.exists($0) }), !options.isForced {
            throw CommandFailure("\(taken): is there already; --force replaces it")
        }
        let problems = try await problems(of: text, path, bundle)
        try planned.write()
        for note in cluster.notes { output.print("\(note)\n") }
        if bundle == nil { output.print("there is no secrets bundle: render makes a new one\n") }
        if cluster.holdsSecrets {
            output.print("\(path): holds values that were encrypted, in the clear\n")
        }
        output.print("wrote \(planned.paths.joined(separator: ", "))\n")
        guard problems.isEmpty else {
            throw CommandFailure(["what was written is not valid yet:"] + problems)
        }
    }

    /// What is wrong with the configurations that the imported cluster stands for.
    private func problems(
        of text: String, _ path: String, _ bundle: SecretsBundle?
    ) async throws(CommandFailure) -> [String] {
        let documents: [JSONValue]
        do throws(YAMLError) {
            documents = try YAML.documents(Array(text.utf8))
        } catch {
            return ["\(path): \(error)"]
        }
        let rendering = Rendering([Rendering.File(name: path, documents: documents)], versions: .advisory)
        guard rendering.problems.isEmpty, let cluster = rendering.clusters.first else {
            return rendering.problems
        }
        let version = TalosVersion(
            major: cluster.spec.talosVersion.major, minor: cluster.spec.talosVersion.minor)
        var secrets = ClusterSecrets(bundle: bundle ?? SecretsBundle())
        if bundle == nil { secrets = try await ClusterSecrets.generated(version, path: nil) }
        do throws(CommandFailure) {
            _ = try ConfiguredCluster(
                cluster, secrets,
                layers: LayerCatalog(rendering, operatorNamespace: RenderOptions().layerNamespace))
            return []
        } catch {
            return error.lines
        }
    }
}
