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
        var isFound = options.machine == nil
        var text = ""
        var members: [JSONObject.Member] = []
        for machine in clusters.flatMap(\.machines) {
            guard options.machine == nil || options.machine == machine.machine else { continue }
            isFound = true
            guard options.explains else {
                text += machine.yaml
                continue
            }
            let provenance = try Self.provenance(of: machine, at: options.path)
            members.append(JSONObject.Member(key: machine.machine, value: provenance.json))
            text += "\(machine.machine)\n\(provenance.text)\n"
        }
        guard isFound else { throw CommandFailure("there is no machine \(options.machine ?? "")") }
        guard options.explains, options.format == .json else { return text }
        return String(decoding: JSONValue.object(JSONObject(members)).encoded(), as: UTF8.self) + "\n"
    }
}

extension RenderCommand {
    private static func provenance(
        of machine: RenderedConfig, at path: String?
    ) throws(CommandFailure) -> Provenance {
        do throws(ConfigProblem) {
            return try machine.provenance.at(path)
        } catch {
            throw CommandFailure("\(machine.machine): \(error)")
        }
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
