// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Validation of a machine's network")
struct NetworkValidationTests {
    private static let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

    /// Interfaces in the flow style that the cases are written in.
    private static func devices(
        _ message: String, bad: String, good: String, in config: TestConfig = TestConfig()
    ) -> ValidationCase {
        ValidationCase(
            message.contains("machine.") ? message : "machine.network.interfaces" + message, \.machine,
            bad: "network: {interfaces: [\(bad)]}", good: "network: {interfaces: [\(good)]}", in: config)
    }

    private static let identity: [ValidationCase] = [
        devices("[1]: must not be null", bad: "{interface: a}, null", good: "{interface: a}"),
        devices(
            "[0].interface: is required, or else deviceSelector: which interface it is", bad: "{dhcp: true}",
            good: "{deviceSelector: {driver: virtio}, dhcp: true}"),
        devices(
            "[0].deviceSelector: excludes interface: set one of both",
            bad: "{interface: a, deviceSelector: {driver: virtio}}", good: "{interface: a}"),
        devices(
            "[0].deviceSelector: must say what the interface is like, with at least one field",
            bad: "{deviceSelector: {}}", good: "{deviceSelector: {physical: false}}"),
        devices(
            "[0].bond.deviceSelectors: excludes interfaces: set one of both",
            bad: "{interface: a, bond: {interfaces: [b], deviceSelectors: [{driver: virtio}]}}",
            good: "{interface: a, bond: {interfaces: [b]}}"),
        devices(
            "[0].bridge: excludes bond: an interface is one of both",
            bad: "{interface: a, bond: {interfaces: [b]}, bridge: {interfaces: [c]}}",
            good: "{interface: a, bridge: {interfaces: [c]}}"),
        devices(
            #"[1].bond.interfaces[0]: is part of two links, "a" and "b""#,
            bad: "{interface: a, bridge: {interfaces: [c]}}, {interface: b, bond: {interfaces: [c]}}",
            good: "{interface: a, bridge: {interfaces: [c]}}, {interface: b, bond: {interfaces: [d]}}"),
    ]

    private static let members: [ValidationCase] = [
        ("dhcp", "dhcp: true"), ("addresses", "addresses: [10.0.0.1/8]"), ("cidr", "cidr: 10.0.0.1/8"),
        ("vip", "vip: {ip: 10.0.0.1}"),
    ].map { field, text in
        devices(
            #"[1].\#(field): must not be set: the interface is part of "a""#,
            bad: "{interface: a, bond: {interfaces: [b]}}, {interface: b, \(text)}",
            good:
                "{interface: a, bond: {interfaces: [b]}}, {interface: b, mtu: 9000}, {interface: c, \(text)}")
    }

    private static let either = "must be an IP address, with or without the length of its network"
    private static let network = "must be a network such as 10.0.0.0/8"

    private static let addresses: [ValidationCase] = [
        devices(
            #"[0].cidr: \#(either), not "10.0.0.256/8""#, bad: "{interface: a, cidr: 10.0.0.256/8}",
            good: "{interface: a, cidr: 10.0.0.255/8}"),
        devices(
            #"[0].addresses[1]: \#(either), not "fd00::/129""#,
            bad: "{interface: a, addresses: [10.0.0.1, 'fd00::/129']}",
            good: "{interface: a, addresses: [10.0.0.1, 'fd00::/128']}"),
        devices(
            "[0].cidr: excludes addresses: set one of both",
            bad: "{interface: a, cidr: 10.0.0.1/8, addresses: [10.0.0.2/8]}",
            good: "{interface: a, addresses: [10.0.0.2/8]}"),
        devices(
            #"[0].vlans[0].cidr: \#(either), not "a""#, bad: "{interface: a, vlans: [{vlanId: 1, cidr: a}]}",
            good: "{interface: a, vlans: [{vlanId: 1, cidr: '::1/64'}]}"),
        devices(
            #"[0].vlans[0].addresses[0]: \#(either), not """#,
            bad: "{interface: a, vlans: [{vlanId: 1, addresses: ['']}]}",
            good: "{interface: a, vlans: [{vlanId: 1, addresses: []}]}"),
        devices(
            "[0].vlans[0].cidr: excludes addresses: set one of both",
            bad: "{interface: a, vlans: [{vlanId: 1, cidr: 10.0.0.1/8, addresses: [10.0.0.2/8]}]}",
            good: "{interface: a, vlans: [{vlanId: 1, cidr: 10.0.0.1/8}]}"),
        devices(
            "[0].vip.ip: is required: the address that is shared", bad: "{interface: a, vip: {}}",
            good: "{interface: a, vip: {ip: 10.0.0.1}}"),
        devices(
            #"[0].vip.ip: must be an IP address, not "10.0.0.1/8""#,
            bad: "{interface: a, vip: {ip: 10.0.0.1/8}}",
            good: "{interface: a, vip: {ip: 'fd00::1'}}"),
        devices(
            "[0].vip: must not be set on a worker", bad: "{interface: a, vip: {ip: 10.0.0.1}}",
            good: "{interface: a, addresses: [10.0.0.1]}", in: .worker),
        devices(
            "[0].vlans[0].vip: must not be set on a worker",
            bad: "{interface: a, vlans: [{vlanId: 1, vip: {ip: 10.0.0.1}}]}",
            good: "{interface: a, vlans: [{vlanId: 1}]}", in: .worker),
    ]

    private static let routes: [ValidationCase] = [
        devices(
            "[0].routes[0].network: is required, or else gateway",
            bad: "{interface: a, routes: [{metric: 1}]}",
            good: "{interface: a, routes: [{gateway: 10.0.0.1}]}"),
        devices(
            #"[0].routes[0].network: \#(network), not "10.0.0.0""#,
            bad: "{interface: a, routes: [{network: 10.0.0.0}]}",
            good: "{interface: a, routes: [{network: 10.0.0.0/8}]}"),
        devices(
            #"[0].routes[0].gateway: must be an IP address, not "a""#,
            bad: "{interface: a, routes: [{gateway: a}]}",
            good: "{interface: a, routes: [{gateway: 'fe80::1'}]}"),
        devices(
            #"[0].routes[0].source: must be an IP address, not "1.2.3""#,
            bad: "{interface: a, routes: [{gateway: 10.0.0.1, source: 1.2.3}]}",
            good: "{interface: a, routes: [{gateway: 10.0.0.1, source: 1.2.3.4}]}"),
    ]

    private static let bondNames: [ValidationCase] = [
        (
            "mode", "802.3ad",
            "balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb"
        ),
        ("xmitHashPolicy", "layer3+4", "layer2, layer3+4, layer2+3, encap2+3, encap3+4, vlan+srcmac"),
        ("arpAllTargets", "any", "any, all"), ("primaryReselect", "better", "always, better, failure"),
        ("failOverMac", "follow", "none, active, follow"), ("adSelect", "count", "stable, bandwidth, count"),
        ("arpValidate", "all", "none, active, backup, all, filter, filter-active, filter-backup"),
    ].map { option, good, names in
        devices(
            #"[0].bond.\#(option): must be one of \#(names), not "x""#,
            bad: "{interface: a, bond: {\(option): x}}",
            good: "{interface: a, bond: {\(option): \(good)}}")
    }

    private static let bonds: [ValidationCase] = [
        devices(
            #"[0].bond.lacpRate: must be one of slow, fast, not "x""#,
            bad: "{interface: a, bond: {mode: 802.3ad, lacpRate: x}}",
            good: "{interface: a, bond: {mode: 802.3ad, lacpRate: fast}}"),
        devices(
            "[0].bond.lacpRate: goes only with mode 802.3ad",
            bad: "{interface: a, bond: {mode: active-backup, lacpRate: fast}}",
            good: "{interface: a, bond: {mode: 802.3ad, lacpRate: slow}}"),
        devices(
            "[0].bond.adActorSysPrio: goes only with mode 802.3ad",
            bad: "{interface: a, bond: {mode: balance-rr, adActorSysPrio: 1}}",
            good: "{interface: a, bond: {mode: 802.3ad, adActorSysPrio: 1}}"),
        devices(
            "[0].bond.adUserPortKey: goes only with mode 802.3ad",
            bad: "{interface: a, bond: {adUserPortKey: 1}}",
            good: "{interface: a, bond: {mode: 802.3ad, adUserPortKey: 1}}"),
        devices(
            "[0].bond.primary: goes only with mode active-backup, balance-alb, balance-tlb",
            bad: "{interface: a, bond: {mode: 802.3ad, primary: b}}",
            good: "{interface: a, bond: {mode: balance-tlb, primary: b}}"),
        devices(
            "[0].bond.tlbDynamicLb: goes only with mode balance-alb, balance-tlb",
            bad: "{interface: a, bond: {tlbDynamicLb: 1}}",
            good: "{interface: a, bond: {mode: balance-alb, tlbDynamicLb: 1}}"),
        devices(
            "[0].bond.packetsPerSlave: must be 0 or 1 unless mode is balance-rr",
            bad: "{interface: a, bond: {mode: 802.3ad, packetsPerSlave: 2}}",
            good: "{interface: a, bond: {mode: 802.3ad, packetsPerSlave: 1}}, "
                + "{interface: b, bond: {packetsPerSlave: 2}}"),
        devices(
            "[0].bond.arpInterval: goes only with mode active-backup, balance-rr, balance-xor, broadcast",
            bad: "{interface: a, bond: {mode: 802.3ad, arpInterval: 1}}",
            good: "{interface: a, bond: {mode: active-backup, arpInterval: 1}}"),
        devices(
            "[0].bond.arpValidate: goes only with mode active-backup, balance-rr, balance-xor, broadcast",
            bad: "{interface: a, bond: {mode: balance-alb, arpValidate: all}}",
            good: "{interface: a, bond: {mode: balance-alb, miimon: 100, updelay: 200, downdelay: 100}}"),
        devices(
            "[0].bond.updelay: needs miimon, the interval that it is a multiple of",
            bad: "{interface: a, bond: {updelay: 200}}",
            good: "{interface: a, bond: {miimon: 100, updelay: 200}}"),
        devices(
            "[0].bond.downdelay: must be a multiple of miimon",
            bad: "{interface: a, bond: {miimon: 100, downdelay: 150}}",
            good: "{interface: a, bond: {miimon: 100, downdelay: 300}}"),
        devices(
            "[0].bond.arpIPTarget: is not supported by Talos; leave it out",
            bad: "{interface: a, bond: {arpIPTarget: [10.0.0.1]}}",
            good: "{interface: a, bond: {arpIPTarget: []}}"),
        devices(
            "[0].bond.adActorSystem: is not supported by Talos; leave it out",
            bad: "{interface: a, bond: {adActorSystem: '00:00:00:00:00:01'}}",
            good: "{interface: a, bond: {}}"),
    ]

    private static let wireguard: [ValidationCase] = [
        devices(
            "[0].wireguard.privateKey: is required: the key of this end",
            bad: "{interface: a, wireguard: {}}",
            good: "{interface: a, wireguard: {privateKey: \(key)}}"),
        devices(
            "[0].wireguard.privateKey: must be a WireGuard key: 32 bytes in Base64",
            bad: "{interface: a, wireguard: {privateKey: YQ==}}",
            good: "{interface: a, wireguard: {privateKey: \(key)}}"),
    ]

    private static let peers: [ValidationCase] = [
        ("publicKey", "is required: the key of the peer", "endpoint: 'a:1'", "publicKey: \(key)"),
        ("publicKey", "must be a WireGuard key: 32 bytes in Base64", "publicKey: '?'", "publicKey: \(key)"),
        (
            "endpoint", #"must be host:port, not "10.0.0.1""#, "publicKey: \(key), endpoint: 10.0.0.1",
            "publicKey: \(key), endpoint: '[fd00::1]:51820'"
        ),
        (
            "allowedIPs[0]", #"\#(network), not "10.0.0.1""#, "publicKey: \(key), allowedIPs: [10.0.0.1]",
            "publicKey: \(key), allowedIPs: [10.0.0.1/32]"
        ),
    ].map { field, problem, bad, good in
        devices(
            "[0].wireguard.peers[0].\(field): \(problem)",
            bad: "{interface: a, wireguard: {privateKey: \(key), peers: [{\(bad)}]}}",
            good: "{interface: a, wireguard: {privateKey: \(key), peers: [{\(good)}]}}")
    }

    private static let discovery = TestConfig().with { $0.cluster = "discovery: {enabled: true}" }
    private static let kubeSpan: [ValidationCase] = [
        ValidationCase(
            "cluster.discovery.enabled: must be true for machine.network.kubespan", \.cluster,
            bad: "", good: "discovery: {enabled: true}",
            in: TestConfig().with { $0.machine = "network: {kubespan: {enabled: true}}" }),
        ValidationCase(
            "cluster.id: is required for machine.network.kubespan\n"
                + "cluster.secret: is required for machine.network.kubespan", \.identity, bad: "",
            good: "id: a\nsecret: b",
            in: TestConfig().with {
                $0.machine = "network: {kubespan: {enabled: true}}"
                $0.cluster = "discovery: {enabled: true, registries: {service: {disabled: true}}}"
            }),
        ValidationCase(
            "machine.network.kubespan.mtu: must be at least 1280", \.machine,
            bad: "network: {kubespan: {enabled: true, mtu: 1279}}",
            good: "network: {kubespan: {enabled: true, mtu: 1280}}", in: discovery),
        ValidationCase(
            "machine.network.kubespan.mtu: must be at least 1280", \.machine,
            bad: "network: {kubespan: {enabled: true, mtu: 0}}",
            good: "network: {kubespan: {enabled: false, mtu: 0, filters: {endpoints: [a]}}}", in: discovery),
        ValidationCase(
            #"machine.network.kubespan.filters.excludeAdvertisedNetworks[0]: \#(network), not "10.0.0.1""#,
            \.machine,
            bad: "network: {kubespan: {enabled: true, filters: {excludeAdvertisedNetworks: [10.0.0.1]}}}",
            good: "network: {kubespan: {enabled: true, filters: {excludeAdvertisedNetworks: [10.0.0.1/32]}}}",
            in: discovery),
        ValidationCase(
            #"machine.network.kubespan.filters.endpoints[0]: \#(network) or an address, "#
                + #"with ! before it to leave it out, not "a""#,
            \.machine, bad: "network: {kubespan: {enabled: true, filters: {endpoints: [a]}}}",
            good:
                "network: {kubespan: {enabled: true, filters: {endpoints: ['0.0.0.0/0', '!::/0', '!10.0.0.1']}}}",
            in: discovery),
    ]

    static let cases =
        identity + members + addresses + routes + bondNames + bonds + wireguard + peers + kubeSpan

    @Test("A rule refuses what breaks it, and nothing else", arguments: cases)
    func refuses(_ row: ValidationCase) throws {
        #expect(try row.bad.validated().errors.map(\.withoutPlace).joined(separator: "\n") == row.message)
        #expect(try row.good.validated().errors == [])
    }

    @Test("An interface that Talos ignores may say anything")
    func ignored() throws {
        let text = "network: {interfaces: [{interface: a, ignore: true, addresses: [b], bond: {mode: x}}]}"
        #expect(try TestConfig().with { $0.machine = text }.validated().errors == [])
    }
}
