// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// `talos-operator patch`: layers laid over a configuration, as `talosctl machineconfig patch` does.
enum PatchCommand {
    static func execute(
        _ options: PatchOptions, environment: [String: String], output: Output = .standard
    ) async -> Int32 {
        let files = CommandFiles(environment: environment)
        return await output.reporting { () async throws(CommandFailure) in
            let version = options.talosVersion ?? MachineConfigFile.defaultVersion
            var configuration = try await MachineConfigFile(files: files, version: version)
                .read(options.file)
            for (index, text) in options.patches.enumerated() {
                let layer = try await layer(text, index, files)
                let warnings = try failing { () throws(ConfigProblems) in
                    let patch = try ConfigPatch(
                        layer, number: UInt16(clamping: index + 1), version: version)
                    return try configuration.apply(patch)
                }
                for warning in warnings { output.printError("warning: \(warning)\n") }
            }
            guard let path = options.output, path != "-" else {
                output.print(configuration.yaml())
                return 0
            }
            var planned = PlannedFiles()
            planned.add(path, configuration.yaml(), isSecret: true)
            try planned.write()
            return 0
        }
    }

    /// A patch as talosctl reads its argument: `@file`, the name of a file, or the patch itself.
    private static func layer(
        _ text: String, _ index: Int, _ files: CommandFiles
    ) async throws(CommandFailure) -> Layer {
        let isName = !text.contains { $0.isNewline || $0 == " " } && text.first != "[" && text.first != "{"
        guard text.hasPrefix("@") || isName else {
            return Layer(name: "patch \(index + 1)", content: .text(text))
        }
        let file = try await files.source(text.hasPrefix("@") ? String(text.dropFirst()) : text)
        return Layer(name: file.path, content: .text(file.text), isSecret: file.wasEncrypted)
    }
}
