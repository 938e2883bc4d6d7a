// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where a server listens and what it puts up with.
package struct HTTPServerConfiguration: Sendable, Hashable {
    package var address: BindAddress
    package var limits: HTTPServerLimits

    package init(address: BindAddress, limits: HTTPServerLimits = HTTPServerLimits()) {
        self.address = address
        self.limits = limits
    }
}

/// Bounds on what clients may cost; the defaults suit probes and scrapes.
package struct HTTPServerLimits: Sendable, Hashable {
    /// How many connections may be open; one more and the least useful is dropped.
    package var connections: Int
    /// From the connection, or from the first byte of a later request, to the end of the request head.
    package var headTimeout: Duration
    /// How long a connection may stay open between requests; longer than the usual scrape interval.
    package var idleTimeout: Duration
    /// How long a handler may take that answers later.
    package var answerTimeout: Duration
    /// How long a client may take to read a response.
    package var sendTimeout: Duration
    /// How long a closing connection waits for the client to close too; see `ServerConnection`.
    package var lingerTimeout: Duration
    /// How many response bytes may wait for slow readers over all connections; at the next request more
    /// than that makes the slowest readers lose their connections.
    package var queuedBytes: Int
    /// How long `HTTPServer.stop` lets responses that have begun be read.
    package var drainTimeout: Duration

    package init(
        connections: Int = 256, headTimeout: Duration = .seconds(5), idleTimeout: Duration = .seconds(60),
        answerTimeout: Duration = .seconds(15), sendTimeout: Duration = .seconds(30),
        lingerTimeout: Duration = .seconds(2),
        queuedBytes: Int = 4 << 20, drainTimeout: Duration = .seconds(1)
    ) {
        self.connections = max(1, connections)
        self.headTimeout = headTimeout
        self.idleTimeout = idleTimeout
        self.answerTimeout = answerTimeout
        self.sendTimeout = sendTimeout
        self.lingerTimeout = lingerTimeout
        self.queuedBytes = queuedBytes
        self.drainTimeout = drainTimeout
    }
}

extension HTTPServerLimits {
    /// What a program needs besides its two servers: logs, files, wake-ups, and connections of its own over HTTP/1.1.
    private static let reservedDescriptors = 96
    /// Fewer would let a flood of connections drop a probe before it is read.
    private static let fewestConnections = 8

    /// The defaults, but no more connections than leave the program its descriptors, and another server as many, if the
    /// process may have `descriptorLimit` open.
    package static func fitting(descriptorLimit: Int) -> HTTPServerLimits {
        var limits = HTTPServerLimits()
        let share = (descriptorLimit - min(descriptorLimit, reservedDescriptors)) / 2
        limits.connections = min(limits.connections, max(share, fewestConnections))
        return limits
    }

    /// The defaults as this process can afford them.
    package static var affordable: HTTPServerLimits {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return HTTPServerLimits()
        }
        return fitting(descriptorLimit: Int(clamping: limit.rlim_cur))
    }
}
