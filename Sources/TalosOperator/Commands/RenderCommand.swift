// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Platform
import StructuredData
import Talos

/// `talos-operator render`: what KubernetesClusters in files stand for, without any API server.
struct RenderCommand {
    private let options: RenderOptions
    private let files: CommandFiles
    private let output: Output

    /// Prints or writes what is asked for; returns the exit status.
    ///
    /// Nothing is printed or written unless all is valid.
    static func execute(
        _ options: RenderOptions, environment: [String: String] = [:], output: Output = .standard
    ) async -> Int32 {
        let command = RenderCommand(
            options: options, files: CommandFiles(environment: environment), output: output)
        return await output.reporting { () async throws(CommandFailure) in
            try await command.run()
            return 0
        }
    }

    private func run() async throws(CommandFailure) {
        let rendering = try await ManifestInput(files: files).rendering(options.files)
        for warning in rendering.warnings { output.printError("warning: \(warning)\n") }
        var planned = PlannedFiles()
        var printed = ""
        for manifest in rendering.manifests {
            if let directory = options.outputDirectory {
                planned.add("\(directory)/\(manifest.path)", manifest.text)
            } else {
                printed += "---\n\(manifest.text)"
            }
        }
        let configurations = try await configurations(rendering)
        for warning in configurations.flatMap(\.warnings) { output.printError("warning: \(warning)\n") }
        if options.explains || (options.machine != nil && options.outputDirectory == nil) {
            printed = try machines(configurations)
        }
        for cluster in configurations where options.outputDirectory != nil {
            try await cluster.plan(&planned, options)
        }
        try planned.write()
        if options.outputDirectory == nil || options.explains { output.print(printed) }
    }

    /// The configurations of all clusters that get any.
    private func configurations(_ rendering: Rendering) async throws(CommandFailure) -> [ConfiguredCluster] {
        let wanted = rendering.clusters.filter(isConfigured)
        if options.secrets != nil, wanted.count > 1 {
            output.printError("warning: \(wanted.count) clusters get the same secrets\n")
        }
        let layers = LayerCatalog(rendering, operatorNamespace: options.layerNamespace)
        var clusters: [ConfiguredCluster] = []
        var problems: [String] = []
        for cluster in wanted {
            do throws(CommandFailure) {
                let secrets = try await secrets(of: cluster)
                clusters.append(
                    try ConfiguredCluster(cluster, secrets, layers: layers))
            } catch {
                problems += error.lines
            }
        }
        guard problems.isEmpty else { throw CommandFailure(problems) }
        return clusters
    }

    /// Whether a cluster gets configurations: the operator would make them, or somebody asks for them here.
    private func isConfigured(_ cluster: Rendering.Cluster) -> Bool {
        if cluster.spec.management != .machines || options.secrets != nil { return true }
        let isAsked = options.outputDirectory != nil || options.explains || options.machine != nil
        guard isAsked else { return false }
        let version = cluster.spec.talosVersion
        let isKnown = TalosVersion.supported.contains(
            TalosVersion(major: version.major, minor: version.minor))
        if !isKnown {
            output.printError(
                "warning: \(cluster.place): spec.talosVersion: no configurations are made for Talos \(version)\n"
            )
        }
        return isKnown
    }

    private func secrets(of cluster: Rendering.Cluster) async throws(CommandFailure) -> ClusterSecrets {
        let version = TalosVersion(
            major: cluster.spec.talosVersion.major, minor: cluster.spec.talosVersion.minor)
        if let path = options.secrets {
            return try await ClusterSecrets.read(path, files, version, output)
        }
        guard let directory = options.outputDirectory else {
            guard options.machine == nil || options.explains else {
                throw CommandFailure("render: --machine needs --secrets FILE or -o DIR")
            }
            return try await ClusterSecrets.generated(version, path: nil)
        }
        let path = "\(directory)/\(cluster.directory)/\(ConfiguredCluster.secretsName)"
        guard files.exists(path) else { return try await ClusterSecrets.generated(version, path: path) }
        return try await ClusterSecrets.read(path, files, version, output)
    }

    /// What is printed of machines: their configurations, or where the values of these come from.
    private func machines(_ clusters: [ConfiguredCluster]) throws(CommandFailure) -> String {
        let machines = clusters.flatMap(\.machines).filter { machine in
            options.machine == nil || options.machine == machine.machine
        }
        if let name = options.machine, machines.isEmpty {
            throw CommandFailure("there is no machine \(name)")
        }
        guard options.explains else { return machines.map(\.yaml).joined() }
        let explained = try provenances(of: machines)
        guard options.format == .json else { return Self.text(explained) }
        let members = explained.map { JSONObject.Member(key: $0.machine, value: $0.provenance.json) }
        return String(decoding: JSONValue.object(JSONObject(members)).encoded(), as: UTF8.self) + "\n"
    }
}

extension RenderCommand {
    /// Where the values come from at the path that is asked for, of the machines that have it; at least one must.
    private func provenances(
        of machines: [RenderedConfig]
    ) throws(CommandFailure) -> [(machine: String, provenance: Provenance)] {
        var found: [(machine: String, provenance: Provenance)] = []
        var problems: [String] = []
        for machine in machines {
            do throws(ConfigProblem) {
                found.append((machine.machine, try machine.provenance.at(options.path)))
            } catch {
                problems.append("\(machine.machine): \(error)")
            }
        }
        guard !found.isEmpty || problems.isEmpty else { throw CommandFailure(problems) }
        return found
    }

    /// A table for each machine; neighbours with the same one share it.
    private static func text(_ explained: [(machine: String, provenance: Provenance)]) -> String {
        var tables: [(machines: [String], text: String)] = []
        for (machine, provenance) in explained {
            let text = provenance.text
            if let last = tables.indices.last, tables[last].text == text {
                tables[last].machines.append(machine)
            } else {
                tables.append(([machine], text))
            }
        }
        return tables.map { "\($0.machines.joined(separator: ", "))\n\($0.text)\n" }.joined()
    }
}

/// Reads the files of `-f`.
struct ManifestInput {
    let files: CommandFiles

    /// What the clusters of files and directories stand for; in directories, files without a manifest are passed over.
    func rendering(_ paths: [String]) async throws(CommandFailure) -> Rendering {
        var manifests: [Rendering.File] = []
        var problems: [String] = []
        for path in paths {
            do throws(CommandFailure) {
                let isDirectory = path != "-" && files.isDirectory(path)
                for file in try files.manifests(path) {
                    let documents = try await documents(file)
                    guard !isDirectory || documents.contains(where: Self.isManifest) else { continue }
                    manifests.append(
                        Rendering.File(name: CommandFiles.name(of: file), documents: documents))
                }
            } catch {
                problems += error.lines
            }
        }
        let rendering = Rendering(manifests, versions: .advisory)
        problems = rendering.problems + problems
        guard problems.isEmpty else { throw CommandFailure(problems) }
        return rendering
    }

    private func documents(_ path: String) async throws(CommandFailure) -> [JSONValue] {
        let source = try await files.source(path)
        do throws(YAMLError) {
            return try YAML.documents(Array(source.text.utf8))
        } catch {
            throw CommandFailure("\(source.path): \(error)")
        }
    }

    private static func isManifest(_ document: JSONValue) -> Bool {
        let kinds = ["KubernetesCluster", "ConfigMap", "Secret", "List"]
        return document["kind"]?.string.map(kinds.contains) ?? false
    }
}
