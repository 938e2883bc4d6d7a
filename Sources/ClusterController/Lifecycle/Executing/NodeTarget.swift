// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Talos
import TalosAPI

/// A node to which something is done, as it was seen just before.
struct NodeTarget: Sendable {
    /// Why the node is not asked.
    struct Obstacle: Error, Sendable {
        var result: ActionResult
    }

    let name: String
    let cluster: ManagedCluster
    let longCalls: LongCalls
    private let seen: NodeObservation?
    private let connector: any TalosConnector

    init(
        _ name: String, in cluster: ManagedCluster, _ seen: NodeObservation?,
        _ connector: any TalosConnector, _ longCalls: LongCalls
    ) {
        self.name = name
        self.cluster = cluster
        self.seen = seen
        self.connector = connector
        self.longCalls = longCalls
    }

    /// The release that the node was seen to run.
    var talos: Release? { seen?.talos }

    /// The node, which proves by its certificate that it is one of the cluster's and by its name which one.
    ///
    /// A name that no other node of the cluster has is let pass, for a network may name nodes as it likes; with
    /// `strictly` it is not, and neither is one that the node does not tell.
    func configured(
        strictly: Bool
    ) async throws(TalosError) -> Result<any TalosNode, Obstacle> {
        guard let seen, seen.isConfigured, let endpoint = seen.address.flatMap({ NodeEndpoint($0) }) else {
            return .failure(
                Obstacle(result: .notNow("\(name) does not answer as one of the cluster's nodes")))
        }
        let node = try connector.node(at: endpoint, as: credentials())
        let own: String?
        do throws(TalosError) {
            own = try await node.ownName(within: CallLimit.read)
        } catch {
            // Nothing has been asked for yet, whatever became of this question.
            return .failure(Obstacle(result: .notNow("\(error)".bounded)))
        }
        guard let own else {
            let obstacle = Obstacle(result: .notNow("the node does not tell its name"))
            return strictly ? .failure(obstacle) : .success(node)
        }
        let isMeant = own.isName(of: name)
        let isOther = !isMeant && cluster.desired.nodes.contains { own.isName(of: $0.name) }
        guard !isOther, isMeant || !strictly else {
            return .failure(Obstacle(result: .refused("the node at \(endpoint) says that it is \(own)")))
        }
        return .success(node)
    }

    /// The configuration that is to be applied to a node that has one: with the images of Kubernetes that it runs.
    private func target(_ node: any TalosNode) async throws(TalosError) -> Result<
        MachineConfiguration, Obstacle
    > {
        guard let talos, let live = try await node.machineConfiguration() else {
            return .failure(Obstacle(result: .notNow("the node does not give its configuration")))
        }
        let configuration: MachineConfiguration
        do throws(UnreadableConfiguration) {
            configuration = try MachineConfiguration(live: live.bytes, of: talos)
        } catch {
            return .failure(Obstacle(result: .refused("\(error)")))
        }
        return await rendered().map { KubernetesImages.keeping(configuration, in: $0) }
    }

    private func rendered() async -> Result<MachineConfiguration, Obstacle> {
        do throws(RenderingFailure) {
            return .success(try await cluster.configuration(name).configuration)
        } catch {
            return .failure(Obstacle(result: .notNow("\(error)".bounded)))
        }
    }

    private func credentials() throws(TalosError) -> TalosCredentials {
        try TalosCredentials(
            authority: cluster.credentials.talosAuthority, client: cluster.credentials.talosClient)
    }
}

extension NodeTarget {
    /// Gives a machine in maintenance mode its configuration, on a connection to the key that it has shown.
    ///
    /// It begins with the given release of Kubernetes.
    func install(_ fingerprint: String, _ kubernetes: Release) async throws(TalosError) -> ActionResult {
        guard let seen, seen.contact == .maintenance(fingerprint: fingerprint),
            let endpoint = seen.address.flatMap({ NodeEndpoint($0) }),
            let pin = ServerFingerprint(fingerprint)
        else { return .notNow("\(name) does not wait for its configuration with that key") }
        if let wanted = cluster.fingerprints[name], ServerFingerprint(wanted) != pin {
            return .refused("\(name) shows another key than the one that is pinned for it")
        }
        var configuration: MachineConfiguration
        switch await rendered() {
        case .success(let rendered): configuration = rendered
        case .failure(let obstacle): return obstacle.result
        }
        let node = try connector.maintenanceNode(at: endpoint, fingerprint: pin)
        if kubernetes != cluster.desired.kubernetes {
            configuration = KubernetesImages.setting(kubernetes, in: configuration)
        }
        return await send(configuration, .auto, to: node)
    }

    /// Gives a node that has a configuration another one.
    func apply(_ mode: LifecycleAction.ApplyMode, _ node: any TalosNode) async throws(TalosError)
        -> ActionResult
    {
        switch try await target(node) {
        case .failure(let obstacle): obstacle.result
        case .success(let configuration):
            switch mode {
            case .noReboot: await send(configuration, .noReboot, to: node)
            case .staged: await send(configuration, .staged, to: node)
            case .try: await send(configuration, .try(timeout: .seconds(60)), to: node)
            case .install: .refused("a node that has a configuration is not installed")
            }
        }
    }

    /// Changes one image in the live configuration, in place and without a reboot.
    func set(
        _ component: KubernetesComponent, _ release: Release, _ node: any TalosNode
    ) async throws(TalosError) -> ActionResult {
        guard let talos, let live = try await node.machineConfiguration() else {
            return .notNow("the node does not give its configuration")
        }
        let configuration: MachineConfiguration
        do throws(UnreadableConfiguration) {
            configuration = try MachineConfiguration(live: live.bytes, of: talos)
        } catch {
            return .refused("\(error)")
        }
        guard let image = KubernetesImages.images(of: configuration)[component] else {
            return .refused("the node's configuration names no image of \(component.rawValue)")
        }
        let wanted = ImageReference(image).with(release).description
        guard wanted != image else { return .alreadyDone }
        return await send(
            KubernetesImages.setting([component: wanted], in: configuration), .noReboot, to: node)
    }

    /// What a node says about a configuration may quote it, so its secrets are taken out.
    private func send(
        _ configuration: MachineConfiguration, _ mode: ApplyMode, to node: any TalosNode
    ) async -> ActionResult {
        do throws(TalosError) {
            _ = try await node.applyConfiguration(Array(configuration.yaml().utf8), mode: mode, dryRun: false)
            return .done
        } catch {
            let result = error.result(of: .apply(.noReboot))
            return result.mapText { ConfigScrubber(configuration).scrub($0) }
        }
    }
}

extension ActionResult {
    fileprivate func mapText(_ change: (String) -> String) -> ActionResult {
        switch self {
        case .done, .running, .alreadyDone: self
        case .partly(let text): .partly(change(text))
        case .notNow(let text): .notNow(change(text))
        case .refused(let text): .refused(change(text))
        case .unknown(let text): .unknown(change(text))
        }
    }
}
