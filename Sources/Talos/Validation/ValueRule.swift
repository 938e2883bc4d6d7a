// SPDX-License-Identifier: Apache-2.0

/// How a text has to be written.
struct ValueRule: Sendable {
    /// What is allowed, so that `must be <requirement>` is a sentence.
    let requirement: String
    /// Whether the value may never be shown.
    let isSecret: Bool
    let holds: @Sendable (String) -> Bool

    init(_ requirement: String, isSecret: Bool = false, holds: @escaping @Sendable (String) -> Bool) {
        self.requirement = requirement
        self.isSecret = isSecret
        self.holds = holds
    }

    /// The same for a value that may never be shown.
    var secret: ValueRule { ValueRule(requirement, isSecret: true, holds: holds) }

    static func oneOf(_ values: String...) -> ValueRule {
        ValueRule("one of \(values.joined(separator: ", "))") { values.contains($0) }
    }

    static let address = ValueRule("an IP address", holds: NetworkSyntax.isAddress)
    static let prefix = ValueRule("a network such as 10.0.0.0/8", holds: NetworkSyntax.isPrefix)
    static let addressOrPrefix = ValueRule(
        "an IP address, with or without the length of its network", holds: NetworkSyntax.isAddressOrPrefix)
    static let filter = ValueRule(
        "a network such as 10.0.0.0/8 or an address, with ! before it to leave it out",
        holds: NetworkSyntax.isFilter)
    static let hostAndPort = ValueRule("host:port", holds: NetworkSyntax.isHostAndPort)
    static let addressAndPort = ValueRule(
        "address:port, an IPv6 address in brackets", holds: NetworkSyntax.isAddressAndPort)
    static let hardwareAddress = ValueRule(
        "a hardware address such as 52:54:00:12:34:56", holds: NetworkSyntax.isHardwareAddress)
    static let dnsName = ValueRule("a DNS name", holds: NetworkSyntax.isDNSName)
    static let url = ValueRule("a URL with a host, and a port of 1 to 65535 if any") {
        NetworkSyntax.isURLWithHost($0)
    }
    static func url(schemes: String...) -> ValueRule {
        ValueRule("a URL that begins with \(schemes.map { "\($0)://" }.joined(separator: " or "))") { text in
            URLText(text).map { schemes.contains($0.scheme) && !$0.host.isEmpty } ?? false
        }
    }
    /// For what must be an address of its own, not `0.0.0.0` or `::`.
    static let specified = ValueRule("an address other than 0.0.0.0 and ::") {
        !NetworkSyntax.isUnspecified($0)
    }
    static let notNegative = ValueRule("0s or longer") { (GoDuration($0)?.nanoseconds ?? 0) >= 0 }
    static let wireguardKey = ValueRule(
        "a WireGuard key: 32 bytes in Base64", isSecret: true, holds: NetworkSyntax.isWireguardKey)
    static let quantity = ValueRule("a quantity such as 500m or 1Gi", holds: KubernetesSyntax.isQuantity)
}
