// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import PKI
import Platform
import TalosAPI
import TestSupport
import Testing

@testable import ClusterController

@Suite("Snapshots of etcd in a directory")
struct SnapshotDirectoryTests {
    private static let key = ObjectKey(namespace: "default", name: "demo")

    /// A snapshot in pieces that end anywhere.
    private static func stream(
        _ bytes: [UInt8], pieces length: Int, failing: TalosError? = nil
    ) -> TalosStream<[UInt8]> {
        let rest = Locked(bytes[...])
        return TalosStream { () throws(TalosError) in
            let piece = rest.withLock { rest in
                let piece = Array(rest.prefix(length))
                rest = rest.dropFirst(length)
                return piece
            }
            if piece.isEmpty, let failing { throw failing }
            return piece.isEmpty ? nil : piece
        }
    }

    private static let database = [UInt8]((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    private static let whole = database + SHA256.digest(of: database)

    @Test("A whole snapshot is kept, readable by us alone", arguments: [1, 7, 32, 4999, 10_000])
    func keep(length: Int) async throws {
        let temporary = try TemporaryDirectory()
        let directory = SnapshotDirectory(path: "\(temporary.path)/snapshots")
        let path = try await directory.keep(
            Self.stream(Self.whole, pieces: length), of: Self.key, at: Fixture.noon)
        #expect(path.hasPrefix("\(temporary.path)/snapshots/default_demo_") && path.hasSuffix("Z.db"))
        #expect(try FileSystem.read(path, limit: 10_000) == Self.whole)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("What is damaged, cut off or too short leaves nothing behind")
    func damaged() async throws {
        let temporary = try TemporaryDirectory()
        let directory = SnapshotDirectory(path: temporary.path)
        var changed = Self.whole
        changed[17] ^= 1
        let bad: [[UInt8]] = [changed, Self.whole.dropLast(), [1, 2, 3], []]
        for bytes in bad {
            await #expect(throws: SnapshotError.self) {
                try await directory.keep(
                    Self.stream(bytes, pieces: 100), of: Self.key, at: Fixture.noon)
            }
        }
        await #expect(throws: SnapshotError.self) {
            try await directory.keep(
                Self.stream(Self.whole, pieces: 100, failing: .status(GRPCStatus(.unavailable))),
                of: Self.key,
                at: Fixture.noon)
        }
        #expect(try FileSystem.list(temporary.path).isEmpty)
    }

    @Test("The newest ones of each cluster stay, and nothing else is touched")
    func retention() async throws {
        let temporary = try TemporaryDirectory()
        let directory = SnapshotDirectory(path: temporary.path, kept: 2)
        try FileSystem.replace("\(temporary.path)/default_demo_notes.db", with: [1])
        let other = ObjectKey(namespace: "default", name: "demo-2")
        _ = try await directory.keep(Self.stream(Self.whole, pieces: 100), of: other, at: Fixture.noon)
        for hour in 0..<4 {
            _ = try await directory.keep(
                Self.stream(Self.whole, pieces: 100), of: Self.key, at: Fixture.noon + .seconds(3600 * hour))
        }
        let names = try FileSystem.list(temporary.path)
        #expect(names.filter { $0.hasPrefix("default_demo_") }.count == 3)
        #expect(names.filter { $0.hasPrefix("default_demo-2_") }.count == 1)
        #expect(names.contains("default_demo_notes.db"))
    }

    @Test("What a crash has cut off goes with a later snapshot, and one that is being written stays")
    func leftovers() async throws {
        let temporary = try TemporaryDirectory()
        let directory = SnapshotDirectory(path: temporary.path)
        let leftover = "\(temporary.path)/.tmp-0123456789abcdef"
        try FileSystem.replace(leftover, with: [1])
        try FileSystem.replace("\(temporary.path)/.other", with: [1])
        let now = SystemClock().timestamp
        for (seconds, isThere) in [(0, true), (3000, true), (7200, false)] {
            _ = try await directory.keep(
                Self.stream(Self.whole, pieces: 100), of: Self.key, at: now + .seconds(seconds))
            #expect((access(leftover, F_OK) == 0) == isThere, "\(seconds) s later")
        }
        #expect(access("\(temporary.path)/.other", F_OK) == 0)
    }
}
