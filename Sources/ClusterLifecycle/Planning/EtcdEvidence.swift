// SPDX-License-Identifier: Apache-2.0
import Platform

/// What shows that etcd is there, or that it is not: both have to be seen.
struct EtcdEvidence {
    private let context: FlowContext

    init(_ context: FlowContext) {
        self.context = context
    }

    /// Whether etcd shows on any node of the control plane, surplus ones too.
    var isRunning: Bool { !running.isEmpty }

    /// The nodes that list etcd's members or run one, by rising index.
    var running: [String] {
        context.nodes(.controlPlane).map(\.name).filter { isRunning(on: $0) }
    }

    /// Whether a node lists members of etcd, is one, or runs the service.
    func isRunning(on node: String) -> Bool {
        let seen = context.observation(of: node)
        guard seen.isConfigured else { return false }
        return lists(node) || context.observed.etcd.statuses[node] != nil
            || seen.etcdService?.state == "Running"
    }

    /// Whether a node gives a list of members that is not empty.
    func lists(_ node: String) -> Bool { context.observed.etcd.views[node]?.isEmpty == false }

    /// Whether a node was seen to have no etcd: its service waits for a bootstrap or for others.
    ///
    /// A node that has just booted looks the same for a while, data or not; only time and the node itself, which
    /// refuses to bootstrap over data, tell them apart.
    func isIdle(on node: String) -> Bool {
        let seen = context.observation(of: node)
        guard seen.isConfigured, !isRunning(on: node), let service = seen.etcdService else { return false }
        return ["Initialized", "Preparing", "Waiting"].contains(service.state)
    }

    /// How long a node must have been without etcd: after a boot it looks like that for a while even if it has data.
    static let quiet: Duration = .seconds(60)

    /// Why there may be a cluster although none is recorded and none shows; nil if every control-plane node with a
    /// machine was seen to have no etcd.
    var doubt: String? {
        for node in context.nodes(.controlPlane) {
            let seen = context.observation(of: node.name)
            let isEmpty = seen.isInMaintenance || context.record.operations[node.name]?.kind == .install
            if isEmpty || !node.hasMachine && !seen.isConfigured { continue }
            guard seen.isConfigured else { return "\(node.name) does not answer" }
            guard isIdle(on: node.name), let since = context.record.nodes[node.name]?.etcdIdleSince,
                since + Self.quiet <= context.now
            else { return "\(node.name) may have etcd" }
        }
        return nil
    }

    /// Whether two nodes list members of which none is the same: that is not one cluster.
    var isSplit: Bool {
        let views = context.nodes(.controlPlane).compactMap { context.observed.etcd.views[$0.name] }
            .filter { !$0.isEmpty }.map { Set($0.map(\.id)) }
        guard let first = views.first else { return false }
        return views.dropFirst().contains { $0.isDisjoint(with: first) }
    }
}
