// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// The image that installs Talos on a machine, from an Image Factory.
package struct InstallerImage: Sendable, Hashable, CustomStringConvertible {
    /// The factory that everybody can use.
    package static let publicFactory = "factory.talos.dev"

    /// The platforms that Talos has installers for.
    package static let platforms = [
        "akamai", "aws", "azure", "cloudstack", "digital-ocean", "exoscale", "gcp", "hcloud", "metal",
        "nocloud",
        "opennebula", "openstack", "oracle", "scaleway", "upcloud", "vmware", "vultr",
    ]

    /// The factory's host, perhaps with a port and a path.
    package var factory: String
    /// 64 hexadecimal digits.
    package var schematicID: String
    package var platform: String
    package var isSecureBoot: Bool
    /// In full, as in `v1.12.3`; it is the image's tag.
    package var version: String

    package init(
        factory: String = publicFactory, schematicID: String, platform: String = "metal",
        isSecureBoot: Bool = false, version: String
    ) {
        self.factory = factory
        self.schematicID = schematicID
        self.platform = platform
        self.isSecureBoot = isSecureBoot
        self.version = version
    }

    /// The image without a factory, which has no extensions.
    package static func stock(version: String) -> String {
        "ghcr.io/siderolabs/installer:\(version)"
    }

    /// The reference, as in `factory.talos.dev/metal-installer/3765….4ba:v1.12.3`.
    ///
    /// Since Talos 1.10 there is an image for each platform; before, one for all.
    package var description: String {
        let isForAll = TalosVersion(version).map { $0 < TalosVersion(minor: 10) } ?? false
        let name = (isForAll ? "installer" : "\(platform)-installer") + (isSecureBoot ? "-secureboot" : "")
        return "\(factory)/\(name)/\(schematicID):\(version)"
    }

    /// Why there is no such platform; nil if there is.
    package static func problem(withPlatform platform: String, path: FieldPath) -> ConfigProblem? {
        guard !platforms.contains(platform) else { return nil }
        let near = NearNames.of(platform, among: platforms)
        let hint =
            near.isEmpty ? "one of \(platforms.joined(separator: ", "))" : near.joined(separator: " or ")
        return ConfigProblem(path: path, problem: "must be \(hint), not \(platform)")
    }

    /// What is wrong with the install image that a configuration ended up with; nil if it is of this schematic.
    ///
    /// Another image would be installed without complaint, and without the extensions. `schematic` is what the id
    /// stands for, if that is known; a vanilla one has nothing that could get lost.
    package func problem(
        with installImage: String, schematic: Schematic?,
        path: FieldPath = FieldPath("machine", "install", "image")
    ) -> ConfigProblem? {
        if let schematic, schematic.isVanilla { return nil }
        let name = installImage.split(separator: "/").last ?? ""
        guard name != schematicID, !name.hasPrefix("\(schematicID):"), !name.hasPrefix("\(schematicID)@")
        else {
            return nil
        }
        let extensions = schematic?.officialExtensions ?? []
        let lost = extensions.isEmpty ? "what it asks for" : extensions.joined(separator: ", ")
        return ConfigProblem(
            path: path,
            problem:
                "must be an image of schematic \(schematicID), such as \(self); another one would drop \(lost)"
        )
    }
}
