// SPDX-License-Identifier: Apache-2.0

/// The documents that describe links, their addresses and their routes.
enum LinkRules {
    static let kinds: [String: [ConfigRule]] = [
        "LinkConfig": link,
        "DummyLinkConfig": link + hardwareAddress,
        "VRFConfig": link + hardwareAddress + [
            ConfigRule("table", required: "the routing table of the links"),
            ConfigRule(
                "table",
                ValueRule("a table of its own, none that Linux has") {
                    !["unspec", "default", "main", "local", "0", "253", "254", "255"].contains($0)
                }),
        ],
        "BridgeConfig": link + hardwareAddress,
        "BondConfig": link + hardwareAddress + bond,
        "VLANConfig": link + vlan,
        "WireguardConfig": link + wireguard,
        "RoutingRuleConfig": routingRule,
        "BlackholeRouteConfig": [ConfigRule("name", .prefix)],
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
            ConfigRule("endpoint", required: "what is probed"),
            ConfigRule("interval", .notNegative), ConfigRule("timeout", .notNegative),
            ConfigRule("failureThreshold", number: 0...(.max)),
        ],
    ]

    private static let hardwareAddress = [ConfigRule("hardwareAddr", .hardwareAddress)]

    private static let link = [
        ConfigRule("addresses[].address", required: "such as 10.0.0.2/24"),
        ConfigRule("addresses[].address", .prefix),
        ConfigRule("addresses[].address", .specified),
        ConfigRule("routes[].destination", .prefix),
        // The route to everywhere is one without a destination.
        ConfigRule("routes[].destination", .specified),
        ConfigRule("routes[].gateway", .address),
        ConfigRule("routes[].gateway", .specified),
        ConfigRule("routes[].source", .address),
        ConfigRule("routes[].source", .specified),
    ]

    private static let bond =
        BondRules.names(place: "") + [
            ConfigRule("bondMode", required: "how the links share the load, such as active-backup"),
            ConfigRule("bondMode", BondRules.Names.mode),
            ConfigRule("", when: .since(13)) { field, _, findings in
                guard field["bondMode"].text == "802.3ad" else { return }
                for key in ["miimon", "updelay", "downdelay"] where !field[key].isSet {
                    findings.warning(field[key], "should be set for bondMode 802.3ad")
                }
            },
            ConfigRule("primaryReselect", BondRules.Names.primaryReselect),
            ConfigRule("adLACPActive", .oneOf("on", "off")),
            ConfigRule("links", required: "what the bond is made of"),
        ]

    private static let vlan = [
        ConfigRule("vlanID", required: "1 to 4094"),
        ConfigRule("vlanID", number: 1...4094),
        ConfigRule("vlanMode", .oneOf("802.1q", "802.1ad")),
        ConfigRule("parent", required: "the link that carries it"),
    ]

    private static let wireguard = [
        ConfigRule("privateKey", required: "the key of this end"),
        ConfigRule("privateKey", .wireguardKey),
        ConfigRule("peers[].publicKey", required: "the key of the peer"),
        ConfigRule("peers[].publicKey", .wireguardKey),
        ConfigRule("peers[].presharedKey", .wireguardKey),
        ConfigRule("listenPort", number: 0...65_535),
        ConfigRule("peers[].endpoint", .addressAndPort),
        ConfigRule("peers[].persistentKeepaliveInterval", .notNegative),
        ConfigRule("peers[].allowedIPs[]", .prefix),
    ]

    private static let dhcp = [
        ConfigRule("clientIdentifier", .oneOf("none", "mac", "duid")),
        ConfigRule("") { field, _, findings in
            switch (field["clientIdentifier"].text == "duid", field["duidRaw"].isZero) {
            case (true, true): findings.error(field["duidRaw"], "is required for clientIdentifier duid")
            case (false, false): findings.error(field["duidRaw"], "needs clientIdentifier: duid")
            default: break
            }
        },
    ]

    /// The priorities of the rules that Linux and KubeSpan make.
    private static let reservedPriorities: Set<UInt32> = [0, 32_500, 32_766, 32_767]

    private static let routingRule = [
        ConfigRule(
            "name",
            ValueRule("the rule's priority, 1 to 32765 but not 32500") { name in
                UInt32(name).map { !reservedPriorities.contains($0) } ?? false
            }),
        ConfigRule("") { field, _, findings in
            guard ["", "unspec"].contains(field["table"].text),
                ["", "unspec", "unicast"].contains(field["action"].text)
            else { return }
            findings.error(field["table"], "is required, or else an action other than unicast")
        },
        ConfigRule("") { field, _, findings in
            guard !field["fwMask"].isZero, field["fwMark"].isZero else { return }
            findings.error(field["fwMask"], "needs fwMark, whose part it is")
        },
        ConfigRule("src", .prefix), ConfigRule("dst", .prefix),
    ]

    private static let virtualAddress = [
        ConfigRule("name", .address),
        ConfigRule("link", required: "the link that carries the address"),
    ]
}
