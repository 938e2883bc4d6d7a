// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
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
        process = try openSSL(arguments + options)
        // It prints "ACCEPT 127.0.0.1:<port>" as soon as it listens.
        let line = await process.line { $0.hasPrefix("ACCEPT ") }
        guard let port = line?.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw OpenSSLError(arguments: arguments, output: process.lines)
        }
        self.port = port
    }

    deinit {
        process.signal(SIGKILL)
    }
}

/// An `openssl` command that did not work.
struct OpenSSLError: Error {
    var arguments: [String]
    var output: [String]
}

/// A certificate authority in a temporary directory, and what it has signed.
final class TestPKI {
    private let directory: TemporaryDirectory

    /// Makes the authority `ca`.
    init() async throws {
        directory = try TemporaryDirectory()
        try await run(
            ["req", "-x509", "-subj", "/CN=test-ca", "-keyout", path("ca.key"), "-out", path("ca.crt")]
                + newKey)
    }

    private var newKey: [String] { ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] }

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// Makes a certificate that the authority has signed; `names` is its subjectAltName.
    func sign(_ name: String, names: String) async throws {
        let request = ["req", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)"]
        try await run(request + ["-keyout", path("\(name).key"), "-out", path("\(name).csr")] + newKey)
        try await run([
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
            "-set_serial", "1", "-copy_extensions", "copy", "-out", path("\(name).crt"),
        ])
    }

    func pem(_ name: String) throws -> [UInt8] {
        try FileSystem.read(path(name), limit: 65_536)
    }

    private func run(_ arguments: [String]) async throws {
        let process = try openSSL(arguments)
        guard await process.ending() == .exited(0) else {
            throw OpenSSLError(arguments: arguments, output: process.lines)
        }
    }
}

/// Starts an `openssl` command.
private func openSSL(_ arguments: [String]) throws -> Subprocess {
    try Subprocess(["/usr/bin/env", "openssl"] + arguments, environment: Repository.environment)
}
