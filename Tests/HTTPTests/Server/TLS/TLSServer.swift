// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

/// A server on loopback with a certificate of an authority of its own, and clients that trust it.
final class TLSServer: Sendable {
    let pki: TestPKI
    let port: UInt16
    let certificate: ServerCertificate
    let server: HTTPServer

    /// Starts it; by default it answers with the path, `ok` for `/`, and no time passes.
    init(
        limits: HTTPServerLimits = HTTPServerLimits(), clock: any Clock = ManualClock(),
        handler: @escaping @Sendable (ServerRequest) -> ServerResponse = {
            .text(200, $0.path == "/" ? "ok" : $0.path)
        }
    ) async throws {
        pki = try await TestPKI()
        try await pki.sign("server", names: "IP:127.0.0.1")
        certificate = try ServerCertificate(
            KeyPairPaths(certificate: pki.path("server.crt"), key: pki.path("server.key")), clock: clock)
        let address = try #require(BindAddress(parsing: "127.0.0.1:0"))
        server = HTTPServer(
            HTTPServerConfiguration(address: address, limits: limits), clock: clock, certificate: certificate,
            handler: handler)
        try server.start()
        port = try #require(server.boundPort)
    }

    /// A client with connections of its own; the caller shuts it down.
    func client() throws -> CurlTransport {
        let tls = TLSConfiguration(trust: .certificates(pem: try pki.pem("ca.crt")))
        return try CurlTransport(configuration(port, scheme: .https, tls: tls))
    }

    /// The answer that a new connection gets to a request.
    func get(_ target: String = "/") async throws -> HTTPResponse {
        let client = try client()
        defer { client.shutdown() }
        return try await client.send(.get(target))
    }

    /// `openssl s_client` on a connection of its own.
    func session(_ options: [String] = []) throws -> Subprocess {
        let arguments = [
            "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", pki.path("ca.crt"),
            "-verify_return_error",
        ]
        return try OpenSSL.start(arguments + options, hasInput: true)
    }

    /// Sends a last request by `openssl s_client`; the result is all that the command prints.
    func conversation(_ options: [String] = []) async throws -> [String] {
        let session = try session(options)
        for line in ["GET / HTTP/1.1\r", "Host: a\r", "Connection: close\r", "\r"] { session.write(line) }
        _ = await session.ending()
        return session.lines
    }
}
