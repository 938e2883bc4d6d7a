// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Validation of documents beside that of the machine")
struct DocumentValidationTests {
    private static let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    private static let network = "must be a network such as 10.0.0.0/8"

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
                "WireguardConfig": "; privateKey: \(key)",
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
                "routes[0].destination", "is required, or else gateway", "routes: [{metric: 1}]",
                "routes: [{gateway: 10.0.0.1}]"
            ),
            (
                "routes[0].destination", #"\#(network), not "a""#, "routes: [{destination: a}]",
                "routes: [{destination: 10.0.0.0/8}]"
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
        ("DummyLinkConfig", ""), ("VRFConfig", ""), ("BridgeConfig", ""), ("BondConfig", "; links: [b]"),
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
            bad: "name: a; links: [b]; \(option): x", good: "name: a; links: [b]; \(option): \(good)")
    }

    private static let linkKinds: [ValidationCase] = [
        document(
            "BondConfig", "BondConfig.a.links: is required: what the bond is made of",
            bad: "name: a; links: []",
            good: "name: a; links: [b]"),
        document(
            "BondConfig",
            "BondConfig.a.bondMode: must be one of balance-rr, active-backup, balance-xor, broadcast, 802.3ad, "
                + #"balance-tlb, balance-alb, not "x""#,
            bad: "name: a; links: [b]; bondMode: x", good: "name: a; links: [b]; bondMode: active-backup"),
        document(
            "BondConfig", #"BondConfig.a.adLACPActive: must be one of on, off, not "x""#,
            bad: "name: a; links: [b]; adLACPActive: x", good: "name: a; links: [b]; adLACPActive: off"),
        document(
            "BondConfig", #"BondConfig.a.primaryReselect: must be one of always, better, failure, not "x""#,
            bad: "name: a; links: [b]; primaryReselect: x",
            good: "name: a; links: [b]; primaryReselect: always"),
        document(
            "VLANConfig", #"VLANConfig["a.1"].vlanID: is required: 1 to 4095"#, bad: "name: a.1; parent: a",
            good: "name: a.1; parent: a; vlanID: 1"),
        document(
            "VLANConfig", #"VLANConfig["a.1"].vlanID: must be 1 to 4095"#,
            bad: "name: a.1; parent: a; vlanID: 4096",
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
            bad: "name: a; clientIdentifier: x", good: "name: a; clientIdentifier: duid"),
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
            "TCPProbeConfig", #"TCPProbeConfig.a.endpoint: must be host:port, not "b""#,
            bad: "name: a; endpoint: b",
            good: "name: a; endpoint: 'b:1'"),
        document(
            "KubeSpanEndpointsConfig",
            #"KubeSpanEndpointsConfig.extraAnnouncedEndpoints[0]: must be host:port, not "10.0.0.1""#,
            bad: "extraAnnouncedEndpoints: [10.0.0.1]", good: "extraAnnouncedEndpoints: ['10.0.0.1:51820']"),
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
            "endpoint", #"must be host:port, not "a""#, "publicKey: \(key), endpoint: a",
            "publicKey: \(key), endpoint: '1.2.3.4:5'"
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

    static let cases = links + hardwareAddresses + bondNames + linkKinds + peers

    @Test("A rule refuses what breaks it, and nothing else", arguments: cases)
    func refuses(_ row: ValidationCase) throws {
        #expect(try row.bad.validated().errors.map(\.withoutPlace).joined(separator: "\n") == row.message)
        #expect(try row.good.validated().errors == [])
    }
}
