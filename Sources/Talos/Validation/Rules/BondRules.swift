// SPDX-License-Identifier: Apache-2.0

/// Bonds of interfaces: the kernel's names for their options, and which of those go with which mode.
enum BondRules {
    private static let bond = "machine.network.interfaces[].bond"

    static let all: [ConfigRule] =
        names(place: bond) + [
            ConfigRule("\(bond).primaryReselect", Names.primaryReselect),
            ConfigRule("\(bond).mode", Names.mode),
            ConfigRule(bond, check: options),
            ConfigRule(bond) { field, _, findings in
                for key in ["arpIPTarget", "adActorSystem"] where !field[key].isZero {
                    findings.error(field[key], "is not supported by Talos; leave it out")
                }
            },
        ]

    /// The rules of option names that both ways to write a bond have under the same keys.
    static func names(place: String) -> [ConfigRule] {
        let start = place.isEmpty ? "" : place + "."
        return [
            ConfigRule("\(start)xmitHashPolicy", Names.xmitHashPolicy),
            ConfigRule("\(start)lacpRate", Names.lacpRate),
            ConfigRule("\(start)arpValidate", Names.arpValidate),
            ConfigRule("\(start)arpAllTargets", Names.arpAllTargets),
            ConfigRule("\(start)failOverMac", Names.failOverMac),
            ConfigRule("\(start)adSelect", Names.adSelect),
        ]
    }

    enum Names {
        static let mode = ValueRule.oneOf(
            "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"
        )
        static let xmitHashPolicy = ValueRule.oneOf(
            "layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")
        static let lacpRate = ValueRule.oneOf("slow", "fast")
        static let arpValidate = ValueRule.oneOf(
            "none", "active", "backup", "all", "filter", "filter-active", "filter-backup")
        static let arpAllTargets = ValueRule.oneOf("any", "all")
        static let primaryReselect = ValueRule.oneOf("always", "better", "failure")
        static let failOverMac = ValueRule.oneOf("none", "active", "follow")
        static let adSelect = ValueRule.oneOf("stable", "bandwidth", "count")
    }

    /// Modes in which an option means something, from the kernel's documentation of bonding.
    private static let modes: [(option: String, modes: Set<String>)] = [
        ("lacpRate", ["802.3ad"]),
        ("adActorSysPrio", ["802.3ad"]),
        ("adUserPortKey", ["802.3ad"]),
        ("primary", ["active-backup", "balance-tlb", "balance-alb"]),
        ("tlbDynamicLb", ["balance-tlb", "balance-alb"]),
        ("arpInterval", ["", "balance-rr", "active-backup", "balance-xor", "broadcast"]),
        ("arpValidate", ["", "balance-rr", "active-backup", "balance-xor", "broadcast"]),
    ]

    private static func options(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        let mode = field["mode"].text
        for (option, allowed) in modes where !field[option].isZero && !allowed.contains(mode) {
            let names = allowed.filter { !$0.isEmpty }.sorted().joined(separator: ", ")
            findings.error(field[option], "goes only with mode \(names)")
        }
        if field["packetsPerSlave"].number > 1, !["", "balance-rr"].contains(mode) {
            findings.error(field["packetsPerSlave"], "must be 0 or 1 unless mode is balance-rr")
        }
        let interval = field["miimon"].number
        for delay in ["updelay", "downdelay"].map({ field[$0] }) where !delay.isZero {
            if interval == 0 {
                findings.error(delay, "needs miimon, the interval that it is a multiple of")
            } else if delay.number % interval != 0 {
                findings.error(delay, "must be a multiple of miimon")
            }
        }
    }
}
