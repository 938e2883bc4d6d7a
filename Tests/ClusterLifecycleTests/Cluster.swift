// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

/// A cluster to make decisions about: three control-plane nodes and two workers, up and in order, unless told otherwise.
///
/// Tests change the desired state, the observation and the record as they please, and `run` a flow.
struct Cluster {
    var desired: DesiredCluster
    var observed: ClusterObservation
    var record = LifecycleRecord()
    var now = Timestamp(nanosecondsSince1970: 1_800_000_000_000_000_000)

    static let kubernetes = Release(minor: 34, patch: 1)
    static let talos = Release(minor: 12, patch: 3)

    init(controlPlane: Int = 3, workers: Int = 2) {
        let nodes =
            (0..<controlPlane).map { Cluster.node("c\($0)", .controlPlane) }
            + (0..<workers).map { Cluster.node("w\($0)", .worker) }
        desired = DesiredCluster(
            name: "demo", talos: Cluster.talos, kubernetes: Cluster.kubernetes, nodes: nodes)
        observed = ClusterObservation(at: now)
        observed.kubernetes.problem = nil
        observed.etcd.alarms = [:]
        record.bootstrap = BootstrapRecord(node: "c0", since: now, isConfirmed: true)
        for node in nodes { bringUp(node) }
    }

    static func node(_ name: String, _ role: NodeRole) -> DesiredNode {
        DesiredNode(name: name, role: role, configDigest: "digest-\(name)", installer: "installer:v1.12.3")
    }

    /// The member of etcd that a control-plane node has, beyond what 63 bits hold.
    static func member(_ node: String) -> UInt64 {
        0xF000_0000_0000_0001 + (UInt64(node.dropFirst()) ?? 0)
    }

    /// Makes a node one that runs and is in order, its member of etcd included.
    mutating func bringUp(_ node: DesiredNode) {
        var seen = NodeObservation(contact: .configured, address: "127.0.0.9:50000")
        seen.stage = .running
        seen.isReady = true
        seen.bootID = "boot-\(node.name)"
        seen.talos = Cluster.talos
        seen.config = .matches
        seen.kubeletService = ServiceState(state: "Running", isHealthy: true)
        var kubernetes = KubernetesNode(isReady: true, kubeletVersion: desired.kubernetes, evictablePods: 0)
        kubernetes.internalIP = "127.0.0.9"
        observed.kubernetes.nodes[node.name] = kubernetes
        let components: [KubernetesComponent] =
            node.role == .worker ? [.proxy, .kubelet] : KubernetesComponent.allCases
        for component in components {
            seen.components[component] = ComponentState(
                version: desired.kubernetes, isReady: true, isCurrent: true)
            seen.images[component] = "registry.example/\(component.rawValue):\(desired.kubernetes)"
        }
        if node.role == .controlPlane {
            seen.etcdService = ServiceState(state: "Running", isHealthy: true)
            seen.memberID = Cluster.member(node.name)
            observed.nodes[node.name] = seen
            addMember(node.name)
        } else {
            observed.nodes[node.name] = seen
        }
        record.nodes[node.name] = NodeRecord()
        record.nodes[node.name]?.wasConfigured = true
        record.nodes[node.name]?.appliedDigest = node.configDigest
    }

    /// Adds a node's member to every list, and lets it tell of itself.
    mutating func addMember(_ node: String) {
        let member = EtcdObservation.Member(id: Cluster.member(node), hostname: node)
        let members = (observed.etcd.views.values.first ?? []) + [member]
        observed.etcd.views[node] = members
        for name in observed.etcd.views.keys { observed.etcd.views[name] = members }
        observed.etcd.statuses[node] = EtcdObservation.Status(
            memberID: member.id, leader: Cluster.member("c0"), raftIndex: 100, raftAppliedIndex: 100)
    }

    /// Takes a member out of every list.
    mutating func dropMember(_ id: UInt64) {
        for name in observed.etcd.views.keys { observed.etcd.views[name]?.removeAll { $0.id == id } }
    }

    /// Makes a node one that does not answer any more; Kubernetes finds it not ready.
    mutating func silence(_ node: String) {
        observed.nodes[node] = NodeObservation(contact: .unreachable("no route to host"))
        observed.etcd.views[node] = nil
        observed.etcd.statuses[node] = nil
        observed.kubernetes.nodes[node]?.isReady = false
        record.nodes[node]?.silentSince = now
    }

    /// Changes a node of the desired state.
    mutating func change(_ node: String, _ change: (inout DesiredNode) -> Void) {
        for index in desired.nodes.indices where desired.nodes[index].name == node {
            change(&desired.nodes[index])
        }
    }

    var context: FlowContext {
        FlowContext(desired: desired, observed: observed, record: record, now: now)
    }

    mutating func pass(_ duration: Duration) { now = now + duration }

    /// Decides and keeps the record.
    @discardableResult
    mutating func run(_ flow: (some Flow).Type) -> (verdict: FlowVerdict, decision: LifecycleDecision) {
        var decision = LifecycleDecision(record: record)
        let verdict = flow.decide(context, &decision)
        record = decision.record
        return (verdict, decision)
    }

    /// Tells the flow what became of an action.
    mutating func absorb(_ result: ActionResult, _ action: LifecycleAction, _ flow: (some Flow).Type) {
        flow.absorb(result, of: action, context, &record)
    }
}

extension Cluster {
    /// Puts an operation under way.
    mutating func begin(_ kind: NodeOperation.Kind, _ step: OperationStep, on node: String) {
        record.operations[node] = NodeOperation(kind, step, at: now)
    }
}
