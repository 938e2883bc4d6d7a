// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("Validation of a schematic")
struct SchematicFieldsTests {
    private static let id = String(repeating: "0a", count: 32)

    private func schematic(_ text: String) throws -> SchematicSpec {
        try #require(try Fixture.validSpec(#"{"management": "Config", "schematic": \#(text)}"#).schematic)
    }

    @Test("Short forms take their places in the Image Factory's document")
    func shortForms() throws {
        let spec = try schematic(
            """
            {"extensions": ["siderolabs/iscsi-tools"], "extraKernelArgs": ["a"], "meta": [{"key": 10, "value": "b"}],
             "secureboot": {"includeWellKnownCertificates": true}, "overlay": {"name": "n", "image": "i"},
             "customization": {"bootloader": "grub"}, "platform": "nocloud", "factory": "factory.example.com:8443/x"}
            """)
        let long = try Schematic(reading: [
            "overlay": ["name": "n", "image": "i"],
            "customization": [
                "bootloader": "grub",
                "systemExtensions": ["officialExtensions": ["siderolabs/iscsi-tools"]],
                "extraKernelArgs": ["a"], "meta": [["key": 10, "value": "b"]],
                "secureboot": ["includeWellKnownCertificates": true],
            ],
        ])
        #expect(spec.content == .schematic(long) && spec.schematic == long)
        #expect(
            spec.platform == "nocloud" && spec.factory == "factory.example.com:8443/x" && spec.isSecureboot)
    }

    @Test(
        "The image is one for secure boot if that is said, or if there are settings for it",
        arguments: [
            ("{}", false), (#"{"secureboot": true}"#, true), (#"{"secureboot": false}"#, false),
            (#"{"secureboot": {}}"#, true), (#"{"customization": {"secureboot": {}}}"#, true),
            (#"{"secureboot": false, "customization": {"secureboot": {}}}"#, false),
        ])
    func secureboot(text: String, expected: Bool) throws {
        #expect(try schematic(text).isSecureboot == expected)
    }

    @Test("One that is registered already is named by its ID alone")
    func registered() throws {
        let spec = try schematic(#"{"id": "\#(Self.id)", "secureboot": true}"#)
        #expect(spec.content == .id(Self.id) && spec.isSecureboot && spec.platform == "metal")
        #expect(spec.factory == "factory.talos.dev")
    }

    @Test(
        "What is wrong is named with its path",
        arguments: [
            ("[]", ": must be an object, not a list"),
            (#"{"id": "12"}"#, #".id: must be 64 lower-case hexadecimal digits, not "12""#),
            (
                #"{"id": "\#(id)", "extensions": ["a/b"]}"#,
                ".extensions: must be absent beside id, which names a whole schematic"
            ),
            (
                #"{"extensions": ["a/b"], "customization": {"systemExtensions": {"officialExtensions": ["b/c"]}}}"#,
                ".extensions: must be absent beside spec.schematic.customization.systemExtensions.officialExtensions, which says the same"
            ),
            (
                #"{"meta": [], "customization": {"meta": []}}"#,
                ".meta: must be absent beside spec.schematic.customization.meta, which says the same"
            ),
            (#"{"extensions": "a"}"#, ".extensions: must be a list, not a string"),
            (#"{"secureboot": "yes"}"#, ".secureboot: must be an object, not a string"),
            (#"{"customization": 1}"#, ".customization: must be an object, not a number"),
            (
                #"{"factory": "https://factory.talos.dev"}"#,
                #".factory: must be a host such as factory.talos.dev, not "https://factory.talos.dev""#
            ),
            (#"{"platform": "mettal"}"#, ".platform: must be metal, not mettal"),
            (
                #"{"extensions": ["a/b", "iscsi"]}"#,
                ".extensions[1]: must be a name without version, such as siderolabs/iscsi-tools"
            ),
            (
                #"{"customization": {"kernelArgs": []}}"#,
                ".customization.kernelArgs: unknown field; a schematic has here embeddedMachineConfiguration, extraKernelArgs, meta, systemExtensions, bootloader, secureboot, diskImage"
            ),
            (#"{"overlay": {"name": "a"}}"#, ".overlay: must have both a name and an image"),
            (
                #"{"extension": []}"#,
                #"["extension"]: is not known here: there are id, factory, platform, owner, overlay, customization, extensions, extraKernelArgs, meta, secureboot"#
            ),
        ])
    func wrongFields(text: String, problem: String) {
        let spec = Fixture.spec(#"{"management": "Config", "schematic": \#(text)}"#)
        #expect(ClusterValidation(spec).problemLines == ["spec.schematic\(problem)"])
    }
}
