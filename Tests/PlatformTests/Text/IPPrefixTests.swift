// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@Suite("IPPrefix")
struct IPPrefixTests {
    @Test(
        "reads an address with a length and clears the host's bits",
        arguments: [
            ("10.1.2.3/8", "10.0.0.0/8"), ("192.168.7.9/32", "192.168.7.9/32"), ("1.2.3.4/0", "0.0.0.0/0"),
            ("FD00:0::1/64", "fd00::/64"), ("::ffff:10.0.0.1/128", "::ffff:10.0.0.1/128"),
        ])
    func reads(_ text: String, network: String) throws {
        #expect(try #require(IPPrefix(text)).network.description == network)
    }

    @Test(
        "refuses all else",
        arguments: [
            "", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "::/129",
            "010.0.0.0/8", "10.0.0.0/8/8", "fe80::1%eth0/64", "10.0.0/8",
        ])
    func refuses(_ text: String) {
        #expect(IPPrefix(text) == nil)
    }
}
