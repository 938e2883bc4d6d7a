// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// Writes lines to standard error, or drops them where nobody reads.
///
/// It asks before it writes whether the descriptor takes bytes: a reader that stops reading holds the
/// program up once, for `patience`; from then on lines are dropped until there is room again.
package final class StandardErrorSink: LogSink {
    private struct State {
        var isStuck = false
        var droppedLines: UInt64 = 0
    }

    private let descriptor: Int32
    private let patience: Int32
    private let state = Locked(State())

    /// A pipe that reports room takes this much without waiting (PIPE_BUF, pipe(7)).
    private static let atomicWrite = 4096
    /// How often a line may meet a signal or a descriptor that has no room after all.
    private static let retryLimit = 16

    /// Writes to `descriptor`, which stays open as long as the sink lives.
    ///
    /// - Parameters:
    ///   - descriptor: standard error unless a test says otherwise.
    ///   - patience: how many milliseconds the first line may wait for a reader that has stopped.
    package init(descriptor: Int32 = STDERR_FILENO, patience: Int32 = 1000) {
        self.descriptor = descriptor
        self.patience = patience
    }

    /// How many lines were not written, or not to their end.
    package var droppedLines: UInt64 {
        state.withLock { $0.droppedLines }
    }

    package func write(_ line: [UInt8]) {
        // The lock is held while writing: it keeps long lines whole, and the wait in it is bounded.
        state.withLock { state in
            let isWritten = line.withUnsafeBytes { writeAll($0, patience: state.isStuck ? 0 : patience) }
            state.isStuck = !isWritten
            if !isWritten { state.droppedLines += 1 }
        }
    }

    private func writeAll(_ line: UnsafeRawBufferPointer, patience: Int32) -> Bool {
        var rest = line[...]
        var retries = Self.retryLimit
        while !rest.isEmpty {
            guard isWritable(patience: patience) else { return false }
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.atomicWrite))
            let count = Glibc.write(descriptor, piece.baseAddress, piece.count)
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if (errno == EINTR || errno == EAGAIN) && retries > 0 {
                retries -= 1
            } else {
                return false
            }
        }
        return true
    }

    private func isWritable(patience: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        var result = poll(&request, 1, patience)
        while result < 0 && errno == EINTR { result = poll(&request, 1, patience) }
        // An error means that the reader is gone; writing then would raise SIGPIPE.
        return result > 0 && Int32(request.revents) & (POLLOUT | POLLERR | POLLNVAL) == POLLOUT
    }
}
