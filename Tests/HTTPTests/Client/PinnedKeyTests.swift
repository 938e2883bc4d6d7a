// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

@Suite("CurlTransport: pinned keys", .timeLimit(.minutes(15)))
struct PinnedKeyTests {
    private let pki: TestPKI
    private let engine: HTTPEngine

    init() async throws {
        pki = try await TestPKI()
        try await pki.sign("server", names: "DNS:elsewhere")
        engine = try HTTPEngine()
    }

    private func send(_ port: UInt16, _ tls: TLSConfiguration) async throws -> HTTPResponse {
        let transport = try CurlTransport(configuration(port, scheme: .https, tls: tls), engine: engine)
        return try await transport.send(.get())
    }

    private func failure(_ port: UInt16, _ tls: TLSConfiguration) async throws -> TransportError.Kind? {
        let transport = try CurlTransport(configuration(port, scheme: .https, tls: tls), engine: engine)
        return await transport.failure(.get())?.kind
    }

    /// The digest of the key of a certificate, as the openssl command makes it.
    private func digest(of name: String) async throws -> String {
        let (key, digest) = (pki.path("\(name).pub"), pki.path("\(name).digest"))
        try await OpenSSL.run([
            "pkey", "-in", pki.path("\(name).key"), "-pubout", "-outform", "der", "-out", key,
        ])
        try await OpenSSL.run(["dgst", "-sha256", "-binary", "-out", digest, key])
        return Base64.encode(try FileSystem.read(digest, limit: 100))
    }

    @Test("Where nobody vouches for the server its key is told, on a kept connection too")
    func serverKey() async throws {
        let server = try await OpenSSLServer(pki, server: "server")
        let expected = try await digest(of: "server")
        let tls = TLSConfiguration(trust: .insecure)
        let transport = try CurlTransport(
            configuration(server.port, scheme: .https, tls: tls), engine: engine)
        for _ in 0..<2 {
            #expect(try await transport.send(.get()).head.serverKey?.base64 == expected)
        }
        let (head, _) = try await transport.open(.get())
        #expect(head.serverKey?.base64 == expected)
    }

    @Test("A pinned key is enough, whatever the certificate says, and no other key will do")
    func pinned() async throws {
        let server = try await OpenSSLServer(pki, server: "server")
        let key = try #require(ServerKeyDigest(base64: try await digest(of: "server")))
        let other = try #require(ServerKeyDigest(base64: Base64.encode([UInt8](repeating: 7, count: 32))))
        // A connection without verification is there already, and must serve neither of those after it.
        #expect(try await send(server.port, TLSConfiguration(trust: .insecure)).head.status == 200)
        #expect(try await failure(server.port, TLSConfiguration(trust: .pinned(other))) == .tlsFailed)
        #expect(try await send(server.port, TLSConfiguration(trust: .pinned(key))).head.serverKey == key)
        #expect(try await failure(server.port, TLSConfiguration(trust: .pinned(other))) == .tlsFailed)
        let verified = TLSConfiguration(trust: .certificates(pem: try pki.pem("ca.crt")))
        #expect(try await failure(server.port, verified) == .tlsFailed)
    }

    @Test("A verified server's key is not told")
    func verified() async throws {
        try await pki.sign("named", names: "IP:127.0.0.1")
        let server = try await OpenSSLServer(pki, server: "named")
        let tls = TLSConfiguration(trust: .certificates(pem: try pki.pem("ca.crt")))
        #expect(try await send(server.port, tls).head.serverKey == nil)
    }

    @Test("A digest is the Base64 of 32 bytes", arguments: ["", "AAAA", "not Base64", "AAAA="])
    func noDigest(text: String) {
        #expect(ServerKeyDigest(base64: text) == nil)
    }
}
