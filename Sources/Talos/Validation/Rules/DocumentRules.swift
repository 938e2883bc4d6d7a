// SPDX-License-Identifier: Apache-2.0

/// Which rules hold for which kind of document.
enum DocumentRules {
    /// The document without a kind.
    static let machine = MachineRules.all + NodeRules.all + DeviceRules.all + ClusterRules.all

    /// The others; a kind that is not here has no rules.
    static let kinds: [String: [ConfigRule]] = services.merging(LinkRules.kinds) { first, _ in first }
        .merging(VolumeRules.kinds) { first, _ in first }

    private static let services: [String: [ConfigRule]] = [
        "HostnameConfig": hostname,
        "ResolverConfig": [ConfigRule("nameservers[].address", .address)],
        "StaticHostConfig": [
            ConfigRule("name", .address), ConfigRule("hostnames", required: "the names of the address"),
        ],
        "TimeSyncConfig": [
            ConfigRule("") { field, _, findings in
                guard field["ntp"].isSet, field["ptp"].isSet else { return }
                findings.error(field["ptp"], "excludes ntp: time comes from one of both")
            }
        ],
        "NetworkDefaultActionConfig": [ConfigRule("ingress", .oneOf("accept", "block"))],
        "NetworkRuleConfig": [
            ConfigRule("portSelector") { field, _, findings in
                guard field["ports"].isZero, !field["protocol"].text.hasPrefix("icmp") else { return }
                findings.error(field["ports"], "is required: which ports the rule is about")
            },
            ConfigRule("portSelector.protocol", .oneOf("tcp", "udp", "icmp", "icmpv6")),
            ConfigRule("ingress[].subnet", required: "who may connect"),
            ConfigRule("ingress[].subnet", .prefix),
            ConfigRule("ingress[].except", .prefix),
        ],
        "RegistryMirrorConfig": [
            ConfigRule("endpoints[].url", required: "where the mirror answers"),
            ConfigRule("endpoints[].url", .url(schemes: "http", "https")),
        ],
        "SideroLinkConfig": [
            ConfigRule("apiUrl", required: "where SideroLink's API answers"),
            ConfigRule("apiUrl", ValueRule.url(schemes: "https", "grpc").secret),
        ],
        "EventSinkConfig": [ConfigRule("endpoint", .hostAndPort)],
        "KmsgLogConfig": kernelLog,
        "WatchdogTimerConfig": [
            ConfigRule("device", required: "such as /dev/watchdog0"),
            ConfigRule("timeout") { field, _, findings in
                guard let timeout = GoDuration(field.text), timeout.nanoseconds != 0,
                    timeout.nanoseconds < 10_000_000_000
                else { return }
                findings.error(field, "must be at least 10s")
            },
        ],
        "TrustedRootsConfig": [ConfigRule("certificates", required: "PEM text of the certificates to trust")],
        "ExtensionServiceConfig": [
            ConfigRule("configFiles[].content", required: "what is in the file"),
            ConfigRule("configFiles[].mountPath", required: "where the service finds the file"),
        ],
        "PCIDriverRebindConfig": [ConfigRule("targetDriver", required: "the driver that the device gets")],
        "KubeSpanEndpointsConfig": [ConfigRule("extraAnnouncedEndpoints[]", .hostAndPort)],
    ]

    private static let hostname = [
        ConfigRule("auto", .oneOf("stable", "off")),
        ConfigRule(
            "hostname",
            ValueRule(
                "up to 253 characters, of which the host's own name has 1 to 63",
                holds: NetworkSyntax.isHostname)),
        ConfigRule("") { field, _, findings in
            switch (field["auto"].text, field["hostname"].isZero) {
            case ("", true): findings.error(field["hostname"], "is required, or else auto")
            case ("", false), ("off", _), (_, true): break
            default:
                findings.error(
                    field["hostname"],
                    "excludes auto: stable, which is the default; set auto: \"off\" beside it")
            }
        },
    ]

    private static let kernelLog = [
        ConfigRule("url", required: "where the kernel's log is sent to"),
        ConfigRule(
            "url",
            ValueRule("tcp://host:port or udp://host:port") { text in
                guard let url = URLText(text), !url.host.isEmpty, url.port != nil else { return false }
                return ["tcp", "udp"].contains(url.scheme) && ["", "/"].contains(url.path)
            }),
    ]
}
