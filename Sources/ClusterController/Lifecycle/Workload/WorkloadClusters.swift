// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import Kubernetes
package import Platform
import Talos

/// The ways to the Kubernetes of all managed clusters.
///
/// What is kept of each is its configuration; connections are the transport's, which closes those that nothing uses.
package final class WorkloadClusters: Sendable {
    /// Makes the transport to an API server; with `HTTPEngine` all of them share one thread.
    package typealias Connect = @Sendable (TransportConfiguration) throws(TransportError) -> any HTTPTransport

    private struct Entry {
        var configuration: TransportConfiguration
        var client: KubernetesClient
    }

    private let connect: Connect
    private let userAgent: String
    private let fence: WriteFence?
    private let clock: any Clock
    private let entries = Locked<[ObjectKey: Entry]>([:])
    /// What kept pods where they were when a node was last emptied, by node.
    private let blockers = Locked<[ObjectKey: [String: [String]]]>([:])

    package init(
        userAgent: String, fence: WriteFence?, clock: any Clock, connect: @escaping Connect
    ) {
        self.userAgent = userAgent
        self.fence = fence
        self.clock = clock
        self.connect = connect
    }

    /// The cluster's Kubernetes; connects with the first request only.
    func cluster(_ cluster: ManagedCluster) throws(APIError) -> WorkloadCluster {
        guard let endpoint = ClusterEndpoint(cluster.endpoint), let port = UInt16(exactly: endpoint.port)
        else {
            throw .invalidRequest("endpoint: must be \(ClusterEndpoint.rule(against: cluster.endpoint))")
        }
        let credentials = cluster.credentials
        let configuration = TransportConfiguration(
            endpoint: Endpoint(scheme: .https, host: endpoint.host, port: port),
            tls: TLSConfiguration(
                trust: .certificates(pem: credentials.kubernetesAuthority),
                identity: TLSConfiguration.Identity(
                    certificatePEM: credentials.kubernetesClient.crt,
                    keyPEM: credentials.kubernetesClient.key)),
            userAgent: userAgent, connectTimeout: Self.timeout, maximumConnections: 1)
        let known = entries.withLock { $0[cluster.key] }
        if let known, known.configuration == configuration { return WorkloadCluster(client: known.client) }
        let transport: any HTTPTransport
        do {
            transport = try connect(configuration)
        } catch {
            throw .transport(error)
        }
        let client = KubernetesClient(
            transport: transport, endpoint: configuration.endpoint, fieldManager: APINames.fieldManager,
            clock: clock, timeout: Self.timeout, retry: .never, fence: fence)
        entries.withLock { $0[cluster.key] = Entry(configuration: configuration, client: client) }
        return WorkloadCluster(client: client)
    }

    /// Lets go of what is kept of a cluster.
    func forget(_ key: ObjectKey) {
        entries.withLock { $0[key] = nil }
        blockers.withLock { $0[key] = nil }
    }

    /// Remembers what a round of evictions could not move.
    func note(_ found: [String], on node: String, of key: ObjectKey) {
        blockers.withLock { $0[key, default: [:]][node] = found.isEmpty ? nil : Array(found.prefix(10)) }
    }

    /// What the last round could not move from the nodes that are being emptied; what is known of others is forgotten.
    func blockers(of key: ObjectKey, whileEmptying nodes: [String]) -> [String: [String]] {
        blockers.withLock { blockers in
            let kept = blockers[key]?.filter { nodes.contains($0.key) } ?? [:]
            blockers[key] = kept.isEmpty ? nil : kept
            return kept
        }
    }

    /// For one request; a pass makes few of them and another pass follows soon.
    private static let timeout = Duration.seconds(10)
}
