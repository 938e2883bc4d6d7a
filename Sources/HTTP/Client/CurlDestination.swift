// SPDX-License-Identifier: Apache-2.0
import Platform

/// A server and the credentials for it: what an engine tells its transports apart by.
final class CurlDestination: Sendable {
    let options: CurlOptions
    private let closed = Locked(false)

    init(_ options: CurlOptions) {
        self.options = options
    }

    /// Whether its transport was shut down.
    var isClosed: Bool { closed.withLock { $0 } }

    /// Lets no exchange begin any more.
    func close() {
        closed.withLock { $0 = true }
    }
}

/// What an engine's thread keeps for each destination that has, or had, exchanges.
struct CurlLanes {
    private struct Lane {
        /// Configured handles that wait for the next request to the same destination, and for no other: what they
        /// are configured with are its credentials.
        var idleHandles: [CurlHandle] = []
        /// Exchanges under way.
        var transferCount = 0
        var allowsOneStreamPerConnection: Bool
        var lastSilence: Instant?
        /// No transport will use it again.
        var isReleased = false
    }

    /// How many configured handles of a destination wait for the next request; one holds about 10 KiB.
    private static let idleHandleLimit = 8
    /// How many of all destinations do.
    private static let totalIdleHandleLimit = 64

    private var lanes: [ObjectIdentifier: Lane] = [:]
    private var idleHandleCount = 0

    /// A handle for a request to the destination.
    mutating func enter(_ destination: CurlDestination) throws(TransportError) -> CurlHandle {
        let id = ObjectIdentifier(destination)
        var lane =
            lanes.removeValue(forKey: id)
            ?? Lane(allowsOneStreamPerConnection: destination.options.isPlainHTTP)
        defer { lanes[id] = lane }
        let idle = lane.idleHandles.popLast()
        if idle != nil { idleHandleCount -= 1 }
        let handle = if let idle { idle } else { try CurlHandle(destination.options) }
        lane.transferCount += 1
        return handle
    }

    /// Takes the handle of an exchange back.
    mutating func leave(_ destination: CurlDestination, _ handle: CurlHandle) {
        let id = ObjectIdentifier(destination)
        guard var lane = lanes.removeValue(forKey: id) else { return }
        lane.transferCount -= 1
        if lane.isReleased, lane.transferCount == 0 { return }
        if !lane.isReleased, lane.idleHandles.count < Self.idleHandleLimit,
            idleHandleCount < Self.totalIdleHandleLimit
        {
            lane.idleHandles.append(handle)
            idleHandleCount += 1
        }
        lanes[id] = lane
    }

    /// Forgets the destination as soon as its exchanges have ended.
    mutating func release(_ destination: CurlDestination) {
        let id = ObjectIdentifier(destination)
        guard var lane = lanes.removeValue(forKey: id) else { return }
        idleHandleCount -= lane.idleHandles.count
        lane.idleHandles = []
        lane.isReleased = true
        if lane.transferCount > 0 { lanes[id] = lane }
    }

    /// Notes that the server speaks HTTP/1.1; true if that is new.
    mutating func noteHTTP1(_ destination: CurlDestination) -> Bool {
        let id = ObjectIdentifier(destination)
        guard lanes[id]?.allowsOneStreamPerConnection == false else { return false }
        lanes[id]?.allowsOneStreamPerConnection = true
        return true
    }

    /// How many exchanges with the destination are under way.
    subscript(transferCountOf destination: CurlDestination) -> Int {
        lanes[ObjectIdentifier(destination)]?.transferCount ?? 0
    }

    /// When a request to the destination last waited for bytes in vain.
    subscript(lastSilenceOf destination: CurlDestination) -> Instant? {
        get { lanes[ObjectIdentifier(destination)]?.lastSilence }
        set { lanes[ObjectIdentifier(destination)]?.lastSilence = newValue }
    }
}

/// A connection: this side's port tells those of one destination apart.
struct CurlConnection: Hashable {
    let destination: ObjectIdentifier
    let port: Int
}
