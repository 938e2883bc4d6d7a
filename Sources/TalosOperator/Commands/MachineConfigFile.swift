// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// Machine configurations in files, as the commands about them read them.
struct MachineConfigFile {
    /// The version that configurations are read for if none is named: the newest knows all fields.
    static let defaultVersion = TalosVersion.supported.upperBound

    let files: CommandFiles
    let version: TalosVersion?

    func read(_ path: String) async throws(CommandFailure) -> MachineConfiguration {
        let file = try await files.source(path)
        return try failing { () throws(ConfigProblems) in
            try MachineConfiguration(
                reading: file.text, source: file.path, version: version ?? Self.defaultVersion)
        }
    }

    /// Whether a text is a machine configuration: its first document has no kind, but a machine or a cluster.
    static func isMachineConfiguration(_ text: String) -> Bool {
        do throws(YAMLError) {
            return try YAML.nodes(Array(text.utf8)).contains { node in
                guard let document = node?.json else { return false }
                if document["kind"] != nil { return document["apiVersion"] == "v1alpha1" }
                return document["machine"] != nil || document["version"] == "v1alpha1"
            }
        } catch {
            return false  // Whoever reads it says what is wrong.
        }
    }
}
