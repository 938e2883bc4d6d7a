// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import TestSupport

/// A transport to a scripted server, both gone after the test.
func withTransport<Result: Sendable>(
    _ script: @escaping ScriptedServer.Script,
    _ body: (CurlTransport, ScriptedServer) async throws -> Result
) async throws -> Result {
    let server = try ScriptedServer(script)
    defer { server.stop() }
    let transport = try CurlTransport(configuration(server.port))
    defer { transport.shutdown() }
    return try await body(transport, server)
}

func configuration(
    _ port: UInt16, scheme: Endpoint.Scheme = .http, tls: TLSConfiguration = TLSConfiguration(),
    proxy: String? = nil
) -> TransportConfiguration {
    TransportConfiguration(
        endpoint: Endpoint(scheme: scheme, host: "127.0.0.1", port: port), tls: tls, proxy: proxy,
        userAgent: "test/1")
}

/// Answers every request of a connection alike.
func answering(_ status: Int = 200, headers: [String] = [], body: String = "") -> ScriptedServer.Script {
    { connection in
        while connection.readRequest() != nil { connection.respond(status, headers: headers, body: body) }
    }
}

extension HTTPRequest {
    static func get(_ target: String = "/", timeout: Duration? = nil) -> HTTPRequest {
        HTTPRequest(method: .get, target: target, timeout: timeout)
    }
}

extension HTTPBody {
    /// Everything up to the end.
    func text() async throws -> String {
        var bytes: [UInt8] = []
        while let chunk = try await next() { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

extension CurlTransport {
    /// The error that the request ends with, nil if there is a response.
    func failure(_ request: HTTPRequest) async -> TransportError? {
        do throws(TransportError) {
            _ = try await send(request)
            return nil
        } catch {
            return error
        }
    }
}

extension TransportError {
    enum Kind {
        case connectFailed, tlsFailed, timedOut, interrupted, tooLate, responseTooLarge, cancelled,
            invalidConfiguration
    }

    /// The case without its text.
    var kind: Kind {
        switch self {
        case .connectFailed: .connectFailed
        case .tlsFailed: .tlsFailed
        case .timedOut: .timedOut
        case .interrupted: .interrupted
        case .tooLate: .tooLate
        case .responseTooLarge: .responseTooLarge
        case .cancelled: .cancelled
        case .invalidConfiguration: .invalidConfiguration
        }
    }
}

/// A port of 127.0.0.1 that is taken, so that no other test gets it, and on which nobody listens.
final class DeafPort {
    /// There is no such port.
    struct BindError: Error {
        var code: Int32
    }

    let port: UInt16
    private let descriptor: Int32

    init() throws {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { address in
                bind(socket, address.baseAddress, size) == 0
                    ? getsockname(socket, address.baseAddress, &size) : -1
            }
        }
        (descriptor, port) = (socket, UInt16(bigEndian: address.sin_port))
        guard status == 0 else { throw BindError(code: errno) }
    }

    deinit { close(descriptor) }
}
