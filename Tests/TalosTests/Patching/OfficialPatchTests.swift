// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

@testable import Talos

@Suite("Talos' own patch cases", .enabled(if: TalosReference.isThere))
struct OfficialPatchTests {
    private static func text(_ name: String) throws -> String {
        try TalosReference.text(of: "\(TalosReference.directory ?? "")/patches/\(name).yaml")
    }

    private static func patch(_ name: String) throws -> ConfigPatch {
        try ConfigPatch(Layer(name: name, content: .text(text(name))), number: 1, version: Patching.version)
    }

    private static func apply(_ names: [String], in directory: String) throws -> String {
        var configuration = try Patching.configuration(text("\(directory)/config"))
        for name in names { try configuration.apply(patch("\(directory)/\(name)")) }
        return configuration.yaml()
    }

    @Test(
        "the result is the expected one, byte for byte",
        arguments: [
            ("apply", ["strategic1", "jsonpatch1", "jsonpatch2", "strategic2", "strategic3"], "expected"),
            ("apply", ["strategic4"], "expected_manifests"),
            ("multidoc", ["strategic1", "strategic2"], "expected"),
            ("multidoc", ["strategic1", "strategic2", "strategic3"], "expected"),
        ])
    func results(directory: String, patches: [String], expected: String) throws {
        #expect(try Self.apply(patches, in: directory) == Self.text("\(directory)/\(expected)"))
    }

    @Test("operations are refused where there are several documents")
    func multipleDocuments() throws {
        let problems = #expect(throws: ConfigProblems.self) { try Self.apply(["jsonpatch"], in: "multidoc") }
        #expect(
            problems?.problems.first?.problem.hasPrefix(
                "JSON6902 patches are not supported for multi-document machine configuration") == true)
    }
}
