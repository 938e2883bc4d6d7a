// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An open file descriptor that closes itself.
struct FileDescriptor: ~Copyable {
    let number: Int32

    /// Takes over a descriptor that nothing else closes.
    init(owning number: Int32) {
        self.number = number
    }

    /// Opens `path` relative to `directory`; never inherited by child processes.
    init(open path: String, in directory: Int32 = AT_FDCWD, _ flags: Int32, mode: mode_t = 0)
        throws(SystemError)
    {
        number = try retrying { openat(directory, path, flags | O_CLOEXEC, mode) }
    }

    deinit {
        close(number)
    }

    func status() throws(SystemError) -> stat {
        var status = stat()
        try retrying { fstat(number, &status) }
        return status
    }

    /// Reads up to the end of the file; nil if there are more than `limit` bytes.
    func readToEnd(limit: Int, expecting size: Int) throws(SystemError) -> [UInt8]? {
        guard size <= limit else { return nil }
        var bytes: [UInt8] = []
        // One more than expected, so that the read that finds the end needs no more room.
        bytes.reserveCapacity(min(max(size, 0), limit) + 1)
        while bytes.count <= limit {
            let room = min(max(bytes.capacity - bytes.count, 16_384), limit + 1 - bytes.count)
            if try readOnce(number, upTo: room, into: &bytes) == 0 { return bytes }
        }
        return nil
    }

    /// Writes all of `bytes`.
    func write(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = try retrying {
                rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(written)
        }
    }
}

/// Reads once and appends what came; 0 at the end of the file.
func readOnce(_ descriptor: Int32, upTo room: Int, into bytes: inout [UInt8]) throws(SystemError) -> Int {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 1)
    defer { buffer.deallocate() }
    let count = try retrying { read(descriptor, buffer.baseAddress, room) }
    bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    return count
}
