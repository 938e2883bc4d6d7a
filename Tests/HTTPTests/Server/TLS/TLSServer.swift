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
        try OpenSSL.start(sessionArguments + options, hasInput: true)
    }

    /// How `openssl` is told to connect.
    fileprivate var sessionArguments: [String] {
        ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", pki.path("ca.crt"), "-verify_return_error"]
    }

    /// Sends a last request by `openssl s_client`; the result is all that the command prints.
    func conversation(_ options: [String] = []) async throws -> [String] {
        let session = try session(options)
        for line in ["GET / HTTP/1.1\r", "Host: a\r", "Connection: close\r", "\r"] { session.write(line) }
        _ = await session.ending()
        return session.lines
    }
}

/// A client that asks once and then reads nothing, because nobody empties the pipe behind it.
final class StalledSession: Sendable {
    let process: Subprocess
    private let directory: TemporaryDirectory
    /// A FIFO: what is written to it lets the client go on.
    private var gate: String { "\(directory.path)/gate" }

    /// Its first line is the first of the response.
    init(_ server: TLSServer, target: String) throws {
        let script = """
            gate=$1
            shift
            mkfifo "$gate"
            openssl "$@" 2>/dev/null | { head -n 1; read -r _ <"$gate"; wc -c; }
            """
        directory = try TemporaryDirectory()
        process = try Subprocess(
            ["/bin/sh", "-c", script, "sh", "\(directory.path)/gate"] + server.sessionArguments + ["-quiet"],
            environment: Repository.environment, hasInput: true)
        for line in ["GET \(target) HTTP/1.1\r", "Host: a\r", "\r"] { process.write(line) }
    }

    /// Reads on until the connection ends, and returns how many bytes that were.
    func countOfRest() async throws -> Int {
        let release = try Subprocess(
            ["/bin/sh", "-c", "echo >\"$1\"", "sh", gate], environment: Repository.environment)
        _ = await release.ending()
        _ = await process.ending()
        return try #require(process.lines.last.flatMap { Int($0) })
    }
}
