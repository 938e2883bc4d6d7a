// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Installer image")
struct InstallerImageTests {
    private static let id = "613e1592b2da41ae5e265e8789429f22e121aab91cb4deb6bc3c0b6262961245"

    @Test(
        "the image's name follows from version, platform and SecureBoot",
        arguments: [
            ("v1.9.6", "metal", false, "factory.talos.dev/installer/"),
            ("v1.9.6", "nocloud", false, "factory.talos.dev/installer/"),
            ("v1.9.6", "metal", true, "factory.talos.dev/installer-secureboot/"),
            ("v1.10.0", "metal", false, "factory.talos.dev/metal-installer/"),
            ("v1.12.3", "nocloud", false, "factory.talos.dev/nocloud-installer/"),
            ("v1.12.3", "metal", true, "factory.talos.dev/metal-installer-secureboot/"),
            ("v1.14.0-alpha.1", "metal", false, "factory.talos.dev/metal-installer/"),
        ])
    func references(version: String, platform: String, isSecureBoot: Bool, start: String) {
        let image = InstallerImage(
            schematicID: Self.id, platform: platform, isSecureBoot: isSecureBoot, version: version)
        #expect(image.description == "\(start)\(Self.id):\(version)")
    }

    @Test("a factory of one's own may have a port and a path")
    func factories() {
        let image = InstallerImage(
            factory: "images.example.com:5000/talos", schematicID: "a", version: "v1.9.0")
        #expect(image.description == "images.example.com:5000/talos/installer/a:v1.9.0")
        #expect(InstallerImage.stock(version: "v1.9.0") == "ghcr.io/siderolabs/installer:v1.9.0")
    }

    @Test("an unknown platform is a problem")
    func platforms() throws {
        let path = FieldPath("spec", "schematic", "platform")
        #expect(InstallerImage.problem(withPlatform: "metal", path: path) == nil)
        let near = try #require(InstallerImage.problem(withPlatform: "metall", path: path))
        #expect(near.description == "spec.schematic.platform: must be metal, not metall")
        let far = try #require(InstallerImage.problem(withPlatform: "abacus", path: path))
        #expect(far.problem.contains("one of akamai, aws"))
    }

    @Test("an install image without the schematic would drop extensions, which is a problem")
    func dropping() throws {
        let schematic = try Schematic(
            reading: "customization: {systemExtensions: {officialExtensions: [siderolabs/iscsi-tools]}}")
        let image = InstallerImage(schematicID: schematic.id, version: "v1.12.3")
        let good = [
            image.description, "mirror.example.com/installer/\(schematic.id):v1.12.4",
            "mirror.example.com/\(schematic.id)@sha256:00", "mirror.example.com/\(schematic.id)",
        ]
        for reference in good { #expect(image.problem(with: reference, schematic: schematic) == nil) }
        let bad = [
            "ghcr.io/siderolabs/installer:v1.12.3", "factory.talos.dev/metal-installer/\(Self.id):v1.12.3",
            "",
            "example.com/\(schematic.id)/installer:v1",
        ]
        for reference in bad {
            let problem = try #require(image.problem(with: reference, schematic: schematic))
            #expect(problem.path.description == "machine.install.image")
            #expect(problem.problem.contains("would drop siderolabs/iscsi-tools"))
        }
    }

    @Test("a schematic that only the factory knows is held to as well, and a vanilla one has nothing to drop")
    func others() {
        let image = InstallerImage(schematicID: Self.id, version: "v1.12.3")
        let stock = InstallerImage.stock(version: "v1.12.3")
        #expect(
            image.problem(with: stock, schematic: nil)?.problem.contains("would drop what it asks for")
                == true)
        #expect(image.problem(with: stock, schematic: Schematic()) == nil)
    }
}
