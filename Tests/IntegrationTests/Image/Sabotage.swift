// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport
import Testing

/// Makes a function of a running program crash: no signal from outside does, since the handler of one that no fault has
/// raised returns to where the program was.
enum Sabotage {
    /// Bytes that no processor takes for an instruction.
    #if arch(x86_64)
        private static let illegal: [UInt8] = [0x0f, 0x0b]
    #else
        private static let illegal: [UInt8] = [0, 0, 0, 0]
    #endif

    /// Overwrites the beginning of the first function whose symbol begins with `mangled`.
    static func breakFunction(mangled: String, of process: PodProcess) async throws {
        let program = process.path(Image.program)
        let offset = try #require(try await address(of: mangled, in: program), "no symbol \(mangled)")
        let maps = try FileSystem.read("/proc/\(process.containerPID)/maps", limit: 1 << 20)
        let first = try #require(
            String(decoding: maps, as: UTF8.self).split(separator: "\n")
                .first { $0.hasSuffix(Image.program) }?.split(separator: "-").first)
        let base = try #require(UInt64(first, radix: 16))
        let descriptor = open("/proc/\(process.containerPID)/mem", O_RDWR | O_CLOEXEC)
        try #require(descriptor >= 0, "\(String(cString: strerror(errno)))")
        defer { close(descriptor) }
        let written = pwrite(descriptor, illegal, illegal.count, off_t(base + offset))
        try #require(written == illegal.count, "\(String(cString: strerror(errno)))")
    }

    private static func address(of mangled: String, in program: String) async throws -> UInt64? {
        let process = try Subprocess(["/usr/bin/nm", program])
        guard await process.ending() == .exited(0) else { return nil }
        let rows = process.lines.map { $0.split(separator: " ") }
        let row = rows.first { $0.count == 3 && $0[1].lowercased() == "t" && $0[2].hasPrefix(mangled) }
        return row.flatMap { UInt64($0[0], radix: 16) }
    }
}
