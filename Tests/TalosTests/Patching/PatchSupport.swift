// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

/// Configurations and layers for tests.
enum Patching {
    static let version = TalosVersion(minor: 13)

    static func configuration(_ text: String, version: TalosVersion = version) throws -> MachineConfiguration
    {
        try MachineConfiguration(reading: text, source: "config", version: version)
    }

    /// Layers called `layer1`, `layer2` … of texts.
    static func patches(_ texts: [String], version: TalosVersion = version) throws -> [ConfigPatch] {
        try texts.enumerated().map { place, text in
            let layer = Layer(name: "layer\(place + 1)", content: .text(text))
            return try ConfigPatch(layer, number: UInt16(place + 1), version: version)
        }
    }

    /// A configuration with layers laid over it.
    static func patched(
        _ text: String, _ texts: String..., version: TalosVersion = version
    ) throws -> MachineConfiguration {
        var configuration = try configuration(text, version: version)
        for patch in try patches(texts, version: version) { try configuration.apply(patch) }
        return configuration
    }

    /// Everything that is wrong with laying a layer over a configuration.
    static func problems(_ text: String, _ layer: String, version: TalosVersion = version) throws -> [String]
    {
        var configuration = try configuration(text, version: version)
        let before = configuration.yaml()
        do throws(ConfigProblems) {
            let layer = Layer(name: "layer1", content: .text(layer))
            try configuration.apply(try ConfigPatch(layer, number: 1, version: version))
            return []
        } catch {
            #expect(configuration.yaml() == before, "an error leaves everything as it was")
            return error.problems.map(\.description)
        }
    }

    /// The text of a configuration that says no more than `machine`, as an indented block.
    static func machine(_ block: String) -> String {
        "machine:\n" + block.split(separator: "\n").map { "  \($0)\n" }.joined()
    }
}
