// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform

/// What the upgrade of Talos has to do in a cluster, as far as it can be seen now.
package struct UpgradeNeed: Sendable {
    /// One node's part of the way to the desired release.
    package struct Item: Sendable, Hashable {
        package var node: String
        /// What it runs.
        package var from: Release
        package var to: Release
        /// The image of the desired release; on the way others may come first.
        package var image: String

        /// What it is approved by: the same for all hops of the way.
        package var digest: String {
            String(SHA256.hexadecimal(of: Array("talos \(node) \(to) \(image)".utf8)).prefix(16))
        }

        /// For people.
        package var summary: String {
            from == to ? "other extensions of Talos \(to)" : "Talos \(from) to \(to)"
        }
    }

    private let context: FlowContext

    package init(_ context: FlowContext) {
        self.context = context
    }

    /// The nodes that are part of the cluster and stay in it, in the order in which they are upgraded.
    var nodes: [DesiredNode] {
        NodeRole.allCases.flatMap { context.nodes($0) }.filter(context.isPart)
    }

    /// What a node runs; nil if that is not known.
    func release(of node: DesiredNode) -> Release? {
        let seen = context.observation(of: node.name)
        return seen.isConfigured ? seen.talos : nil
    }

    /// What all is to be upgraded, in order, for the plan that people read and approve.
    package var items: [Item] {
        nodes.compactMap { node in
            guard let from = release(of: node), needs(node, context.desired.talos) else { return nil }
            return Item(node: node.name, from: from, to: context.desired.talos, image: node.installer)
        }
    }

    /// Whether a node has to be upgraded to be at that release, which is on the way or its end.
    ///
    /// On the way it is enough to be on its line or on a later one. At the end it has to be this very release with these
    /// very extensions; extensions that are not known are no reason to disturb a node.
    func needs(_ node: DesiredNode, _ hop: Release) -> Bool {
        guard let release = release(of: node) else { return false }
        guard hop == context.desired.talos else { return release.line < hop.line }
        return release != hop || hasOtherSchematic(node)
    }

    /// Whether the node is known to run other extensions than it is to have.
    func hasOtherSchematic(_ node: DesiredNode) -> Bool {
        guard let desired = node.schematic, let seen = context.observation(of: node.name).schematic else {
            return false
        }
        return desired != seen
    }

    /// The image that brings a node to that release; nil if none can be named.
    func image(for node: DesiredNode, _ hop: Release) -> String? {
        hop == context.desired.talos ? node.installer : HopImage.of(node.installer, hop)
    }

    /// The versions of Kubernetes that run anywhere in the cluster.
    var kubernetes: [Release] {
        let kubelets = context.observed.kubernetes.nodes.values.compactMap(\.kubeletVersion)
        let components = context.observed.nodes.values.flatMap { $0.components.values.compactMap(\.version) }
        return kubelets + components + context.observed.kubernetes.lowestVersions.values
    }

    /// The way from what the nodes run to the desired release.
    var path: UpgradePath {
        UpgradePath(
            from: nodes.compactMap(release), to: context.desired.talos, kubernetes: kubernetes,
            desiredKubernetes: context.desired.kubernetes, hops: context.desired.policy.upgrade.hops)
    }
}

extension FlowContext {
    /// Why no disruptive work may begin at this time, and until when; nil if it may.
    package var windowObstacle: Wait? {
        let windows = desired.policy.windows
        guard !windows.isOpen(at: now) else { return nil }
        let next = windows.nextOpening(after: now)
        let opening = next.map { ", which opens at \($0.rfc3339())" } ?? ""
        return Wait("waits for the maintenance window\(opening)")
    }
}
