// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Platform
import StructuredData
import Talos

/// `talos-operator validate`: checks configurations as `talosctl validate` does.
struct ValidateCommand {
    private let options: ValidateOptions
    private let files: CommandFiles
    private let output: Output

    static func execute(
        _ options: ValidateOptions, environment: [String: String], output: Output = .standard
    ) async -> Int32 {
        let command = ValidateCommand(
            options: options, files: CommandFiles(environment: environment), output: output)
        return await output.reporting { () async throws(CommandFailure) in
            var problems: [String] = []
            for file in options.files {
                do throws(CommandFailure) {
                    try await command.check(file)
                } catch {
                    problems += error.lines
                }
            }
            guard problems.isEmpty else { throw CommandFailure(problems) }
            return 0
        }
    }

    private func check(_ path: String) async throws(CommandFailure) {
        let file = try await files.source(path)
        guard Self.hasCluster(file.text) else { return try check(file) }
        let rendering = try await ManifestInput(files: files).rendering([path])
        for warning in rendering.warnings { output.printError("warning: \(warning)\n") }
        for cluster in rendering.clusters {
            let version = TalosVersion(
                major: cluster.spec.talosVersion.major, minor: cluster.spec.talosVersion.minor)
            let configured = try ConfiguredCluster(
                cluster, try await ClusterSecrets.generated(version, path: nil),
                layers: LayerCatalog(rendering, operatorNamespace: RenderOptions().layerNamespace))
            for machine in configured.machines {
                try report(
                    ConfigValidation(
                        machine.configuration, mode: options.mode, sources: machine.layerNames,
                        secretLayers: Set(machine.secretLayers.map { UInt16(clamping: $0) }),
                        isStrict: options.isStrict), of: "\(path): \(machine.machine)")
            }
        }
        output.print("\(path): valid for \(options.mode.rawValue) mode\n")
    }

    private func check(_ file: SourceFile) throws(CommandFailure) {
        let configuration = try failing { () throws(ConfigProblems) in
            try MachineConfiguration(
                reading: file.text, source: file.path,
                version: options.talosVersion ?? MachineConfigFile.defaultVersion)
        }
        try report(
            ConfigValidation(
                configuration, mode: options.mode, sources: [file.path], isStrict: options.isStrict),
            of: nil)
        output.print("\(file.path): valid for \(options.mode.rawValue) mode\n")
    }

    private func report(_ validation: ConfigValidation, of place: String?) throws(CommandFailure) {
        let prefix = place.map { "\($0): " } ?? ""
        for warning in validation.warnings { output.printError("warning: \(prefix)\(warning)\n") }
        guard validation.errors.isEmpty else {
            throw CommandFailure(validation.errors.map { "\(prefix)\($0)" })
        }
    }

    private static func hasCluster(_ text: String) -> Bool {
        do throws(YAMLError) {
            return try YAML.documents(Array(text.utf8)).contains { document in
                document["kind"] == "KubernetesCluster" || document["kind"] == "List"
            }
        } catch {
            return false  // Whoever reads it says what is wrong.
        }
    }
}
