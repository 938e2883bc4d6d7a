// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Syntax of values")
struct SyntaxTests {
    /// A check, what it takes and what it refuses.
    struct Syntax: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let holds: @Sendable (String) -> Bool
        let good: [String]
        let bad: [String]

        init(_ name: String, _ holds: @escaping @Sendable (String) -> Bool, good: [String], bad: [String]) {
            (testDescription, self.holds, self.good, self.bad) = (name, holds, good, bad)
        }
    }

    private static let network: [Syntax] = [
        Syntax(
            "address", NetworkSyntax.isAddress,
            good: ["10.0.0.1", "::", "fd00::1", "FE80::1%eth0", "::ffff:1.2.3.4"],
            bad: [
                "", "10.0.0", "10.0.0.01", "256.0.0.0", "a", "10.0.0.1%eth0", "fe80::1%", "[::1]",
                "10.0.0.1/8", "1.2.3.4\0",
            ]),
        Syntax(
            "network", NetworkSyntax.isPrefix, good: ["10.0.0.1/8", "::/0", "10.0.0.0/08", "0.0.0.0/00"],
            bad: [
                "", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "fe80::1%a/64",
                "10.0.0.0/8/8",
            ]),
        Syntax(
            "filter", NetworkSyntax.isFilter, good: ["10.0.0.0/8", "!10.0.0.0/8", "10.0.0.1", "!fd00::1"],
            bad: ["!", "!!::/0", "! ::/0", "10.0.0", "10.0.0.1:53"]),
        Syntax(
            "host and port", NetworkSyntax.isHostAndPort, good: ["a:1", "10.0.0.1:65535", "[::1]:443"],
            bad: ["", "a", ":1", "a:", "a:65536", "::1:443", "a:1/b", "a b:1", "a:-1", "[::1]"]),
        Syntax(
            "hardware address", NetworkSyntax.isHardwareAddress,
            good: ["52:54:00:12:34:5f", "52-54-00-12-34-5F", "5254.0012.345f", "02:00:5e:10:00:00:00:01"],
            bad: [
                "", "52:54:00:12:34", "52:54:00:12:34:5g", "52:54-00:12:34:56", "525400123456", "5:4:0:1:3:5",
            ]),
        Syntax(
            "DNS name", NetworkSyntax.isDNSName,
            good: ["cluster.local", "A_b-c.", "a", String(repeating: "a", count: 63)],
            bad: ["", ".", "a..b", "-a", "a b", "ä", "10.0.0.1", String(repeating: "a", count: 64)]),
        Syntax(
            "host name", NetworkSyntax.isHostname,
            good: ["a", "a.b.c", String(repeating: "a", count: 63) + ".b"],
            bad: ["", ".a", String(repeating: "a", count: 64), "a." + String(repeating: "b", count: 252)]),
        Syntax(
            "WireGuard key", NetworkSyntax.isWireguardKey,
            good: ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
            bad: ["", "YQ==", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE", "?"]),
        Syntax(
            "URL with a host", NetworkSyntax.isURLWithHost,
            good: ["https://a", "https://a:6443/", "http://[::1]:80/b?c#d", "https://user:pass@a/b", "//a"],
            bad: [
                "", "a", "a:6443", "10.0.0.1:6443", "https://", "https://:6443", "https://a:b",
                "https://a:65536",
                "https://::1:6443", "https://a b", "https://a:0", "1://a", "https://[::1", "https://[::1]x",
            ]),
    ]

    private static let others: [Syntax] = [
        Syntax(
            "qualified name", KubernetesSyntax.isQualifiedName,
            good: ["a", "A.b_c-1", "a.example/B", "a/" + String(repeating: "b", count: 63)],
            bad: ["", "/a", "a/", "A/b", "-a", "a-", "a/b/c", "a/" + String(repeating: "b", count: 64), "ä"]),
        Syntax(
            "label value", KubernetesSyntax.isLabelValue, good: ["", "a", "A_1"], bad: ["a b", "-", "a/b"]),
        Syntax(
            "taint", KubernetesSyntax.isTaint, good: ["NoSchedule", "a:NoExecute", ":PreferNoSchedule"],
            bad: ["", "a", "a:b", "a:b:NoSchedule", "a b:NoSchedule", "noschedule"]),
        Syntax(
            "quantity", KubernetesSyntax.isQuantity,
            good: ["1", "+1.5", ".5Gi", "1.", "500m", "1e3", "1E-3", "-1Ki"],
            bad: ["", ".", "m", "1.5.1", "1 Gi", "1gi", "1e", "1e+", "--1", "٣"]),
        Syntax(
            "comparison of sizes", GoSyntax.isSizeComparison,
            good: ["1TB", ">= 1TB", "<100 GiB", "== 1.5TB"],
            bad: ["", ">=", "=> 1TB", "big", "1 XB"]),
    ]

    @Test("A check takes what Talos takes", arguments: network + others)
    func checks(_ syntax: Syntax) {
        #expect(syntax.good.filter { !syntax.holds($0) } == [])
        #expect(syntax.bad.filter { syntax.holds($0) } == [])
    }
}
