// SPDX-License-Identifier: Apache-2.0

/// The machine itself: its type, its certificate authority, how it is installed.
enum MachineRules {
    static let all: [ConfigRule] =
        general + authority + install + RuntimeSpecRules.all + [
            ConfigRule("machine.disks[]", check: disk),
            ConfigRule("machine.systemDiskEncryption.state", check: VolumeRules.encryption),
            ConfigRule("machine.systemDiskEncryption.ephemeral", check: VolumeRules.encryption),
            ConfigRule("machine.registries.mirrors{}", check: notNull),
            ConfigRule("machine.registries.config{}", check: notNull),
            ConfigRule("machine.logging.destinations[].endpoint", required: "where logs are sent to"),
            ConfigRule("machine.logging.destinations[].endpoint", .url(schemes: "tcp", "udp")),
            ConfigRule("machine.logging.destinations[].format", required: "json_lines"),
            ConfigRule("machine.logging.destinations[].format", .oneOf("json_lines")),
        ]

    private static let general = [
        ConfigRule("machine", required: "it says what the machine is"),
        ConfigRule("cluster", required: "it says which cluster the machine belongs to"),
        ConfigRule("machine.type", check: type),
        ConfigRule("persist", when: .since(6)) { field, _, findings in
            if field.isFalse { findings.error(field, "must be true: Talos always keeps its configuration") }
        },
    ]

    private static func type(_ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings)
    {
        guard scope.machine?["machine"].isSet == true else { return }
        switch field.text {
        case "init", "controlplane", "worker": return
        case "", "join": findings.warning(field, "should be worker, which is what Talos takes it for")
        default: findings.error(field, "must be one of controlplane, worker, init")
        }
    }

    // MARK: - Certificate authorities

    private static let authority = [
        ConfigRule("machine.ca", when: .controlPlane.since(8)) { field, _, findings in
            guard field["key"].isZero else { return }
            findings.error(
                field["key"], "is required on a control plane: the machine issues certificates of Talos' API")
        },
        ConfigRule("machine.ca", when: .worker.since(7)) { field, scope, findings in
            if !field["key"].isZero {
                findings.error(field["key"], "must be empty on a worker, which issues no certificates")
            }
            guard field["crt"].isZero, scope.machine?["machine"]["acceptedCAs"].isZero != false else {
                return
            }
            findings.error(
                field["crt"], "is required, or else machine.acceptedCAs: the machine trusts nobody otherwise")
        },
        ConfigRule("cluster.ca.key", when: .worker.since(7)) { field, _, findings in
            if !field.isZero {
                findings.error(field, "must be empty on a worker, which issues no certificates")
            }
        },
    ]

    // MARK: - Installation

    private static let install = [
        ConfigRule("machine.install", when: .in(.metal)) { field, _, findings in
            guard field["disk"].isZero, !field["diskSelector"].isSet else { return }
            guard field.isSet else { return findings.error(field, "is required in metal mode") }
            findings.error(field["disk"], "is required in metal mode, or else machine.install.diskSelector")
        },
        ConfigRule(
            "machine.install.diskSelector.size",
            ValueRule("a size, or a comparison such as \">= 1TB\"", holds: GoSyntax.isSizeComparison)),
        ConfigRule("machine.install.diskSelector.type", .oneOf("ssd", "hdd", "nvme", "sd")),
        ConfigRule("machine.install.diskSelector.name", when: .in(.metal).since(9)) { field, _, findings in
            if !field.isZero {
                findings.error(field, "is no longer supported by Talos: select by another field")
            }
        },
        ConfigRule("machine.install", when: .in(.metal).since(12)) { field, _, findings in
            guard field["grubUseUKICmdline"].isTrue, !field["extraKernelArgs"].isZero else { return }
            findings.error(
                field["extraKernelArgs"],
                "excludes machine.install.grubUseUKICmdline: true, which takes the arguments of the boot image; "
                    + "set that to false, or leave the arguments to a schematic")
        },
        ConfigRule("machine.install.extensions", check: extensions),
    ]

    private static func extensions(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        if !field.isZero {
            findings.warning(field, "is deprecated: extensions belong into the installer's image")
        }
        var images: Set<String> = []
        for image in field.elements.map({ $0["image"] }) where !images.insert(image.text).inserted {
            findings.error(image, "names an extension that is there already")
        }
    }

    // MARK: - The rest

    private static func disk(_ disk: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings)
    {
        guard disk.isSet else { return findings.error(disk, "must not be null") }
        for partition in disk["partitions"].elements.dropLast() {
            guard partition["size"].isZero else { continue }
            findings.error(
                partition["size"], "is required: only a disk's last partition may take all that is left")
        }
    }

    static func notNull(_ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings) {
        if !field.isSet { findings.error(field, "must not be null") }
    }
}
