// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Validation of documents beside that of the machine")
struct DocumentValidationTests {
    private static let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    private static let network = "must be a network such as 10.0.0.0/8"
    private static let specified = "must be an address other than 0.0.0.0 and ::"

    /// A document of `kind`, in YAML, a setting after another.
    private static func document(
        _ kind: String, _ message: String, bad: String, good: String
    ) -> ValidationCase {
        let text = { (settings: String) in
            "kind: \(kind)\n"
                + settings.split(separator: ";").map { $0.drop { $0 == " " } }.joined(separator: "\n")
        }
        return ValidationCase(message, \.document, bad: text(bad), good: text(good))
    }

    private static let links: [ValidationCase] = [
        "LinkConfig", "DummyLinkConfig", "VRFConfig", "BridgeConfig", "BondConfig", "VLANConfig",
        "WireguardConfig",
    ].flatMap { kind -> [ValidationCase] in
        let more =
            [
                "BondConfig": "; links: [b]; bondMode: 802.3ad", "VLANConfig": "; vlanID: 1; parent: b",
                "WireguardConfig": "; privateKey: \(key)", "VRFConfig": "; table: 100",
            ][kind] ?? ""
        return [
            (
                "addresses[0].address", "is required: such as 10.0.0.2/24", "addresses: [{}]",
                "addresses: [{address: 10.0.0.2/8}]"
            ),
            (
                "addresses[0].address", #"\#(network), not "10.0.0.2""#, "addresses: [{address: 10.0.0.2}]",
                "addresses: [{address: '::1/64'}]"
            ),
            (
                "addresses[0].address", #"\#(specified), not "0.0.0.0/0""#,
                "addresses: [{address: 0.0.0.0/0}]",
                "addresses: [{address: 10.0.0.0/8}]"
            ),
            (
                "routes[0].destination", #"\#(network), not "a""#, "routes: [{destination: a}]",
                "routes: [{destination: 10.0.0.0/8}, {metric: 1}]"
            ),
            (
                "routes[0].destination", #"\#(specified), not "::/0""#,
                "routes: [{destination: '::/0', gateway: '::1'}]", "routes: [{gateway: '::1'}]"
            ),
            (
                "routes[0].gateway", #"\#(specified), not "0.0.0.0""#, "routes: [{gateway: 0.0.0.0}]",
                "routes: [{destination: 10.0.0.0/8}]"
            ),
            (
                "routes[0].source", #"\#(specified), not "::""#, "routes: [{source: '::'}]",
                "routes: [{source: '::1'}]"
            ),
            (
                "routes[0].gateway", #"must be an IP address, not "a""#, "routes: [{gateway: a}]",
                "routes: [{gateway: '::1'}]"
            ),
            (
                "routes[0].source", #"must be an IP address, not "a""#,
                "routes: [{gateway: 10.0.0.1, source: a}]",
                "routes: [{gateway: 10.0.0.1, source: 10.0.0.2}]"
            ),
        ].map { field, problem, bad, good in
            document(
                kind, "\(kind).a.\(field): \(problem)", bad: "name: a; \(bad)\(more)",
                good: "name: a; \(good)\(more)")
        }
    }

    private static let hardwareAddresses: [ValidationCase] = [
        ("DummyLinkConfig", ""), ("VRFConfig", "; table: 100"), ("BridgeConfig", ""),
        ("BondConfig", "; links: [b]; bondMode: active-backup"),
    ].map { kind, more in
        document(
            kind,
            "\(kind).a.hardwareAddr: must be a hardware address such as 52:54:00:12:34:56, not \"52:54\"",
            bad: "name: a; hardwareAddr: '52:54'\(more)",
            good: "name: a; hardwareAddr: '52:54:00:12:34:56'\(more)")
    }

    private static let bondNames: [ValidationCase] = [
        ("xmitHashPolicy", "layer2", "layer2, layer3+4, layer2+3, encap2+3, encap3+4, vlan+srcmac"),
        ("lacpRate", "fast", "slow, fast"), ("arpAllTargets", "any", "any, all"),
        ("arpValidate", "none", "none, active, backup, all, filter, filter-active, filter-backup"),
        ("failOverMac", "none", "none, active, follow"), ("adSelect", "stable", "stable, bandwidth, count"),
    ].map { option, good, names in
        document(
            "BondConfig", #"BondConfig.a.\#(option): must be one of \#(names), not "x""#,
            bad: "name: a; links: [b]; bondMode: 802.3ad; \(option): x",
            good: "name: a; links: [b]; bondMode: 802.3ad; \(option): \(good)")
    }

    private static let linkKinds: [ValidationCase] = [
        document(
            "BondConfig", "BondConfig.a.links: is required: what the bond is made of",
            bad: "name: a; links: []; bondMode: active-backup",
            good: "name: a; links: [b]; bondMode: active-backup"),
        document(
            "BondConfig",
            "BondConfig.a.bondMode: is required: how the links share the load, such as active-backup",
            bad: "name: a; links: [b]", good: "name: a; links: [b]; bondMode: balance-rr"),
        document(
            "BondConfig",
            "BondConfig.a.bondMode: must be one of balance-rr, active-backup, balance-xor, broadcast, 802.3ad, "
                + #"balance-tlb, balance-alb, not "x""#,
            bad: "name: a; links: [b]; bondMode: x", good: "name: a; links: [b]; bondMode: active-backup"),
        document(
            "BondConfig", #"BondConfig.a.adLACPActive: must be one of on, off, not "x""#,
            bad: "name: a; links: [b]; bondMode: 802.3ad; adLACPActive: x",
            good: "name: a; links: [b]; bondMode: 802.3ad; adLACPActive: off"),
        document(
            "BondConfig", #"BondConfig.a.primaryReselect: must be one of always, better, failure, not "x""#,
            bad: "name: a; links: [b]; bondMode: 802.3ad; primaryReselect: x",
            good: "name: a; links: [b]; bondMode: 802.3ad; primaryReselect: always"),
        document(
            "VLANConfig", #"VLANConfig["a.1"].vlanID: is required: 1 to 4094"#, bad: "name: a.1; parent: a",
            good: "name: a.1; parent: a; vlanID: 1"),
        document(
            "VLANConfig", #"VLANConfig["a.1"].vlanID: must be 1 to 4094"#,
            bad: "name: a.1; parent: a; vlanID: 4095",
            good: "name: a.1; parent: a; vlanID: 4094"),
        document(
            "VLANConfig", #"VLANConfig["a.1"].parent: is required: the link that carries it"#,
            bad: "name: a.1; vlanID: 1", good: "name: a.1; parent: a; vlanID: 1"),
        document(
            "VLANConfig", #"VLANConfig["a.1"].vlanMode: must be one of 802.1q, 802.1ad, not "x""#,
            bad: "name: a.1; parent: a; vlanID: 1; vlanMode: x",
            good: "name: a.1; parent: a; vlanID: 1; vlanMode: 802.1ad"),
        document(
            "WireguardConfig", "WireguardConfig.a.privateKey: is required: the key of this end",
            bad: "name: a",
            good: "name: a; privateKey: \(key)"),
        document(
            "WireguardConfig", "WireguardConfig.a.privateKey: must be a WireGuard key: 32 bytes in Base64",
            bad: "name: a; privateKey: a", good: "name: a; privateKey: \(key)"),
        document(
            "DHCPv4Config", #"DHCPv4Config.a.clientIdentifier: must be one of none, mac, duid, not "x""#,
            bad: "name: a; clientIdentifier: x", good: "name: a; clientIdentifier: mac"),
        document(
            "DHCPv6Config", #"DHCPv6Config.a.clientIdentifier: must be one of none, mac, duid, not "x""#,
            bad: "name: a; clientIdentifier: x",
            good: "name: a; clientIdentifier: duid; duidRaw: '00:01'"),
        document(
            "DHCPv4Config", "DHCPv4Config.a.duidRaw: is required for clientIdentifier duid",
            bad: "name: a; clientIdentifier: duid",
            good: "name: a; clientIdentifier: duid; duidRaw: '00:01'"),
        document(
            "DHCPv6Config", "DHCPv6Config.a.duidRaw: needs clientIdentifier: duid",
            bad: "name: a; duidRaw: '00:01'", good: "name: a"),
        document(
            "VRFConfig", "VRFConfig.a.table: is required: the routing table of the links", bad: "name: a",
            good: "name: a; table: '100'"),
        document(
            "VRFConfig", #"VRFConfig.a.table: must be a table of its own, none that Linux has, not "main""#,
            bad: "name: a; table: main", good: "name: a; table: 100"),
        document(
            "BlackholeRouteConfig", #"BlackholeRouteConfig.a.name: \#(network), not "a""#, bad: "name: a",
            good: "name: 10.0.0.0/12; metric: 1"),
        document(
            "Layer2VIPConfig", #"Layer2VIPConfig.a.name: must be an IP address, not "a""#,
            bad: "name: a; link: b",
            good: "name: 10.0.0.1; link: b"),
        document(
            "Layer2VIPConfig",
            #"Layer2VIPConfig["10.0.0.1"].link: is required: the link that carries the address"#,
            bad: "name: 10.0.0.1", good: "name: 10.0.0.1; link: b"),
        document(
            "HCloudVIPConfig",
            #"HCloudVIPConfig["10.0.0.1"].apiToken: is required: what Hetzner's API is asked with"#,
            bad: "name: 10.0.0.1; link: b", good: "name: 10.0.0.1; link: b; apiToken: c"),
        document(
            "HCloudVIPConfig", #"HCloudVIPConfig.a.name: must be an IP address, not "a""#,
            bad: "name: a; link: b; apiToken: c", good: "name: '::1'; link: b; apiToken: c"),
        document(
            "HCloudVIPConfig",
            #"HCloudVIPConfig["10.0.0.1"].link: is required: the link that carries the address"#,
            bad: "name: 10.0.0.1; apiToken: c", good: "name: 10.0.0.1; link: b; apiToken: c"),
        document(
            "TCPProbeConfig", "TCPProbeConfig.a.endpoint: is required: what is probed", bad: "name: a",
            good: "name: a; endpoint: 'b:1'"),
        document(
            "LinkAliasConfig", "LinkAliasConfig.a.selector.match: is required: which links get the alias",
            bad: "name: a; selector: {}", good: "name: a; selector: {match: 'link.driver == \"b\"'}"),
        document(
            "KubeSpanConfig", "KubeSpanConfig.mtu: must be at least 1280", bad: "enabled: true; mtu: 1000",
            good: "enabled: true; mtu: 1420"),
        document(
            "KubeSpanConfig",
            #"KubeSpanConfig.filters.endpoints[0]: \#(network) or an address, with ! before it to leave it out, "#
                + #"not "a""#,
            bad: "filters: {endpoints: [a]}", good: "filters: {endpoints: ['!10.0.0.0/8']}"),
        document(
            "TCPProbeConfig", "TCPProbeConfig.a.failureThreshold: must be at least 0",
            bad: "name: a; endpoint: 'b:1'; failureThreshold: -1",
            good: "name: a; endpoint: 'b:1'; failureThreshold: 3"),
        document(
            "TCPProbeConfig", #"TCPProbeConfig.a.interval: must be 0s or longer, not "-1s""#,
            bad: "name: a; endpoint: 'b:1'; interval: -1s", good: "name: a; endpoint: 'b:1'; interval: 1s"),
        document(
            "TCPProbeConfig", #"TCPProbeConfig.a.timeout: must be 0s or longer, not "-1s""#,
            bad: "name: a; endpoint: 'b:1'; timeout: -1s", good: "name: a; endpoint: 'b:1'; timeout: 0s"),
        document(
            "KubeSpanEndpointsConfig",
            #"KubeSpanEndpointsConfig.extraAnnouncedEndpoints[0]: must be address:port, an IPv6 "#
                + #"address in brackets, not "a.example:51820""#,
            bad: "extraAnnouncedEndpoints: ['a.example:51820']",
            good: "extraAnnouncedEndpoints: ['10.0.0.1:51820']"),
    ]

    private static let peers: [ValidationCase] = [
        ("publicKey", "is required: the key of the peer", "endpoint: '1.2.3.4:5'", "publicKey: \(key)"),
        ("publicKey", "must be a WireGuard key: 32 bytes in Base64", "publicKey: a", "publicKey: \(key)"),
        (
            "presharedKey", "must be a WireGuard key: 32 bytes in Base64",
            "publicKey: \(key), presharedKey: a",
            "publicKey: \(key), presharedKey: \(key)"
        ),
        (
            "endpoint", #"must be address:port, an IPv6 address in brackets, not "a.example:1""#,
            "publicKey: \(key), endpoint: 'a.example:1'", "publicKey: \(key), endpoint: '[fd00::1]:5'"
        ),
        (
            "persistentKeepaliveInterval", #"must be 0s or longer, not "-5s""#,
            "publicKey: \(key), persistentKeepaliveInterval: -5s",
            "publicKey: \(key), persistentKeepaliveInterval: 25s"
        ),
        (
            "allowedIPs[0]", #"\#(network), not "a""#, "publicKey: \(key), allowedIPs: [a]",
            "publicKey: \(key), allowedIPs: ['::/0']"
        ),
    ].map { field, problem, bad, good in
        document(
            "WireguardConfig", "WireguardConfig.a.peers[0].\(field): \(problem)",
            bad: "name: a; privateKey: \(key); peers: [{\(bad)}]",
            good: "name: a; privateKey: \(key); peers: [{\(good)}]")
    }

    private static let routingRules: [ValidationCase] =
        [
            document(
                "RoutingRuleConfig",
                #"RoutingRuleConfig.32766.name: must be the rule's priority, 1 to 32765 but not 32500, not "32766""#,
                bad: "name: 32766; table: 100", good: "name: 32765; table: 100"),
            document(
                "RoutingRuleConfig",
                #"RoutingRuleConfig.1000.table: is required, or else an action other than unicast"#,
                bad: "name: 1000; action: unicast", good: "name: 1000; action: blackhole"),
            document(
                "RoutingRuleConfig", #"RoutingRuleConfig.1000.fwMask: needs fwMark, whose part it is"#,
                bad: "name: 1000; table: 100; fwMask: 255",
                good: "name: 1000; table: 100; fwMask: 255; fwMark: 1"),
        ]
        + ["src", "dst"].map { key in
            document(
                "RoutingRuleConfig", #"RoutingRuleConfig.1000.\#(key): \#(network), not "a""#,
                bad: "name: 1000; table: 100; \(key): a", good: "name: 1000; table: 100; \(key): 10.0.0.0/8")
        }

    private static let listenPort = document(
        "WireguardConfig", "WireguardConfig.a.listenPort: must be 0 to 65535",
        bad: "name: a; privateKey: \(key); listenPort: 65536",
        good: "name: a; privateKey: \(key); listenPort: 65535")

    static let cases =
        links + hardwareAddresses + bondNames + linkKinds + peers + routingRules + [listenPort]

    @Test("A rule refuses what breaks it, and nothing else", arguments: cases)
    func refuses(_ row: ValidationCase) throws {
        #expect(try row.bad.validated().errors.map(\.withoutPlace).joined(separator: "\n") == row.message)
        #expect(try row.good.validated().errors == [])
    }

    @Test("A bond by LACP should say how it watches its links")
    func lacp() throws {
        let config = TestConfig().with {
            $0.document =
                "kind: BondConfig\nname: a\nlinks: [b]\nbondMode: 802.3ad\nmiimon: 100\ndowndelay: 200"
        }
        let warning = "BondConfig.a.updelay: should be set for bondMode 802.3ad"
        #expect(try config.validated().warnings.map(\.withoutPlace) == [warning])
        #expect(try config.with { $0.version = TalosVersion(minor: 12) }.validated().warnings == [])
        #expect(try config.with { $0.document += "\nupdelay: 200" }.validated().warnings == [])
    }
}
