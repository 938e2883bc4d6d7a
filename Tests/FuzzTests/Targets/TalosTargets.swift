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

    private static let findingWords = [
        "kind: LinkConfig\n", "type: worker", "network:", "interfaces:", "- interface: a", "******",
        "bond: {miimon: 0, updelay: 1}", "controlPlane: {endpoint: ", "https://[::1]:6443", "10.0.0.0/08",
        "!::/0", "fe80::1%", "1.5GiB", "1m", "nodeTaints: {a: ':NoSchedule'}", "systemDiskEncryption:",
        "keys: [{slot: -1}]", "\u{1B}[31m", "\u{212A}",
    ]

    static let talos = [
        FuzzTarget("talos-configuration", words: configurationWords, configuration),
        FuzzTarget("talos-findings", words: configurationWords + findingWords, findings),
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

    /// Whatever is a configuration can be checked, and compared: with itself it has no difference, and nothing that is
    /// said of it acts on a terminal.
    private static func findings(_ bytes: [UInt8]) throws {
        let halves = bytes.text.split(separator: "\0", maxSplits: 1).map(String.init)
        let configurations = halves.enumerated().compactMap { index, text in
            Result { () throws(ConfigProblems) in
                try MachineConfiguration(
                    reading: text, source: "f", layer: UInt16(index),
                    version: TalosVersion(minor: 3 + bytes.count % 11))
            }
        }
        var read: [MachineConfiguration] = []
        for result in configurations {
            switch result {
            case .success(let configuration): read.append(configuration)
            case .failure(let problems): try requirePrintable(problems.description)
            }
        }
        for configuration in read {
            for mode in ValidationMode.allCases {
                let validation = ConfigValidation(configuration, mode: mode, sources: ["f", "g"])
                try require(validation.errors.count <= ConfigProblems.limit, "errors have a limit")
                for finding in validation.errors + validation.warnings {
                    try requirePrintable(finding.description)
                }
            }
            try require(
                ConfigDifference(from: configuration, to: configuration).entries.isEmpty, "equal to itself")
            try requirePrintable(ConfigDifference(from: nil, to: configuration).text())
            let shown = ConfigDifference(from: configuration, to: read.last, oldSecretLayers: [0])
            try requirePrintable(shown.text())
            try require(shown.json.encoded().count >= 2, "is a list")
        }
    }

    private static func requirePrintable(_ text: String) throws {
        try require(
            text.unicodeScalars.allSatisfy {
                $0 == "\n" || $0 == "\t" || ($0.value >= 0x20 && !(0x7f...0x9f).contains($0.value))
            },
            "printable: \(text.debugDescription)")
    }
}
