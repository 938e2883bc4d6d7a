// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport

/// `openssl s_server -www` on a free port: answers any GET with a page about the TLS session.
final class OpenSSLServer {
    private(set) var port: UInt16
    private let process: pid_t
    /// Open as long as the server runs, which would end if it could not write.
    private let output: Int32

    /// Starts the server and returns once it listens.
    init(_ pki: TestPKI, server: String, _ options: [String] = []) throws {
        let arguments = [
            "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", pki.path("\(server).crt"), "-key",
            pki.path("\(server).key"),
        ]
        (process, output) = try spawn(arguments + options)
        port = 0
        // It prints "ACCEPT 127.0.0.1:<port>" as soon as it listens.
        while let line = readLine() {
            guard line.hasPrefix("ACCEPT "),
                let port = line.split(separator: ":").last.flatMap({ UInt16($0) })
            else { continue }
            self.port = port
            return
        }
        throw OpenSSLError(arguments: arguments, status: -1)
    }

    private func readLine() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(output, &byte, 1) == 1 {
            if byte == 10 { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }

    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(output)
    }
}

/// An `openssl` command that did not work.
struct OpenSSLError: Error {
    var arguments: [String]
    var status: Int32
}

/// A certificate authority in a temporary directory, and what it has signed.
final class TestPKI {
    private let directory: TemporaryDirectory

    /// Makes the authority `ca`.
    init() throws {
        directory = try TemporaryDirectory()
        try run(
            ["req", "-x509", "-subj", "/CN=test-ca", "-keyout", path("ca.key"), "-out", path("ca.crt")]
                + newKey)
    }

    private var newKey: [String] { ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] }

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// Makes a certificate that the authority has signed; `names` is its subjectAltName.
    func sign(_ name: String, names: String) throws {
        let request = ["req", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(names)"]
        try run(request + ["-keyout", path("\(name).key"), "-out", path("\(name).csr")] + newKey)
        try run([
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
            "-set_serial", "1", "-copy_extensions", "copy", "-out", path("\(name).crt"),
        ])
    }

    func pem(_ name: String) throws -> [UInt8] {
        let file = open(path(name), O_RDONLY)
        guard file >= 0 else { throw OpenSSLError(arguments: [name], status: errno) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(file, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    private func run(_ arguments: [String]) throws {
        let (process, output) = try spawn(arguments)
        close(output)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        guard status == 0 else { throw OpenSSLError(arguments: arguments, status: status) }
    }
}

/// Starts an `openssl` command with its standard output in a pipe, and nothing of its standard error.
private func spawn(_ arguments: [String]) throws -> (pid_t, Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw OpenSSLError(arguments: arguments, status: errno) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    for end in ends { posix_spawn_file_actions_addclose(&actions, end) }
    let words = [strdup("openssl")] + arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let status = posix_spawnp(&process, "openssl", &actions, nil, words, [nil])
    close(ends[1])
    guard status == 0 else {
        close(ends[0])
        throw OpenSSLError(arguments: arguments, status: status)
    }
    return (process, ends[0])
}
