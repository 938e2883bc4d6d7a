// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The way to one client: its socket, with TLS on it or without.
struct ServerStream {
    let descriptor: Int32
    /// Nil without TLS, and once a TLS conversation is over.
    let session: TLSSession?

    /// What to ask `poll` for before reading.
    var readInterest: Int32 { session?.readInterest ?? POLLIN }
    /// What to ask `poll` for before sending.
    var writeInterest: Int32 { session?.writeInterest ?? POLLOUT }
    /// Whether there is something to read that `poll` does not know of.
    var hasPending: Bool { session?.hasPending ?? false }

    /// Reads what has arrived, up to the size of `buffer`.
    func receive(into buffer: inout [UInt8]) -> Sockets.Transfer {
        session?.receive(into: &buffer) ?? Sockets.receive(descriptor, into: &buffer)
    }

    /// Sends what there is room for.
    func send(_ bytes: ArraySlice<UInt8>) -> Sockets.Transfer {
        session?.send(bytes) ?? Sockets.send(descriptor, bytes)
    }
}
