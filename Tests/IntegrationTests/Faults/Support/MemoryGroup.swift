// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport

/// A control group whose processes together may have so much memory and no more; it takes root to make one.
struct MemoryGroup {
    private let directory: String

    /// Nil where there is no memory controller that this process may use, of either version of cgroups.
    static func make(limit: Int) async -> MemoryGroup? {
        let name = "talos-operator-test-" + Random.hexadecimal(digits: 8)
        for (root, file) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"),
        ] {
            let group = MemoryGroup(directory: "\(root)/\(name)")
            let script = "mkdir \"$0\" && test -e \"$0/$1\" && echo \"$2\" >\"$0/$1\""
            if await shell(script, group.directory, file, String(limit)) { return group }
            await group.remove()
        }
        return nil
    }

    /// The command that puts what it runs into the group.
    var wrapper: [String] {
        ["/bin/sh", "-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"", directory]
    }

    /// How often the kernel killed a process for want of memory.
    func kills() -> Int {
        for file in ["memory.oom_control", "memory.events"] {
            guard
                case .success(let bytes) = Result(catching: {
                    try FileSystem.read("\(directory)/\(file)", limit: 4096)
                })
            else { continue }
            let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first {
                $0.hasPrefix("oom_kill ")
            }
            return line.flatMap { Int($0.dropFirst(9)) } ?? 0
        }
        return 0
    }

    /// Its processes must have ended.
    func remove() async {
        await Self.shell("rmdir \"$0\"", directory)
    }

    @discardableResult
    private static func shell(_ script: String, _ arguments: String...) async -> Bool {
        let process = Result { try Subprocess(["/bin/sh", "-c", "\(script) 2>/dev/null"] + arguments) }
        guard case .success(let process) = process else { return false }
        return await process.ending() == .exited(0)
    }
}
