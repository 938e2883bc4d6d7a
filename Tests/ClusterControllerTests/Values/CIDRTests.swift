// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ClusterController

@Suite("CIDR")
struct CIDRTests {
    @Test(
        "A canonical network reads and writes the same",
        arguments: [
            "10.244.0.0/16", "0.0.0.0/0", "192.168.1.1/32", "10.96.0.0/12", "fd00:10::/56", "::/0",
            "2001:db8::1/128",
        ])
    func canonical(text: String) {
        #expect(CIDR(text)?.description == text)
    }

    @Test(
        "What is a network but not canonical is refused with its canonical form",
        arguments: [
            ("10.244.0.1/16", "10.244.0.0/16"), ("10.244.255.255/15", "10.244.0.0/15"),
            ("fd00::1/64", "fd00::/64"), ("FD00::/8", "fd00::/8"), ("fd00:0:0::/48", "fd00::/48"),
        ])
    func notCanonical(text: String, canonical: String) {
        #expect(CIDR(text) == nil)
        #expect(CIDR.rule(against: text) == "in canonical form, \(canonical)")
    }

    @Test(
        "What is no network is refused with an example",
        arguments: [
            "", "10.244.0.0", "10.244.0.0/", "10.244.0.0/33", "10.244.0.0/-1", "10.244.0.0/016",
            "10.244.0/16",
            "010.0.0.0/8", "fd00::/129", "fd00::/64/64", "example.com/8", "10.0.0.0\u{0}/8", "/8",
            "fe80::%1/64",
        ])
    func noNetwork(text: String) {
        #expect(CIDR(text) == nil)
        #expect(CIDR.rule(against: text).hasPrefix("a network such as"))
    }

    @Test(
        "Networks overlap if one holds the other",
        arguments: [
            ("10.0.0.0/8", "10.244.0.0/16", true), ("10.244.0.0/16", "10.244.0.0/16", true),
            ("10.244.0.0/16", "10.245.0.0/16", false), ("10.96.0.0/12", "10.112.0.0/12", false),
            ("10.96.0.0/12", "10.111.0.0/16", true), ("0.0.0.0/0", "fd00::/8", false),
            ("::/0", "fd00::/8", true),
            ("fd00:0:0:10::/60", "fd00:0:0:1f::/64", true), ("fd00:0:0:10::/60", "fd00:0:0:20::/64", false),
        ])
    func overlap(left: String, right: String, expected: Bool) throws {
        let (left, right) = (try #require(CIDR(left)), try #require(CIDR(right)))
        #expect(left.overlaps(right) == expected)
        #expect(right.overlaps(left) == expected)
    }
}
