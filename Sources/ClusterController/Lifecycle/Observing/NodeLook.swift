// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import TalosAPI

/// How long looking may take.
package struct LookLimits: Sendable, Hashable {
    /// For one call to a node.
    package var call: Duration = .seconds(5)
    /// For everything that is asked of one node.
    package var node: Duration = .seconds(20)
    /// For a cluster as a whole; nodes whose turn has not come by then are left out.
    package var cluster: Duration = .seconds(60)
    /// How many nodes of a cluster are looked at side by side.
    package var nodesAtATime = 16
    /// The longest time between two close looks at a cluster with which nothing is done.
    package var betweenCloseLooks: Duration = .seconds(300)
    /// The same while it is not healthy; a tenth of the time that it has not been, where that is shorter.
    package var betweenCloseLooksIfIll: Duration = .seconds(60)
    /// The same while something is under way, and the shortest such time of all.
    package var betweenCloseLooksIfBusy: Duration = .seconds(4)

    package init() {}
}

/// What one node says, asked call by call until its time is up or it stops answering.
struct NodeLook: Sendable {
    let name: String
    let connector: any TalosConnector
    let credentials: TalosCredentials
    let limits: LookLimits
    let clock: any Clock
    let deadline: Instant

    /// Finds the node at the first of its addresses at which one answers, with its word on its state.
    ///
    /// Failures at earlier addresses are forgotten then. `doubt` tells of an address why a machine in maintenance mode
    /// may be somebody else's there: it counts as a stranger then, unless it shows the key that is pinned.
    func contact(
        _ addresses: [String], pinned: String?, doubt: (String) -> String?
    ) async -> NodeObservation {
        let pin = pinned.map { ($0, ServerFingerprint($0)) }
        if let pin, pin.1 == nil {
            return NodeObservation(
                contact: .refused("its pinned fingerprint is not one of SHA-256 in Base64"))
        }
        var failure = NodeObservation(contact: .noAddress)
        for address in addresses {
            guard let endpoint = NodeEndpoint(address) else { continue }
            let limit = min(limits.call, deadline - clock.now)
            guard limit > .zero else { return failure }
            let contact = await connector.contact(
                endpoint, as: credentials, fingerprint: pin?.1, within: limit)
            switch contact {
            case .configured(let status):
                return NodeObservation(contact: .configured, address: address).with(status)
            case .maintenance(let fingerprint, let status):
                if pin == nil, let doubt = doubt(address) {
                    failure = NodeObservation(
                        contact: .refused("a machine in maintenance mode answers, and \(doubt)".bounded),
                        address: address)
                    continue
                }
                let contact = NodeObservation.Contact.maintenance(fingerprint: fingerprint.description)
                var seen = NodeObservation(contact: contact, address: address).with(status)
                seen.isPinned = fingerprint == pin?.1
                return seen
            case .unreachable(let reason):
                if case .refused = failure.contact { continue }
                failure = NodeObservation(contact: .unreachable(reason.bounded), address: address)
            case .refused(let reason):
                failure = NodeObservation(contact: .refused(reason.bounded), address: address)
            }
        }
        return failure
    }

    /// What one question brought; nil if the node did not answer it.
    func ask<Answer>(
        _ silence: inout Bool, _ question: (Duration) async throws(TalosError) -> Answer
    ) async -> Answer? {
        let limit = min(limits.call, deadline - clock.now)
        guard !silence, limit > .zero else { return nil }
        do {
            return try await question(limit)
        } catch {
            // A node that does not answer one question will not answer the next.
            if error.isUnavailable || error.isUntrusted { silence = error.code == nil }
            return nil
        }
    }
}

extension NodeObservation {
    fileprivate func with(_ status: MachineStatus) -> NodeObservation {
        var copy = self
        copy.stage = Stage(rawValue: status.stage.description) ?? .unknown
        copy.isReady = status.isReady
        copy.unmet = status.unmetConditions.map { "\($0.name): \($0.reason)".bounded }
        return copy
    }
}

extension String {
    /// What others wrote, short enough for a record: 300 characters on one line.
    var bounded: String {
        let line = String(prefix(301).map { $0.isNewline ? " " : $0 })
        return line.count > 300 ? line.prefix(299) + "…" : line
    }
}
