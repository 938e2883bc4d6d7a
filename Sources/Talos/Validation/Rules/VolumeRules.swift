// SPDX-License-Identifier: Apache-2.0
import Platform

/// Volumes and their encryption.
enum VolumeRules {
    /// What a partition's label has left after the prefix of two characters that Talos puts before the name.
    private static let longestName = 34

    static let kinds: [String: [ConfigRule]] = [
        "VolumeConfig": [ConfigRule("name", .oneOf("STATE", "EPHEMERAL", "IMAGECACHE"))] + provisioned,
        "UserVolumeConfig": [
            name, ConfigRule("volumeType", .oneOf("directory", "disk", "partition")),
            ConfigRule("filesystem.type", .oneOf("ext4", "xfs")),
        ] + provisioned,
        "RawVolumeConfig": [name] + provisioned,
        "SwapVolumeConfig": [name] + provisioned,
        "ExistingVolumeConfig": [name],
        "ZswapConfig": [ConfigRule("maxPoolPercent", number: 0...100)],
    ]

    private static let name = ConfigRule(
        "name",
        ValueRule("1 to \(longestName) letters, digits and hyphens") { name in
            name.utf8.count <= longestName
                && name.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-") }
        })

    private static let provisioned = [
        ConfigRule("encryption", check: encryption),
        ConfigRule("provisioning") { field, _, findings in
            guard let least = DiskSize.bytes(field["minSize"].text),
                let most = DiskSize.bytes(field["maxSize"].text),
                least > most
            else { return }
            findings.error(field["minSize"], "must not be more than maxSize")
        },
    ]

    /// What keys may be made of.
    private static let methods = ["static", "nodeID", "kms", "tpm"]

    static func encryption(_ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings) {
        guard !field.isZero else { return }
        if field["keys"].isZero {
            findings.error(field["keys"], "is required: what the volume is unlocked with")
        }
        var slots: Set<Int64> = []
        for key in field["keys"].elements {
            if !slots.insert(key["slot"].number).inserted {
                findings.error(key["slot"], "must be unique, but another key has the same slot")
            }
            if !methods.contains(where: { key[$0].isSet }) {
                findings.error(key, "must have one of \(methods.joined(separator: ", "))")
            }
        }
    }
}
