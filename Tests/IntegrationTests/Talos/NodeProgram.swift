// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import Platform
import StructuredData
import Talos
import TalosAPI
import TestSupport

/// A program that serves as a node, and says in lines of JSON what it does.
final class NodeProgram: Sendable {
    let process: Subprocess
    private let directory: TemporaryDirectory
    /// Where it was found to listen, and by what key it is known at first.
    let endpoint: NodeEndpoint
    let fingerprint: String

    /// Starts a program; with an authority it wants client certificates that this one has signed.
    init(
        _ arguments: [String], environment: [String: String] = Repository.environment,
        authority: KeyAndCertificate?
    ) async throws {
        directory = try TemporaryDirectory()
        var arguments = arguments
        if let authority {
            for (name, bytes) in [("crt", authority.crt), ("key", authority.key)] {
                let path = "\(directory.path)/\(name)"
                try FileSystem.replace(path, with: bytes)
                arguments += ["--\(name)", path]
            }
        }
        process = try Subprocess(arguments, environment: environment, hasInput: true)
        let line = await process.line { $0.contains("\"fingerprint\":") }
        guard let start = line.flatMap(Self.json), let fingerprint = start["fingerprint"]?.string,
            let port = start["port"]?.integer.flatMap(UInt16.init)
        else { throw Failure(output: process.lines) }
        endpoint = NodeEndpoint(host: "127.0.0.1", port: port)
        self.fingerprint = fingerprint
    }

    deinit {
        process.signal(SIGKILL)
    }

    /// What a program printed instead of what was expected.
    struct Failure: Error {
        var output: [String]
    }

    /// What a line of it says; nil if it is no JSON.
    static func json(_ line: String) -> JSONValue? {
        var parser = JSONParser()
        return try? parser.parse(Array(line.utf8))
    }
}
