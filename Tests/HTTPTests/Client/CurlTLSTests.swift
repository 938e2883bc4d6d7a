// SPDX-License-Identifier: Apache-2.0
import HTTP
import TestSupport
import Testing

@Suite("CurlTransport: TLS", .timeLimit(.minutes(15)))
struct CurlTLSTests {
    private let pki: TestPKI

    init() async throws {
        pki = try await TestPKI()
        try await pki.sign("server", names: "IP:127.0.0.1")
    }

    private func failure(_ port: UInt16, _ tls: TLSConfiguration, proxy: String? = nil) async throws
        -> TransportError?
    {
        let transport = try CurlTransport(configuration(port, scheme: .https, tls: tls, proxy: proxy))
        defer { transport.shutdown() }
        return await transport.failure(.get())
    }

    @Test("A server that the given authority vouches for is trusted, request after request")
    func givenAuthority() async throws {
        let server = try await OpenSSLServer(pki, server: "server")
        let tls = TLSConfiguration(trust: .certificates(pem: try pki.pem("ca.crt")))
        let transport = try CurlTransport(configuration(server.port, scheme: .https, tls: tls))
        defer { transport.shutdown() }
        for _ in 0..<3 {
            let response = try await transport.send(.get())
            #expect(response.head.status == 200)
            #expect(response.text.contains("TLSv1.3"))
        }
    }

    @Test("A server that another authority vouches for is not trusted, and sees no request")
    func otherAuthority() async throws {
        let server = try await OpenSSLServer(pki, server: "server")
        let stranger = try await TestPKI()
        let error = try await failure(
            server.port, TLSConfiguration(trust: .certificates(pem: try stranger.pem("ca.crt"))))
        #expect(error?.kind == .tlsFailed)
        #expect(error?.mayHaveBeenProcessed == false)
        #expect(try await failure(server.port, TLSConfiguration())?.kind == .tlsFailed)
    }

    @Test("With verification switched off any server will do, and only for that transport")
    func insecure() async throws {
        let server = try await OpenSSLServer(pki, server: "server")
        #expect(try await failure(server.port, TLSConfiguration(trust: .insecure)) == nil)
        #expect(try await failure(server.port, TLSConfiguration())?.kind == .tlsFailed)
    }

    @Test("The certificate has to bear the host's name, or the one configured instead")
    func serverName() async throws {
        try await pki.sign("named", names: "DNS:kubernetes.default.svc")
        let server = try await OpenSSLServer(pki, server: "named")
        let trust = TLSConfiguration.Trust.certificates(pem: try pki.pem("ca.crt"))
        #expect(try await failure(server.port, TLSConfiguration(trust: trust))?.kind == .tlsFailed)
        let named = TLSConfiguration(trust: trust, serverName: "kubernetes.default.svc")
        #expect(try await failure(server.port, named) == nil)
        let misnamed = TLSConfiguration(trust: trust, serverName: "kubernetes.default")
        #expect(try await failure(server.port, misnamed)?.kind == .tlsFailed)
    }

    @Test("A name to verify changes neither the address nor the Host header")
    func hostHeader() async throws {
        let server = try ScriptedServer(answering())
        defer { server.stop() }
        let tls = TLSConfiguration(serverName: "kubernetes.default.svc")
        let transport = try CurlTransport(configuration(server.port, tls: tls))
        defer { transport.shutdown() }
        _ = try await transport.send(.get())
        #expect(server.requests.first?.headers["host"] == "127.0.0.1:\(server.port)")
    }

    @Test(
        "A server that asks for a client certificate gets the configured one",
        arguments: ["-tls1_2", "-tls1_3"])
    func clientCertificate(version: String) async throws {
        try await pki.sign("client", names: "DNS:client")
        let server = try await OpenSSLServer(
            pki, server: "server",
            ["-Verify", "1", "-verify_return_error", "-CAfile", pki.path("ca.crt"), version])
        let identity = TLSConfiguration.Identity(
            certificatePEM: try pki.pem("client.crt"), keyPEM: try pki.pem("client.key"))
        let trust = TLSConfiguration.Trust.certificates(pem: try pki.pem("ca.crt"))
        #expect(try await failure(server.port, TLSConfiguration(trust: trust, identity: identity)) == nil)
        let error = try await failure(server.port, TLSConfiguration(trust: trust))
        // TLS 1.3 tells after the handshake, when the request may be under way.
        #expect(error?.kind == (version == "-tls1_2" ? .tlsFailed : .interrupted))
    }

    @Test("Certificates and keys that do not parse or do not fit are errors of the configuration")
    func unusable() async throws {
        let server = try await OpenSSLServer(pki, server: "server")
        let garbage = Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
        let trust = TLSConfiguration.Trust.certificates(pem: try pki.pem("ca.crt"))
        let mixed = TLSConfiguration.Identity(
            certificatePEM: try pki.pem("server.crt"), keyPEM: try pki.pem("ca.key"))
        for tls in [
            TLSConfiguration(trust: .certificates(pem: garbage)),
            TLSConfiguration(trust: trust, identity: mixed),
            TLSConfiguration(trust: trust, identity: .init(certificatePEM: garbage, keyPEM: garbage)),
        ] {
            #expect(try await failure(server.port, tls)?.kind == .invalidConfiguration)
        }
    }

    @Test("TLS to the server goes through a proxy's tunnel")
    func tunnel() async throws {
        let server = try await OpenSSLServer(pki, server: "server")
        let port = server.port
        let proxy = try ScriptedServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send("HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
            connection.relay(to: port)
        }
        defer { proxy.stop() }
        let tls = TLSConfiguration(trust: .certificates(pem: try pki.pem("ca.crt")))
        let url = "http://127.0.0.1:\(proxy.port)"
        let transport = try CurlTransport(configuration(port, scheme: .https, tls: tls, proxy: url))
        defer { transport.shutdown() }
        var request = HTTPRequest.get()
        request.headers["Authorization"] = "Bearer canary"
        let response = try await transport.send(request)
        #expect(response.head.status == 200)
        #expect(response.head.headers["X-Proxy"] == nil)
        #expect(proxy.requests.map(\.method) == ["CONNECT"])
        #expect(proxy.requests.first?.headers["authorization"] == nil)
    }
}
