// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// `talos-operator schematic`: what the Image Factory would say of a schematic.
enum SchematicCommand {
    static func execute(
        _ options: SchematicOptions, environment: [String: String], output: Output = .standard
    ) async -> Int32 {
        let files = CommandFiles(environment: environment)
        return await output.reporting { () async throws(CommandFailure) in
            let file = try await files.source(options.file)
            let schematic = try failing { () throws(ConfigProblems) in
                try Schematic(reading: file.text, source: file.path)
            }
            guard let version = options.installer else {
                output.print("\(schematic.id)\n")
                return 0
            }
            if let problem = InstallerImage.problem(withPlatform: options.platform, path: .root) {
                throw CommandFailure("--platform: \(problem.problem)")
            }
            let image = InstallerImage(
                factory: options.factory, schematicID: schematic.id, platform: options.platform,
                isSecureBoot: options.isSecureboot,
                version: version.hasPrefix("v") ? version : "v\(version)")
            output.print("\(image)\n")
            return 0
        }
    }
}
