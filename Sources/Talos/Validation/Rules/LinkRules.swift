// SPDX-License-Identifier: Apache-2.0

/// The documents that describe links, their addresses and their routes.
enum LinkRules {
    static let kinds: [String: [ConfigRule]] = [
        "LinkConfig": link,
        "DummyLinkConfig": link + hardwareAddress,
        "VRFConfig": link + hardwareAddress,
        "BridgeConfig": link + hardwareAddress,
        "BondConfig": link + hardwareAddress + bond,
        "VLANConfig": link + vlan,
        "WireguardConfig": link + wireguard,
        "DHCPv4Config": dhcp,
        "DHCPv6Config": dhcp,
        "Layer2VIPConfig": virtualAddress,
        "HCloudVIPConfig": virtualAddress + [
            ConfigRule("apiToken", required: "what Hetzner's API is asked with")
        ],
        "LinkAliasConfig": [ConfigRule("selector.match", required: "which links get the alias")],
        "KubeSpanConfig": [
            ConfigRule("mtu", check: DeviceRules.transmissionUnit),
            ConfigRule("filters.endpoints[]", .filter),
        ],
        "TCPProbeConfig": [
            ConfigRule("endpoint", required: "what is probed"), ConfigRule("endpoint", .hostAndPort),
        ],
    ]

    private static let hardwareAddress = [ConfigRule("hardwareAddr", .hardwareAddress)]

    private static let link = [
        ConfigRule("addresses[].address", required: "such as 10.0.0.2/24"),
        ConfigRule("addresses[].address", .prefix),
        ConfigRule("routes[]") { field, _, findings in
            guard field["destination"].isZero, field["gateway"].isZero else { return }
            findings.error(field["destination"], "is required, or else gateway")
        },
        ConfigRule("routes[].destination", .prefix),
        ConfigRule("routes[].gateway", .address),
        ConfigRule("routes[].source", .address),
    ]

    private static let bond =
        BondRules.names(place: "") + [
            ConfigRule("bondMode", BondRules.Names.mode),
            ConfigRule("primaryReselect", BondRules.Names.primaryReselect),
            ConfigRule("adLACPActive", .oneOf("on", "off")),
            ConfigRule("links", required: "what the bond is made of"),
        ]

    private static let vlan = [
        ConfigRule("vlanID", required: "1 to 4095"),
        ConfigRule("vlanID", number: 1...4095),
        ConfigRule("vlanMode", .oneOf("802.1q", "802.1ad")),
        ConfigRule("parent", required: "the link that carries it"),
    ]

    private static let wireguard = [
        ConfigRule("privateKey", required: "the key of this end"),
        ConfigRule("privateKey", .wireguardKey),
        ConfigRule("peers[].publicKey", required: "the key of the peer"),
        ConfigRule("peers[].publicKey", .wireguardKey),
        ConfigRule("peers[].presharedKey", .wireguardKey),
        ConfigRule("peers[].endpoint", .hostAndPort),
        ConfigRule("peers[].allowedIPs[]", .prefix),
    ]

    private static let dhcp = [ConfigRule("clientIdentifier", .oneOf("none", "mac", "duid"))]

    private static let virtualAddress = [
        ConfigRule("name", .address),
        ConfigRule("link", required: "the link that carries the address"),
    ]
}
