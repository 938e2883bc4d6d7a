// SPDX-License-Identifier: Apache-2.0
import Platform

/// A thread for the exchanges and connections of many transports.
///
/// Connections are never shared between transports that differ in credentials or in whom they trust. One that
/// nothing uses stays open for the next request to its server: up to two minutes, and no more than
/// `idleConnections` altogether, of which the oldest are closed first.
///
/// The thread lives as long as a transport refers to it; then exchanges under way come to their end first.
package final class HTTPEngine: Sendable {
    /// 128 connections.
    ///
    /// An idle one takes 160 KiB, most of it OpenSSL's and nghttp2's, and opening one anew 2 ms of a processor.
    package static let defaultIdleConnections = 128

    let engine: CurlEngine
    /// Nil once someone has joined the thread.
    private let thread: Locked<SystemThread?>

    /// Starts the thread.
    ///
    /// - Throws: `TransportError.invalidConfiguration` if libcurl or the thread does not start.
    package init(idleConnections: Int = defaultIdleConnections) throws(TransportError) {
        engine = try CurlEngine(idleConnections: idleConnections)
        thread = Locked(try engine.startThread())
    }

    deinit {
        engine.post(.retire)
        thread.withLock { $0 }?.detach()
    }

    /// Ends every exchange of every transport with `TransportError.cancelled` and returns when the thread and the
    /// connections are gone; later requests end the same way.
    ///
    /// Only the first of several calls waits.
    package func shutdown() {
        engine.post(.stop)
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }
}
