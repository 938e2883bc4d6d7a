// SPDX-License-Identifier: Apache-2.0
import Platform

/// Volumes and their encryption.
enum VolumeRules {
    /// What a partition's label has left after the prefix of two characters that Talos puts before the name.
    private static let longestName = 34

    static let kinds: [String: [ConfigRule]] = [
        "VolumeConfig": [
            ConfigRule("name", .oneOf("STATE", "EPHEMERAL", "IMAGECACHE")), ConfigRule("", check: state),
            encryption, sizes,
        ],
        "UserVolumeConfig": [
            name, ConfigRule("volumeType", .oneOf("directory", "disk", "partition")),
            ConfigRule("filesystem.type", .oneOf("ext4", "xfs")),
            ConfigRule("filesystem") { field, _, findings in
                guard field["projectQuotaSupport"].isTrue, !["", "xfs"].contains(field["type"].text) else {
                    return
                }
                findings.error(field["projectQuotaSupport"], "goes only with type xfs")
            },
            ConfigRule("", check: userVolume), encryption, sizes,
        ],
        "RawVolumeConfig": [name, ConfigRule("provisioning", check: partition), encryption, sizes],
        "SwapVolumeConfig": [name, ConfigRule("provisioning", check: partition), encryption, sizes],
        "ExistingVolumeConfig": [
            ConfigRule("name", ValueRule("letters, digits and hyphens", holds: isName)),
            ConfigRule("discovery.volumeSelector") { field, _, findings in
                guard field["match"].isZero else { return }
                findings.error(field["match"], "is required: which volume it is")
            },
        ],
        "ExternalVolumeConfig": [
            name, ConfigRule("filesystemType", required: "virtiofs"),
            ConfigRule("filesystemType", .oneOf("virtiofs")),
            ConfigRule("mount.virtiofs") { field, _, findings in
                guard field["tag"].isZero else { return }
                findings.error(field["tag"], "is required: which of the host's directories it is")
            },
        ],
        "ZswapConfig": [ConfigRule("maxPoolPercent", number: 0...100)],
    ]

    // MARK: - Names

    private static let name = ConfigRule(
        "name",
        ValueRule("1 to \(longestName) letters, digits and hyphens") {
            $0.utf8.count <= longestName && isName($0)
        })

    private static func isName(_ name: String) -> Bool {
        name.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-") }
    }

    // MARK: - Where volumes are

    private static let sizes = ConfigRule("provisioning") { field, _, findings in
        guard let least = DiskSize.bytes(field["minSize"].text),
            let most = DiskSize.bytes(field["maxSize"].text),
            least > most, most > 0
        else { return }
        findings.error(field["minSize"], "must not be more than maxSize")
    }

    /// The partition that Talos keeps its own configuration on.
    private static func state(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        guard field["name"].text == "STATE" else { return }
        if isSet(field["provisioning"]) {
            findings.error(field["provisioning"], "must not be set for STATE: Talos places it")
        }
        for key in field["encryption"]["keys"].elements where key["lockToState"].isTrue {
            findings.error(key["lockToState"], "must not be true for STATE itself")
        }
    }

    private static func userVolume(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        switch field["volumeType"].text {
        case "", "partition": partition(field["provisioning"], scope, &findings)
        case "disk":
            disk(field["provisioning"], &findings)
            for key in ["minSize", "maxSize", "grow"] where field["provisioning"][key].isSet {
                findings.error(
                    field["provisioning"][key], "must not be set for volumeType disk, which is all of a disk")
            }
        case "directory":
            for key in ["provisioning", "encryption", "filesystem"] where isSet(field[key]) {
                findings.error(field[key], "must not be set for volumeType directory")
            }
        default: break
        }
    }

    private static func partition(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        disk(field, &findings)
        guard field["minSize"].isZero, field["maxSize"].isZero else { return }
        findings.error(field["minSize"], "is required, or else maxSize: how large the volume is")
    }

    private static func disk(_ field: ConfigField, _ findings: inout ConfigFindings) {
        let match = field["diskSelector"]["match"]
        if match.isZero { findings.error(match, "is required: which disk the volume is on") }
    }

    /// Whether an object says anything; false is something.
    private static func isSet(_ field: ConfigField) -> Bool {
        field.members.contains { !$0.field.isZero || $0.field.isFalse }
    }

    // MARK: - Encryption

    private static let encryption = ConfigRule("encryption") { field, scope, findings in
        let provider = field["provider"]
        if ["", "none"].contains(provider.text), field["keys"].isZero { return }
        if provider.text != "luks2" { findings.error(provider, "must be luks2") }
        encryption(field, scope, &findings)
    }

    /// What keys may be made of.
    private static let methods = ["static", "nodeID", "kms", "tpm"]

    static func encryption(_ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings) {
        guard field.isSet else { return }
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
