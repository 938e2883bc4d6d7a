// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport

/// A file system of 256 KiB that can be filled, write-protected and taken away; it takes root to make one.
struct SmallDisk {
    let path: String

    /// Nil if this process may not mount one.
    static func make() async throws -> SmallDisk? {
        let disk = SmallDisk(path: try TemporaryDirectory.make())
        return await disk.mount() ? disk : nil
    }

    /// Mounts it, empty.
    @discardableResult
    func mount() async -> Bool {
        await Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path)
    }

    /// Takes it away; what is in use goes when its users do.
    func unmount() async {
        await Self.run("/bin/umount", "-l", path)
    }

    func setReadOnly(_ isReadOnly: Bool) async {
        await Self.run("/bin/mount", "-o", "remount,\(isReadOnly ? "ro" : "rw")", path)
    }

    /// Leaves no room.
    func fill() async throws {
        await Self.run("/bin/dd", "if=/dev/zero", "of=\(path)/filler")
    }

    func makeRoom() async throws {
        await Self.run("/bin/rm", "\(path)/filler")
    }

    func remove() async {
        await unmount()
        await Self.run("/bin/rm", "-rf", path)
    }

    @discardableResult
    private static func run(_ arguments: String...) async -> Bool {
        guard case .success(let process) = Result(catching: { try Subprocess(arguments) }) else {
            return false
        }
        return await process.ending() == .exited(0)
    }
}
