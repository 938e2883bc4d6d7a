// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Both ends of a pipe; child processes inherit neither.
struct Pipe: ~Copyable {
    let reader: FileDescriptor
    let writer: FileDescriptor

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try retrying { pipe(&ends) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reader = FileDescriptor(owning: ends[0])
        writer = FileDescriptor(owning: ends[1])
    }

    /// Closes the writer.
    consuming func keepReader() -> FileDescriptor { reader }

    /// Closes the reader.
    consuming func keepWriter() -> FileDescriptor { writer }
}

/// Wakes a thread that polls `reader`.
final class WakePipe: Sendable {
    private let pipe: Pipe

    init() throws(SystemError) {
        pipe = try Pipe()
    }

    /// Readable, for good, from the first `wake` on.
    var reader: Int32 { pipe.reader.number }

    /// Never waits: called once or twice, it cannot fill the pipe.
    func wake() {
        var byte: UInt8 = 1
        write(pipe.writer.number, &byte, 1)
    }
}
