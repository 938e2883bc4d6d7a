// SPDX-License-Identifier: Apache-2.0
import Platform

/// The `openssl` command.
package enum OpenSSL {
    /// A command that did not work.
    package struct Failure: Error {
        package var arguments: [String]
        package var output: [String]

        package init(arguments: [String], output: [String]) {
            self.arguments = arguments
            self.output = output
        }
    }

    /// Starts a command.
    package static func start(_ arguments: [String], hasInput: Bool = false) throws -> Subprocess {
        try Subprocess(
            ["/usr/bin/env", "openssl"] + arguments, environment: Repository.environment, hasInput: hasInput)
    }

    /// Runs a command to its end.
    package static func run(_ arguments: [String]) async throws {
        let process = try start(arguments)
        guard await process.ending() == .exited(0) else {
            throw Failure(arguments: arguments, output: process.lines)
        }
    }
}

/// A certificate authority in a temporary directory, and what it has signed.
package final class TestPKI: Sendable {
    private let directory: TemporaryDirectory

    /// Makes the authority `ca`.
    package init() async throws {
        directory = try TemporaryDirectory()
        try await OpenSSL.run(
            ["req", "-x509", "-subj", "/CN=test-ca", "-keyout", path("ca.key"), "-out", path("ca.crt")]
                + newKey)
    }

    private var newKey: [String] { ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] }

    /// Where the file `name` is.
    package func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// Makes a certificate that the authority has signed; `names` is its subjectAltName.
    package func sign(_ name: String, names: String, days: Int = 30) async throws {
        let request = ["req", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)"]
        try await OpenSSL.run(
            request + ["-keyout", path("\(name).key"), "-out", path("\(name).csr")] + newKey)
        try await OpenSSL.run([
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
            "-days", "\(days)", "-set_serial", "1", "-copy_extensions", "copy", "-out", path("\(name).crt"),
        ])
    }

    /// What the file `name` holds.
    package func pem(_ name: String) throws -> [UInt8] {
        try FileSystem.read(path(name), limit: 65_536)
    }
}
