// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Schematic")
struct SchematicTests {
    /// The ids that the Image Factory gave.
    static let known = [
        ("{}", "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"),
        ("customization: {}", "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"),
        (
            "customization: {extraKernelArgs: [], systemExtensions: {}, meta: }\noverlay:",
            "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
        ),
        (
            "customization: {extraKernelArgs: [noapic, nolapic]}",
            "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c"
        ),
        (
            "customization: {meta: [{key: 0xa, value: foo}]}",
            "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f"
        ),
        (
            "overlay: {name: rpi_generic, image: siderolabs/sbc-raspberrypi}",
            "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9"
        ),
        (
            "customization: {secureboot: {includeWellKnownCertificates: true}}",
            "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6"
        ),
        (
            """
            customization:
              systemExtensions:
                officialExtensions:
                  - siderolabs/iscsi-tools
                  - siderolabs/util-linux-tools
            """, "613e1592b2da41ae5e265e8789429f22e121aab91cb4deb6bc3c0b6262961245"
        ),
    ]

    @Test("the id is the one that the Image Factory gives", arguments: known)
    func identifiers(text: String, id: String) throws {
        let schematic = try Schematic(reading: text)
        #expect(schematic.id == id)
        // What it is written as reads the same.
        #expect(try Schematic(reading: schematic.canonicalYAML) == schematic)
        let value = try #require(try YAML.documents(Array(text.utf8)).first)
        #expect(try Schematic(reading: value) == schematic)
    }

    @Test("everything a schematic can have is written in the factory's order and layout")
    func canonical() throws {
        let text = """
            overlay: {options: {b: 1, a: [x, yes], c: {d: "1.0"}}, name: n, image: i/o}
            customization:
              diskImage: {sectorSize: 4096}
              secureboot: {includeWellKnownCertificates: yes, enrollKeys: off}
              bootloader: Dual-Boot
              systemExtensions: {officialExtensions: [b/z, a/y]}
              meta: [{value: "1", key: 12}, {key: 0o12, value: "a\\nb\\n"}]
              extraKernelArgs: [-console, 'a: b', "true", 0x10, "x #y"]
              embeddedMachineConfiguration: |
                machine: {}
            owner: me
            """
        #expect(
            try Schematic(reading: text).canonicalYAML == """
                owner: me
                overlay:
                    image: i/o
                    name: "n"
                    options:
                        a:
                            - x
                            - "yes"
                        b: 1
                        c:
                            d: "1.0"
                customization:
                    embeddedMachineConfiguration: |
                        machine: {}
                    extraKernelArgs:
                        - -console
                        - 'a: b'
                        - "true"
                        - "0x10"
                        - 'x #y'
                    meta:
                        - key: 12
                          value: "1"
                        - key: 10
                          value: |
                            a
                            b
                    systemExtensions:
                        officialExtensions:
                            - b/z
                            - a/y
                    bootloader: dual-boot
                    secureboot:
                        enrollKeys: "off"
                        includeWellKnownCertificates: true
                    diskImage:
                        sectorSize: 4096

                """)
    }

    @Test("the default bootloader is the same as none named")
    func bootloader() throws {
        #expect(try Schematic(reading: "customization: {bootloader: none}") == Schematic())
        #expect(
            try Schematic(reading: "customization: {bootloader: SD-Boot}").canonicalYAML
                == "customization:\n    bootloader: sd-boot\n")
    }

    @Test(
        "what the factory would refuse or misunderstand is a problem that names the place",
        arguments: [
            (
                "customisation: {}",
                "schematic, line 1: customisation: unknown field; a schematic has here owner, overlay, customization"
            ),
            ("customization: {kernelArgs: []}", "customization.kernelArgs: unknown field"),
            (
                "\ncustomization:\n  systemExtensions: [a/b]",
                "line 3: customization.systemExtensions: must be an object"
            ),
            ("customization: []", "customization: must be an object"), ("[]", "must be an object"),
            ("", "is empty"), ("# nothing\n", "is empty"), ("{}\n---\n{}", "must be one document, not 2"),
            (
                "customization: {meta: [{key: 256, value: x}]}",
                "schematic, line 1: customization.meta[0].key: must be at most 255"
            ),
            (
                "customization: {meta: [{key: \"10\", value: x}]}",
                "meta[0].key: must be a whole number, not a string in quotes"
            ),
            ("customization: {meta: [{value: x}]}", "meta[0]: must have a key"),
            ("customization: {meta: [{key: 1}, {key: 1}]}", "meta[1].key: stands twice: 1"),
            ("customization: {extraKernelArgs: ['']}", "extraKernelArgs[0]: must not be empty"),
            ("customization: {extraKernelArgs: [a: b]}", "extraKernelArgs[0]: must be a string"),
            ("customization: {extraKernelArgs: a}", "extraKernelArgs: must be a list"),
            (
                "customization: {systemExtensions: {officialExtensions: [a/b, c/d, a/b]}}",
                "[2]: stands twice: a/b"
            ),
            (
                "customization: {systemExtensions: {officialExtensions: [iscsi-tools]}}",
                "such as siderolabs/iscsi-tools"
            ),
            ("customization: {systemExtensions: {officialExtensions: ['a/b:v1']}}", "without version"),
            ("customization: {systemExtensions: {officialExtensions: ['']}}", "officialExtensions[0]"),
            ("customization: {bootloader: lilo}", "one of none, dual-boot, sd-boot, grub"),
            ("customization: {secureboot: {enrollKeys: maybe}}", "one of off, manual, if-safe, force"),
            ("customization: {secureboot: {includeWellKnownCertificates: 1}}", "must be true or false"),
            ("customization: {diskImage: {sectorSize: -1}}", "sectorSize: must be at least 0"),
            ("overlay: {name: rpi_generic}", "overlay: must have both a name and an image"),
            ("overlay: {name: a, image: b, options: c}", "overlay.options: must be an object"),
            ("a: 1\na: 2", "schematic"),
        ])
    func refusing(text: String, message: String) throws {
        let problems = try #require(throws: ConfigProblems.self) { try Schematic(reading: text) }
        #expect(problems.description.contains(message))
    }

    @Test(
        "a number or truth value of an API object does not tell how it was written, so text must be in quotes"
    )
    func typedValues() throws {
        let value: JSONValue = ["customization": ["extraKernelArgs": [1, true]]]
        let problems = try #require(throws: ConfigProblems.self) { try Schematic(reading: value) }
        #expect(problems.problems.count == 2)
        #expect(problems.description.contains("put it into quotes"))
    }
}
