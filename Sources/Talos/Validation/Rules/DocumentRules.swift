// SPDX-License-Identifier: Apache-2.0
import Platform

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
            },
            ConfigRule("bootTimeout", .notNegative),
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
            ConfigRule(
                "apiUrl",
                ValueRule("a URL without a path", isSecret: true) {
                    ["", "/"].contains(URLText($0)?.path ?? "")
                }),
        ],
        "EventSinkConfig": [
            ConfigRule("endpoint", required: "where events are sent to"),
            ConfigRule("endpoint", .hostAndPort),
        ],
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
        "ExtensionServiceConfig": [
            ConfigRule("") { field, _, findings in
                guard field["configFiles"].isZero, field["environment"].isZero else { return }
                findings.error(field["configFiles"], "is required, or else environment")
            },
            ConfigRule("configFiles[].content", required: "what is in the file"),
            ConfigRule("configFiles[].mountPath", required: "where the service finds the file"),
        ],
        "KubeSpanEndpointsConfig": [ConfigRule("extraAnnouncedEndpoints[]", .addressAndPort)],
        "RegistryAuthConfig": [
            ConfigRule("") { field, _, findings in
                let methods = ["auth", "username", "identityToken"].map { field[$0] }.filter { !$0.isZero }
                guard methods.count > 1, let other = methods.last else { return }
                findings.error(
                    other, "excludes the others of auth, username and identityToken: set one of them")
            }
        ],
        "EnvironmentConfig": [
            ConfigRule("variables") { field, _, findings in
                for (name, value) in field.members where !isVariableName(name) {
                    findings.error(value, "must have a name of letters, digits and _, not a digit first")
                }
            }
        ],
        "ImageVerificationConfig": [
            ConfigRule("rules[].image", required: "which images the rule is about"),
            ConfigRule("rules[]", check: imageRule),
            ConfigRule("rules[].keyless.issuer", required: "who vouches for the signer"),
            ConfigRule("rules[].keyless") { field, _, findings in
                guard field.isSet, field["subject"].isZero, field["subjectRegex"].isZero else { return }
                findings.error(field["subject"], "is required, or else subjectRegex")
            },
            ConfigRule("rules[].publicKey.certificate", required: "PEM text of the signer's certificate"),
        ],
    ]

    private static func isVariableName(_ name: String) -> Bool {
        name.utf8.first?.isASCIIDigit == false
            && name.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") }
    }

    private static func imageRule(
        _ rule: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings
    ) {
        let verifiers = ["keyless", "publicKey"].map { rule[$0] }.filter(\.isSet)
        let outcomes = ["skip", "deny"].map { rule[$0] }.filter(\.isTrue)
        if outcomes.count == 2 { findings.error(rule["deny"], "excludes skip: true") }
        if verifiers.count == 2 { findings.error(rule["publicKey"], "excludes keyless: set one of both") }
        switch (outcomes.isEmpty, verifiers.first) {
        case (true, nil): findings.error(rule["keyless"], "is required, or else publicKey, skip or deny")
        case (false, let verifier?): findings.error(verifier, "must not be set beside skip or deny: true")
        default: break
        }
    }

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
