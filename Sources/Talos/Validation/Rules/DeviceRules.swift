// SPDX-License-Identifier: Apache-2.0

/// `machine.network`: interfaces with their addresses, routes and peers, and KubeSpan.
enum DeviceRules {
    static let all: [ConfigRule] =
        identity + addressing + routes + wireguard + kubeSpan + BondRules.all + [
            ConfigRule("machine.network.interfaces", check: LinkMembership.check)
        ]

    // MARK: - Which interface

    private static let identity = [
        ConfigRule("machine.network.interfaces[]", check: MachineRules.notNull),
        ConfigRule("machine.network.interfaces[]") { field, _, findings in
            guard field.isSet else { return }
            switch (field["interface"].isZero, field["deviceSelector"].isSet) {
            case (true, false):
                findings.error(
                    field["interface"], "is required, or else deviceSelector: which interface it is")
            case (false, true): findings.error(field["deviceSelector"], "excludes interface: set one of both")
            default: break
            }
        },
        ConfigRule("machine.network.interfaces[].deviceSelector", check: selector),
        ConfigRule("machine.network.interfaces[].bond") { field, _, findings in
            guard !field["interfaces"].isZero, !field["deviceSelectors"].isZero else { return }
            findings.error(field["deviceSelectors"], "excludes interfaces: set one of both")
        },
        ConfigRule("machine.network.interfaces[]") { field, _, findings in
            guard field["bond"].isSet, field["bridge"].isSet else { return }
            findings.error(field["bridge"], "excludes bond: an interface is one of both")
        },
    ]

    private static func selector(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        guard field.isSet, !field.members.contains(where: { !$0.field.isZero || $0.field.isFalse }) else {
            return
        }
        findings.error(field, "must say what the interface is like, with at least one field")
    }

    // MARK: - Addresses

    private static let addressing =
        [
            ConfigRule("machine.network.interfaces[].cidr") { field, _, findings in
                if !field.isZero { findings.warning(field, "is deprecated: use addresses") }
            },
            ConfigRule("machine.network.interfaces[].cidr", .addressOrPrefix),
            ConfigRule("machine.network.interfaces[].addresses[]", .addressOrPrefix),
            ConfigRule("machine.network.interfaces[]", check: bothKindsOfAddresses),
            ConfigRule("machine.network.interfaces[].vlans[].cidr", .addressOrPrefix),
            ConfigRule("machine.network.interfaces[].vlans[].addresses[]", .addressOrPrefix),
            ConfigRule("machine.network.interfaces[].vlans[]", check: bothKindsOfAddresses),
        ]
        + ["machine.network.interfaces[].vip", "machine.network.interfaces[].vlans[].vip"].map { vip in
            ConfigRule(vip, when: .worker) { field, _, findings in
                if field.isSet { findings.error(field, "must not be set on a worker") }
            }
        } + [
            // Talos asks this of interfaces alone, not of the VLANs on them.
            ConfigRule("machine.network.interfaces[].vip.ip", required: "the address that is shared"),
            ConfigRule("machine.network.interfaces[].vip.ip", .address),
        ]

    private static func bothKindsOfAddresses(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        guard !field["cidr"].isZero, !field["addresses"].isZero else { return }
        findings.error(field["cidr"], "excludes addresses: set one of both")
    }

    // MARK: - Routes

    private static let routes = [
        ConfigRule("machine.network.interfaces[].routes[]") { field, _, findings in
            guard field["network"].isZero, field["gateway"].isZero else { return }
            findings.error(field["network"], "is required, or else gateway")
        },
        ConfigRule("machine.network.interfaces[].routes[].network", .prefix),
        ConfigRule("machine.network.interfaces[].routes[].gateway", .address),
        ConfigRule("machine.network.interfaces[].routes[].source", .address),
    ]

    // MARK: - WireGuard and KubeSpan

    private static let wireguard = [
        ConfigRule("machine.network.interfaces[].wireguard.privateKey", required: "the key of this end"),
        ConfigRule("machine.network.interfaces[].wireguard.privateKey", .wireguardKey),
        ConfigRule(
            "machine.network.interfaces[].wireguard.peers[].publicKey", required: "the key of the peer"),
        ConfigRule("machine.network.interfaces[].wireguard.peers[].publicKey", .wireguardKey),
        ConfigRule("machine.network.interfaces[].wireguard.peers[].endpoint", .hostAndPort),
        ConfigRule("machine.network.interfaces[].wireguard.peers[].allowedIPs[]", .prefix),
    ]

    private static let kubeSpan = [
        ConfigRule("machine.network.kubespan") { field, scope, findings in
            guard field["enabled"].isTrue, let cluster = scope.machine?["cluster"] else { return }
            if !cluster["discovery"]["enabled"].isTrue {
                findings.error(cluster["discovery"]["enabled"], "must be true for machine.network.kubespan")
            }
            for key in ["id", "secret"] where cluster[key].isZero {
                findings.error(cluster[key], "is required for machine.network.kubespan")
            }
        },
        ConfigRule("machine.network.kubespan") { field, scope, findings in
            guard field["enabled"].isTrue else { return }
            transmissionUnit(field["mtu"], scope, &findings)
            ConfigRule("filters.endpoints[]", .filter).apply(to: field, scope, &findings)
            ConfigRule("filters.excludeAdvertisedNetworks[]", .prefix).apply(to: field, scope, &findings)
        },
    ]

    /// That of KubeSpan, where even an explicit 0 is too small.
    static func transmissionUnit(
        _ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        guard let number = field.node?.integer, number < minimumTransmissionUnit else { return }
        findings.error(field, "must be at least \(minimumTransmissionUnit)")
    }

    /// What IPv6 needs (RFC 8200, section 5).
    private static let minimumTransmissionUnit: Int64 = 1280
}
