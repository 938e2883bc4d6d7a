// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import Platform

/// Connections to nodes by address and credentials, all of them on one thread.
///
/// A node that nobody has asked for within ten minutes is forgotten; its connection closes by itself.
package final class NodeConnections: TalosConnector {
    /// Who is asked, and as whom.
    private struct Key: Hashable {
        var endpoint: NodeEndpoint
        /// Ours by these credentials, or any that has this key.
        var credentials: SHA256Digest?
        var fingerprint: ServerFingerprint?
    }

    private struct Entry {
        var node: TalosNodeClient
        var lastUse: Instant
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var lastSweep: Instant
    }

    /// How long a node is kept that nobody asks for: 10 minutes.
    private static let idleLimit = Duration.seconds(600)
    /// To one address there may be connections as ourselves and anonymous ones, at a time.
    private static let connectionsPerNode = 4

    private let engine: HTTPEngine
    private let userAgent: String
    private let connectTimeout: Duration
    private let clock: any Clock
    private let state: Locked<State>

    /// Uses the thread of `engine`, which others may use too; a connection with its TLS handshake may take up to
    /// `connectTimeout`.
    package init(
        engine: HTTPEngine, userAgent: String, connectTimeout: Duration = .seconds(10),
        clock: any Clock = SystemClock()
    ) {
        self.engine = engine
        self.userAgent = userAgent
        self.connectTimeout = connectTimeout
        self.clock = clock
        state = Locked(State(lastSweep: clock.now))
    }

    package func node(
        at endpoint: NodeEndpoint, as credentials: TalosCredentials
    ) throws(TalosError) -> any TalosNode {
        try configuredNode(at: endpoint, as: credentials)
    }

    package func maintenanceNode(
        at endpoint: NodeEndpoint, fingerprint: ServerFingerprint
    ) throws(TalosError) -> any TalosNode {
        let key = Key(endpoint: endpoint, fingerprint: fingerprint)
        return try node(key, TLSConfiguration(trust: .pinned(fingerprint.key)))
    }

    package func contact(
        _ endpoint: NodeEndpoint, as credentials: TalosCredentials, fingerprint: ServerFingerprint?,
        within limit: Duration
    ) async -> NodeContact {
        do throws(TalosError) {
            return try await twice { () async throws(TalosError) in
                try await askAsOurselves(endpoint, credentials, limit)
            }
        } catch {
            guard error.isUntrusted else { return NodeContact(failure: error) }
            let contact = await askAnonymously(endpoint, fingerprint, limit)
            // Whether the other certificate is expired or another cluster's, the first answer tells.
            if case .refused = contact, fingerprint == nil { return .refused("\(error)") }
            return contact
        }
    }

    /// How many nodes are kept.
    package var count: Int { state.withLock { $0.entries.count } }
}

extension NodeConnections {
    private func configuredNode(
        at endpoint: NodeEndpoint, as credentials: TalosCredentials
    ) throws(TalosError) -> TalosNodeClient {
        let key = Key(endpoint: endpoint, credentials: credentials.digest)
        let trust = TLSConfiguration.Trust.certificates(pem: credentials.authority)
        return try node(key, TLSConfiguration(trust: trust, identity: credentials.identity))
    }

    private func node(_ key: Key, _ tls: TLSConfiguration) throws(TalosError) -> TalosNodeClient {
        let now = clock.now
        return try state.withLock { (state) throws(TalosError) in
            if now - state.lastSweep > Self.idleLimit / 10 {
                state.lastSweep = now
                state.entries = state.entries.filter { now - $0.value.lastUse <= Self.idleLimit }
            }
            let node = if let kept = state.entries[key]?.node { kept } else { try client(key.endpoint, tls) }
            state.entries[key] = Entry(node: node, lastUse: now)
            return node
        }
    }

    private func client(
        _ endpoint: NodeEndpoint, _ tls: TLSConfiguration
    ) throws(TalosError) -> TalosNodeClient {
        let configuration = TransportConfiguration(
            endpoint: Endpoint(scheme: .https, host: endpoint.host, port: endpoint.port), tls: tls,
            userAgent: userAgent, connectTimeout: connectTimeout,
            maximumConnections: Self.connectionsPerNode)
        do throws(TransportError) {
            return TalosNodeClient(try CurlTransport(configuration, engine: engine))
        } catch {
            throw .transport(error)
        }
    }

    /// Asks once more where the server may have refused the certificate, or may have been about to go away: then it
    /// is gone the second time.
    private func twice<Answer>(
        _ ask: () async throws(TalosError) -> Answer
    ) async throws(TalosError) -> Answer {
        do throws(TalosError) {
            return try await ask()
        } catch {
            guard case .transport(let reason) = error, reason.mayBeRefusedCertificate else { throw error }
            return try await ask()
        }
    }

    private func askAsOurselves(
        _ endpoint: NodeEndpoint, _ credentials: TalosCredentials, _ limit: Duration
    ) async throws(TalosError) -> NodeContact {
        let status = try await configuredNode(at: endpoint, as: credentials).machineStatus(within: limit)
        // It took our certificate, so it is one of ours, but has just started.
        return .configured(status ?? MachineStatus(stage: .unknown, isReady: false))
    }

    private func askAnonymously(
        _ endpoint: NodeEndpoint, _ fingerprint: ServerFingerprint?, _ limit: Duration
    ) async -> NodeContact {
        let trust: TLSConfiguration.Trust = fingerprint.map { .pinned($0.key) } ?? .insecure
        do throws(TalosError) {
            let node = try client(endpoint, TLSConfiguration(trust: trust))
            let answer = try await twice { () async throws(TalosError) in
                try await node.identifiedResource(.machineStatus, id: "machine", within: limit)
            }
            guard let resource = answer.resource, let key = answer.serverKey else {
                return .unreachable("the node has no status yet")
            }
            return .maintenance(ServerFingerprint(key), MachineStatus(resource: resource))
        } catch {
            return NodeContact(failure: error)
        }
    }
}

extension NodeContact {
    /// What a failure to ask for the node's status, twice where that may help, says about the node.
    init(failure error: TalosError) {
        switch error {
        case .transport(let reason) where reason.mayBeRefusedCertificate: self = .refused("\(error)")
        case .transport(.tlsFailed), .transport(.invalidConfiguration), .decoding: self = .refused("\(error)")
        case _ where error.isUnavailable || error.isCancellation: self = .unreachable("\(error)")
        default: self = .refused("\(error)")
        }
    }
}
