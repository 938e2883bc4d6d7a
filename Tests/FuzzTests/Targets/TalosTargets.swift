// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

extension FuzzTarget {
    private static let configurationWords = [
        "---\n", "machine:\n", "cluster:\n", "  token: ", "    - ", "apiVersion: v1alpha1\n",
        "kind: HostnameConfig\n", "name: ", "off", "0o644", "1.10", "null", "|-\n      ", "\"", "'", "{}",
        "[]",
        "&a ", "*a", "<<: *a", "!!str ", "1m30s", "100 GB", "8000-8080", "\t", "\u{85}", "\u{2028}",
        "$patch: delete",
    ]

    static let talos = [
        FuzzTarget("talos-configuration", words: configurationWords, configuration)
    ]

    /// What is read is written, and reads back as what is written the same; of what is not read, problems say why.
    ///
    /// The first byte chooses the version.
    private static func configuration(_ bytes: [UInt8]) throws {
        let version = TalosVersion(minor: 3 + Int(bytes.first ?? 0) % 11)
        let text = Array(bytes.dropFirst()).text
        let configuration: MachineConfiguration
        do throws(ConfigProblems) {
            configuration = try MachineConfiguration(reading: text, source: "text", version: version)
        } catch {
            let places = 0...(2 + text.utf8.count)
            try require((1...ConfigProblems.limit).contains(error.problems.count), "some problems are named")
            try require(
                error.problems.allSatisfy { places.contains($0.line ?? 0) }, "\(error) lies in the text")
            return
        }
        let written = configuration.yaml()
        let again = try MachineConfiguration(reading: written, source: "written", version: version)
        try require(again.yaml() == written, "reads back as the same: \(written)")
        try require(
            again.documents.map(\.identity) == configuration.documents.map(\.identity), "has all documents")
        let redacted = configuration.redacted()
        let shown = try MachineConfiguration(reading: redacted.yaml(), source: "redacted", version: version)
        try require(shown.yaml() == redacted.yaml(), "reads back without its secrets: \(shown.yaml())")
    }
}
