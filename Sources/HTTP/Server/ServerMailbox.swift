// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// What other threads have for the server's thread, and a pipe that wakes it out of `poll`.
final class ServerMailbox: Sendable {
    /// The request of a connection, by its socket and a number, since sockets are numbered anew.
    struct Ticket: Sendable, Hashable {
        var descriptor: Int32
        var number: UInt64
    }

    /// Everything since the last look.
    struct Content {
        var wantsStop = false
        var answers: [(ticket: Ticket, response: ServerResponse)] = []
    }

    private let writing: OwnedDescriptor
    private let reading: OwnedDescriptor
    private let content = Locked(Content())

    init() throws(SocketError) {
        var descriptors: [Int32] = [0, 0]
        guard pipe(&descriptors) == 0 else { throw SocketError("pipe") }
        reading = OwnedDescriptor(descriptors[0])
        writing = OwnedDescriptor(descriptors[1])
        descriptors.forEach(Sockets.makeNonBlocking)
    }

    /// The descriptor that is readable while there is something.
    var descriptor: Int32 { reading.raw }

    /// Asks the server to stop.
    func requestStop() {
        content.withLock { $0.wantsStop = true }
        wake()
    }

    /// Hands in the answer to a request.
    func post(_ response: ServerResponse, to ticket: Ticket) {
        content.withLock { $0.answers.append((ticket, response)) }
        wake()
    }

    /// Takes out what is there.
    func empty() -> Content {
        // First the pipe: what is put in from now on wakes the thread again.
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(reading.raw, &bytes, bytes.count) > 0 {}
        return content.withLock { content in
            defer { content = Content() }
            return content
        }
    }

    private func wake() {
        var byte: UInt8 = 1
        // A full pipe wakes as well as one more byte.
        _ = write(writing.raw, &byte, 1)
    }
}
