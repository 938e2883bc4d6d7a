// SPDX-License-Identifier: Apache-2.0

/// Which events to send.
package struct EventsRequest: Sendable, Hashable {
    /// Where to begin.
    package enum Start: Sendable, Hashable {
        /// With what happens from now on.
        case now
        /// That many events back; a negative number is all that the node has.
        case last(Int32)
        /// After the event with this ID.
        case after(id: String)
        /// That many seconds back.
        case seconds(Int32)
    }

    package var start: Start
    /// Only what that call began.
    package var actor: ActorID?

    package init(start: Start, actor: ActorID? = nil) {
        self.start = start
        self.actor = actor
    }
}

/// Something that happened on a node.
package struct NodeEvent: Sendable, Hashable {
    /// What happened.
    package enum Payload: Sendable, Hashable {
        case machineStatus(MachineStatus)
        case sequence(name: String, action: SequenceAction, error: String?)
        case phase(name: String, isEnd: Bool)
        case task(name: String, isEnd: Bool)
        case service(id: String, action: ServiceAction, message: String)
        case address(hostname: String, addresses: [String])
        /// The configuration on disk or submitted is no good.
        case configurationError(String)
        case restart(command: String)
        /// Another kind of event, by its type.
        case other(type: String)
    }

    /// What a sequence, such as `reset` or `upgrade`, came to.
    package enum SequenceAction: Sendable, Hashable {
        case none, start, stop
        case other(Int32)
    }

    /// What a service did.
    package enum ServiceAction: Sendable, Hashable {
        case initialized, preparing, waiting, running, stopping, finished, failed, skipped, starting
        case other(Int32)
    }

    package var id: String
    package var actor: ActorID
    package var payload: Payload

    package init(id: String, actor: ActorID, payload: Payload) {
        self.id = id
        self.actor = actor
        self.payload = payload
    }
}
