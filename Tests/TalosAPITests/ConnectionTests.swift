// SPDX-License-Identifier: Apache-2.0
import HTTP
import PKI
import Platform
import Talos
import TestSupport
import Testing

@testable import TalosAPI

@Suite("Nodes' addresses and credentials")
struct ConnectionTests {
    @Test(
        "Endpoints are read as talosctl reads them",
        arguments: [
            ("10.0.0.1", "10.0.0.1", 50000), ("10.0.0.1:50001", "10.0.0.1", 50001),
            ("node-1.example", "node-1.example", 50000), ("https://talos.example", "talos.example", 443),
            ("https://talos.example:50000", "talos.example", 50000),
            ("https://talos.example/", "talos.example", 443), ("fd00::1", "fd00::1", 50000),
            ("[fd00::1]", "fd00::1", 50000), ("[fd00::1]:6000", "fd00::1", 6000),
        ])
    func endpoints(text: String, host: String, port: Int) {
        #expect(NodeEndpoint(text) == NodeEndpoint(host: host, port: UInt16(port)))
    }

    @Test(
        "What is no endpoint is refused",
        arguments: [
            "", ":50000", "host:", "host:0", "host:70000", "host:x", "[fd00::1", "[]:1", "[host]:1", "a b",
            "https://", "http://x/y", "[fd00::1]x",
        ])
    func noEndpoint(text: String) {
        #expect(NodeEndpoint(text) == nil)
    }

    @Test("An address is written with brackets where it needs them")
    func written() {
        #expect("\(NodeEndpoint(host: "fd00::1"))" == "[fd00::1]:50000")
        #expect("\(NodeEndpoint(host: "a", port: 1))" == "a:1")
    }

    private static func credentials(_ key: String) throws -> TalosCredentials {
        try TalosCredentials(
            authority: Array("ca".utf8),
            client: KeyAndCertificate(crt: Array("crt".utf8), key: Array(key.utf8)))
    }

    private static func pem(_ label: String, _ body: String) -> String {
        "-----BEGIN \(label)-----\n\(body)\n-----END \(label)-----\n"
    }

    @Test(
        "Talos' name of an Ed25519 key becomes the one that OpenSSL knows, and other keys stay",
        arguments: [
            ("ED25519 PRIVATE KEY", "PRIVATE KEY"), ("PRIVATE KEY", "PRIVATE KEY"),
            ("EC PRIVATE KEY", "EC PRIVATE KEY"), ("RSA PRIVATE KEY", "RSA PRIVATE KEY"),
        ])
    func keys(label: String, expected: String) throws {
        let credentials = try Self.credentials(Self.pem(label, "AAEC"))
        #expect(String(decoding: credentials.identity.keyPEM, as: UTF8.self) == Self.pem(expected, "AAEC"))
    }

    @Test("Credentials that are not there are told by name, and no part of a key is")
    func unusable() {
        for (authority, crt, key, name) in [
            ("", "b", "c", "ca"), ("a", "", "c", "crt"), ("a", "b", "", "key"), ("a", "b", "canary", "key"),
        ] {
            let error = #expect(throws: TalosError.self) {
                try TalosCredentials(
                    authority: Array(authority.utf8),
                    client: KeyAndCertificate(crt: Array(crt.utf8), key: Array(key.utf8)))
            }
            #expect("\(error, default: "none")".contains("\(name):"))
            #expect(!"\(error, default: "none")".contains("canary"))
        }
    }

    @Test("Nothing prints a key")
    func secrecy() throws {
        let credentials = try Self.credentials(Self.pem("PRIVATE KEY", "AAECAAEC"))
        var text = "\(credentials) \(String(reflecting: credentials))"
        dump(credentials, to: &text)
        #expect(!text.contains("AAEC"))
    }

    @Test("A node is kept for its credentials, and forgotten when nobody asks for it")
    func kept() throws {
        let clock = ManualClock()
        let connections = NodeConnections(engine: try HTTPEngine(), userAgent: "test", clock: clock)
        let (one, other) = (
            try Self.credentials(Self.pem("A", "AAEC")), try Self.credentials(Self.pem("A", "AAED"))
        )
        let key = try #require(ServerFingerprint(Base64.encode([UInt8](repeating: 1, count: 32))))
        for _ in 0..<3 {
            _ = try connections.node(at: NodeEndpoint(host: "10.0.0.1"), as: one)
            _ = try connections.node(at: NodeEndpoint(host: "10.0.0.1"), as: other)
            _ = try connections.node(at: NodeEndpoint(host: "10.0.0.2"), as: one)
            _ = try connections.maintenanceNode(at: NodeEndpoint(host: "10.0.0.1"), fingerprint: key)
        }
        #expect(connections.count == 4)
        clock.advance(by: .seconds(500))
        _ = try connections.node(at: NodeEndpoint(host: "10.0.0.2"), as: one)
        #expect(connections.count == 4)
        clock.advance(by: .seconds(500))
        _ = try connections.node(at: NodeEndpoint(host: "10.0.0.2"), as: one)
        #expect(connections.count == 1)
    }

    @Test(
        "A failure to get a node's status tells what is behind the address",
        arguments: [
            (.transport(.connectFailed("refused")), .unreachable("cannot connect: refused")),
            (.transport(.timedOut), .unreachable("no response in time")),
            (.transport(.interrupted("reset")), .unreachable("connection broken: reset")),
            (.transport(.tlsFailed("x")), .refused("TLS handshake failed: x")),
            (.status(GRPCStatus(.unavailable)), .unreachable("UNAVAILABLE")),
            (.status(GRPCStatus(.permissionDenied)), .refused("PERMISSION_DENIED")),
            (.status(GRPCStatus(.unimplemented)), .refused("UNIMPLEMENTED")),
            (.decoding("x"), .refused("unusable answer: x")),
        ] as [(TalosError, NodeContact)])
    func contact(error: TalosError, expected: NodeContact) {
        #expect(NodeContact(failure: error) == expected)
    }
}
