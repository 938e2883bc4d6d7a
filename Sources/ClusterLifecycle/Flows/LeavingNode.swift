// SPDX-License-Identifier: Apache-2.0
import Platform

/// What is known of a node that is to go.
struct LeavingNode {
    /// How it can be dealt with.
    enum Condition: Hashable {
        /// It answers, or Kubernetes finds it ready: it is emptied first.
        case alive
        /// It does not answer now; for how long it is waited for.
        case silent(until: Timestamp)
        /// It will not answer any more: what is left of it is cleaned up.
        case dead
    }

    let node: DesiredNode
    /// Whether its Machine is still there.
    let hasMachineObject: Bool
    private let context: FlowContext

    /// The node of that name, also if there is no Machine for it any more.
    init(_ name: String, _ context: FlowContext) {
        self.context = context
        if let node = context.desired.nodes.first(where: { $0.name == name }) {
            self.node = node
            hasMachineObject = true
        } else {
            let isMember = context.record.operations[name]?.memberID != nil
            node = DesiredNode(
                name: name, role: isMember ? .controlPlane : .worker, isSurplus: true, hasMachine: false,
                isMachineLeaving: true, configDigest: nil, installer: "")
            hasMachineObject = false
        }
    }

    var isLeaving: Bool { node.isSurplus || node.isMachineLeaving }

    /// A node that answers is alive, whatever is said about its machine.
    ///
    /// One that does not is dead at once if its Machine is on its way out or it waits for its first configuration, unless
    /// Kubernetes finds it ready: then it runs somewhere else. Otherwise it is only after the time that a drain may take,
    /// which is also when Kubernetes gives its pods up: a provider that knows nothing of its machine may do so again.
    var condition: Condition {
        let seen = context.observation(of: node.name)
        if seen.isConfigured { return .alive }
        if !hasMachineObject { return .dead }
        let kubernetes = context.observed.kubernetes
        let isReady = kubernetes.nodes[node.name]?.isReady == true
        if seen.isInMaintenance { return isReady ? .silent(until: patience) : .dead }
        if node.isMachineLeaving {
            if isReady { return .silent(until: patience) }
            if kubernetes.isReachable || context.record.bootstrap == nil { return .dead }
        }
        if context.now < patience { return .silent(until: patience) }
        return isReady ? .alive : .dead
    }

    private var patience: Timestamp {
        let since = context.record.nodes[node.name]?.silentSince ?? context.now
        return since + context.desired.policy.drain.timeout
    }

    /// Whether Kubernetes is known to have no Node object of its name; without a cluster there is none.
    var isUnregistered: Bool {
        if context.record.bootstrap == nil { return true }
        return context.observed.kubernetes.isReachable && context.observed.kubernetes.nodes[node.name] == nil
    }
}
