// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("Directory")
struct DirectoryTests {
    private let temporary: TemporaryDirectory

    init() throws {
        temporary = try TemporaryDirectory()
    }

    private func open() throws -> Directory {
        try Directory(temporary.path)
    }

    private func mode(of name: String) -> mode_t {
        var status = stat()
        stat("\(temporary.path)/\(name)", &status)
        return status.st_mode & 0o7777
    }

    @Test("writes several files at once, or none if one of them cannot be written")
    func replaceSeveral() throws {
        let temporary = try TemporaryDirectory()
        let directory = try Directory(temporary.path)
        try directory.replace([FileContent(name: "a", bytes: [1]), FileContent(name: "b", bytes: [2])])
        #expect(try directory.read("b", limit: 1) == [2])
        #expect(throws: FileError.self) {
            try directory.replace([FileContent(name: "a", bytes: [3]), FileContent(name: "../c", bytes: [4])])
        }
        #expect(try directory.read("a", limit: 1) == [1])
        #expect(try directory.entries() == ["a", "b"])
    }

    @Test("writes a file, replaces it and reads it back, with the mode asked for whatever the umask")
    func replace() throws {
        let directory = try open()
        try directory.replace("a", with: Array("one".utf8), mode: 0o666)
        #expect(mode(of: "a") == 0o666)
        try directory.replace("a", with: Array("two".utf8), mode: 0o600)
        #expect(try directory.read("a", limit: 3) == Array("two".utf8))
        #expect(mode(of: "a") == 0o600)
        #expect(try directory.entries() == ["a"])
    }

    @Test("writes and reads files of any size", arguments: [0, 1, 16_384, 16_385, 1_000_000])
    func sizes(size: Int) throws {
        let directory = try open()
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try directory.replace("a", with: bytes)
        #expect(try directory.read("a", limit: size) == bytes)
        guard size > 0 else { return }
        let error = #expect(throws: FileError.self) { try directory.read("a", limit: size - 1) }
        #expect(error?.cause == .largerThan(limit: size - 1))
    }

    @Test("leaves the old content and no temporary file when a write fails")
    func failedReplace() throws {
        let directory = try open()
        try directory.makeDirectory("a")
        let error = #expect(throws: FileError.self) { try directory.replace("a", with: [1]) }
        #expect(error?.code == EISDIR)
        #expect(try directory.entries() == ["a"])
    }

    @Test("tells a missing file from one that cannot be read")
    func missing() throws {
        let directory = try open()
        let error = #expect(throws: FileError.self) { try directory.read("x", limit: 1) }
        #expect(error?.isNotFound == true)
        #expect(
            error?.description == "cannot read \(temporary.path)/x: No such file or directory (ENOENT)")
        try directory.makeDirectory("d")
        let notRegular = #expect(throws: FileError.self) { try directory.read("d", limit: 1) }
        #expect(notRegular?.cause == .notRegularFile)
        mkfifo("\(temporary.path)/pipe", 0o600)
        #expect(throws: FileError.self) { try directory.read("pipe", limit: 1) }
        #expect(try directory.kind(of: "pipe") == .other)
    }

    @Test("follows no link: neither to read nor to write nor to descend")
    func links() throws {
        let elsewhere = try TemporaryDirectory()
        try FileSystem.replace("\(elsewhere.path)/secret", with: [42])
        let directory = try open()
        symlink("\(elsewhere.path)/secret", "\(temporary.path)/file")
        symlink(elsewhere.path, "\(temporary.path)/directory")

        #expect(try directory.kind(of: "file") == .symbolicLink)
        #expect(throws: FileError.self) { try directory.read("file", limit: 10) }
        #expect(throws: FileError.self) { _ = try directory.subdirectory("directory") }
        #expect(try directory.makeDirectory("directory") == false)
        try directory.replace("file", with: [1])
        #expect(try directory.kind(of: "file") == .regular)
        #expect(throws: FileError.self) { try directory.removeDirectory("directory") }
        try directory.remove("directory")
        #expect(try FileSystem.read("\(elsewhere.path)/secret", limit: 10) == [42])
    }

    @Test("makes, opens and removes directories")
    func directories() throws {
        let directory = try open()
        #expect(try directory.isEmpty())
        #expect(try directory.makeDirectory("d", mode: 0o700))
        #expect(try directory.makeDirectory("d") == false)
        #expect(try directory.kind(of: "d") == .directory)
        let inner = try directory.subdirectory("d")
        #expect(inner.path == temporary.path + "/d")
        try inner.replace("b", with: [])
        try inner.replace("a", with: [])
        #expect(try inner.entries() == ["a", "b"])
        #expect(try inner.entries() == ["a", "b"])

        let error = #expect(throws: FileError.self) { try directory.removeDirectory("d") }
        #expect(error?.code == ENOTEMPTY)
        #expect(try inner.remove("a"))
        #expect(try inner.remove("a") == false)
        try inner.remove("b")
        #expect(try directory.removeDirectory("d"))
        #expect(try directory.removeDirectory("d") == false)
        #expect(try directory.kind(of: "d") == nil)
    }

    @Test("takes no name that leads elsewhere", arguments: ["", ".", "..", "a/b", "/etc", "../x", "a\0b"])
    func names(name: String) throws {
        let directory = try open()
        #expect(throws: FileError.self) { try directory.replace(name, with: [1]) }
        #expect(throws: FileError.self) { try directory.read(name, limit: 1) }
        #expect(throws: FileError.self) { try directory.remove(name) }
        #expect(throws: FileError.self) { try directory.makeDirectory(name) }
        #expect(throws: FileError.self) { _ = try directory.subdirectory(name) }
        #expect(try directory.isEmpty())
    }

    @Test("a name that is too long, or holds any other character, is the entry of that name or an error")
    func oddNames() throws {
        let directory = try open()
        let long = String(repeating: "n", count: 256)
        #expect(throws: FileError.self) { try directory.replace(long, with: [1]) }
        #expect(throws: FileError.self) { try directory.read(long, limit: 1) }
        #expect(throws: FileError.self) { try directory.kind(of: long) }
        #expect(try directory.isEmpty())
        let names = ["\u{E9}", "e\u{301}", "A", "a", "\n", "\\", "-rf", " ", "\u{2215}"]
        for (index, name) in names.enumerated() { try directory.replace(name, with: [UInt8(index)]) }
        for (index, name) in names.enumerated() {
            #expect(try directory.read(name, limit: 1) == [UInt8(index)])
        }
    }

    @Test("a hard link is replaced, and what it was linked to stays")
    func hardLinks() throws {
        let elsewhere = try TemporaryDirectory()
        try FileSystem.replace("\(elsewhere.path)/secret", with: [42])
        #expect(link("\(elsewhere.path)/secret", "\(temporary.path)/file") == 0)
        try open().replace("file", with: [1])
        #expect(try FileSystem.read("\(elsewhere.path)/secret", limit: 10) == [42])
        #expect(try open().read("file", limit: 10) == [1])
    }

    @Test("what is no file is neither read nor written, and makes nobody wait")
    func noFiles() throws {
        let directory = try open()
        #expect(mkfifo("\(temporary.path)/pipe", 0o600) == 0)
        try directory.makeDirectory("directory")
        #expect(symlink("loop", "\(temporary.path)/loop") == 0)
        #expect(symlink("nowhere", "\(temporary.path)/dangling") == 0)
        for name in ["pipe", "directory", "loop", "dangling"] {
            #expect(throws: FileError.self) { try directory.read(name, limit: 10) }
            #expect(try directory.version(of: name) == nil)
        }
        #expect(throws: FileError.self) { try directory.replace("directory", with: [1]) }
        #expect(throws: FileError.self) { try directory.remove("directory") }
        for name in ["pipe", "loop", "dangling"] {
            try directory.replace(name, with: [7])
            #expect(try directory.read(name, limit: 1) == [7])
        }
        #expect(try directory.entries() == ["dangling", "directory", "loop", "pipe"])
    }

    @Test("a link that is swapped in while files are written leads nothing elsewhere")
    func swappedLinks() throws {
        let elsewhere = try TemporaryDirectory()
        try FileSystem.replace("\(elsewhere.path)/target", with: [42])
        let (inside, outside) = (temporary.path, elsewhere.path)
        let isDone = Locked(false)
        let swapper = try SystemThread.start {
            while !isDone.withLock({ $0 }) {
                unlink("\(inside)/file")
                symlink("\(outside)/target", "\(inside)/file")
            }
        }
        let directory = try open()
        for _ in 0..<50 {
            try directory.replace("file", with: [7])
            _ = Result { try directory.read("file", limit: 10) }.map { #expect($0 != [42]) }
        }
        isDone.withLock { $0 = true }
        swapper.join()
        #expect(try FileSystem.list(outside) == ["target"])
        #expect(try FileSystem.read("\(outside)/target", limit: 10) == [42])
    }

    @Test("knows its own temporary files")
    func temporaries() {
        #expect(Directory.isTemporary(".tmp-0123456789abcdef"))
        #expect(!Directory.isTemporary("cluster.yaml"))
    }

    @Test("The version of a file changes with its content and stays while that does")
    func versions() throws {
        let directory = try Directory(temporary.path)
        #expect(try directory.version(of: "a") == nil)
        try directory.replace("a", with: [1])
        let first = try directory.version(of: "a")
        #expect(first?.size == 1)
        #expect(try directory.version(of: "a") == first)
        try directory.replace("a", with: [2])
        #expect(try directory.version(of: "a") != first)
        try directory.makeDirectory("b")
        #expect(try directory.version(of: "b") == nil)
    }
}
