// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport

/// `openssl s_server -www` on a free port: answers any GET with a page about the TLS session.
final class OpenSSLServer: Sendable {
    let port: UInt16
    private let process: Subprocess

    /// Starts the server and returns once it listens.
    init(_ pki: TestPKI, server: String, _ options: [String] = []) async throws {
        let arguments = [
            "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", pki.path("\(server).crt"), "-key",
            pki.path("\(server).key"),
        ]
        process = try OpenSSL.start(arguments + options)
        // It prints "ACCEPT 127.0.0.1:<port>" as soon as it listens.
        let line = await process.line { $0.hasPrefix("ACCEPT ") }
        guard let port = line?.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw OpenSSL.Failure(arguments: arguments, output: process.lines)
        }
        self.port = port
    }

    deinit {
        process.signal(SIGKILL)
    }
}
