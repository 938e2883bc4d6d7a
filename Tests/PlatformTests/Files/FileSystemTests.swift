// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("FileSystem")
struct FileSystemTests {
    private let temporary: TemporaryDirectory

    init() throws {
        temporary = try TemporaryDirectory()
    }

    @Test("makes a directory with those above it, once or again")
    func makeDirectory() throws {
        let path = temporary.path + "/a//b/c/"
        try FileSystem.makeDirectory(path)
        try FileSystem.makeDirectory(path)
        #expect(try FileSystem.list(temporary.path + "/a") == ["b"])
        try FileSystem.replace(temporary.path + "/file", with: [])
        let error = #expect(throws: FileError.self) { try FileSystem.makeDirectory(temporary.path + "/file") }
        #expect(error?.code == ENOTDIR)
    }

    @Test("reads through links, as secrets are mounted")
    func links() throws {
        try FileSystem.makeDirectory(temporary.path + "/..2024")
        try FileSystem.replace(temporary.path + "/..2024/token", with: [1, 2])
        symlink("..2024", temporary.path + "/..data")
        symlink("..data/token", temporary.path + "/token")
        #expect(try FileSystem.read(temporary.path + "/token", limit: 10) == [1, 2])
    }

    @Test("reads files that do not tell their size")
    func proc() throws {
        #expect(try !FileSystem.read("/proc/self/status", limit: 100_000).isEmpty)
    }

    @Test("reads from a pipe until its other end is closed, up to the limit")
    func pipes() throws {
        func piped(_ bytes: [UInt8], limit: Int) throws -> [UInt8] {
            var ends: [Int32] = [0, 0]
            #expect(pipe(&ends) == 0)
            defer { close(ends[0]) }
            #expect(write(ends[1], bytes, bytes.count) == bytes.count)
            close(ends[1])
            return try FileSystem.readToEnd(of: ends[0], named: "standard input", limit: limit)
        }
        let bytes = (0..<60_000).map { UInt8(truncatingIfNeeded: $0) }
        #expect(try piped(bytes, limit: 60_000) == bytes)
        #expect(try piped([], limit: 0) == [])
        #expect(throws: FileError(.read, "standard input", .largerThan(limit: 59_999))) {
            try piped(bytes, limit: 59_999)
        }
        let error = #expect(throws: FileError.self) {
            try FileSystem.readToEnd(of: -1, named: "standard input", limit: 1)
        }
        #expect(error?.description == "cannot read standard input: Bad file descriptor (EBADF)")
    }

    @Test("writes, lists and removes by path")
    func paths() throws {
        let path = temporary.path + "/x"
        try FileSystem.replace(path, with: [7], mode: 0o600)
        #expect(try FileSystem.list(temporary.path) == ["x"])
        #expect(try FileSystem.remove(path))
        #expect(try FileSystem.remove(path) == false)
    }

    @Test(
        "fails with the operation, the path and the reason",
        arguments: [
            ("/nonexistent/x", "cannot open /nonexistent: No such file or directory (ENOENT)"),
            ("/dev/null/x", "cannot open /dev/null: Not a directory (ENOTDIR)"),
            ("/dev/", "cannot write /dev/: not a file name"),
        ])
    func failures(path: String, description: String) {
        let error = #expect(throws: FileError.self) { try FileSystem.replace(path, with: [1]) }
        #expect(error?.description == description)
    }
}
