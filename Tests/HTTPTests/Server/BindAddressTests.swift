// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTP

@Suite("Bind address")
struct BindAddressTests {
    @Test(
        "reads an address and a port",
        arguments: [
            (":8080", BindAddress.Host.any, 8080), ("0.0.0.0:8080", .ipv4([0, 0, 0, 0]), 8080),
            ("127.0.0.1:0", .ipv4([127, 0, 0, 1]), 0), ("localhost:65535", .ipv4([127, 0, 0, 1]), 65535),
            ("[::1]:80", .ipv6(Array(repeating: 0, count: 15) + [1]), 80),
            ("[::]:80", .ipv6(Array(repeating: 0, count: 16)), 80),
        ])
    func parsing(text: String, host: BindAddress.Host, port: UInt16) throws {
        let address = try #require(BindAddress(parsing: text))
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.description == text)
    }

    @Test(
        "refuses anything else",
        arguments: [
            "", "0", "8080", ":", ":x", ":-1", ":+1", ":65536", "::1:80", "[::1]", "[::1:80", "1.2.3:80",
            "1.2.3.4.5:80",
            "example.org:80", "256.0.0.1:80", " :80", ":80 ", "[127.0.0.1]:80", "[fe80::1%eth0]:80",
        ])
    func refusal(text: String) {
        #expect(BindAddress(parsing: text) == nil)
    }
}
