// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

/// What a user has written.
struct Specification: Sendable {
    var controlPlane: Int
    var workers: Int
    var talos: Release
    var kubernetes: Release
    var schematic = "plain"
    /// Revisions of the configuration's two parts.
    var live = 0
    var rebooting = 0
    /// Nodes refuse what is written.
    var isInvalid = false
    var policy = LifecyclePolicy()
    var isPaused = false
    var isDeleted = false
    var approvedPlan: String?
    var resumeToken: String?

    init(controlPlane: Int, workers: Int, talos: Release, kubernetes: Release) {
        self.controlPlane = controlPlane
        self.workers = workers
        self.talos = talos
        self.kubernetes = kubernetes
    }

    /// The names of the nodes that there are to be, control plane first.
    var names: [(name: String, role: NodeRole)] {
        (0..<controlPlane).map { ("cp-\($0)", .controlPlane) } + (0..<workers).map { ("w-\($0)", .worker) }
    }

    var image: InstallerImage { InstallerImage(talos: talos, schematic: schematic) }

    func config(_ role: NodeRole) -> NodeConfig {
        let components = role == .controlPlane ? KubernetesComponent.allCases : [.kubelet]
        return NodeConfig(
            live: live, rebooting: rebooting, installer: image,
            images: Dictionary(uniqueKeysWithValues: components.map { ($0, kubernetes) }),
            isInvalid: isInvalid)
    }
}

/// The management cluster: what is stored there, and who provides machines.
struct Management: Sendable {
    struct Machine: Hashable, Sendable {
        var name: String
        var role: NodeRole
        /// Whether its provider says that it is there.
        var isReady = false
        /// Deleted, and gone at that time.
        var goneAt: Int?
        var incarnation: Int
    }

    var specification: Specification
    /// By name; a machine's name stays when it is replaced.
    var machines: [Machine] = []
    var record = LifecycleRecord()
    /// The mark of the bootstrap in the bundle of secrets.
    var mark: String?
    /// The record's resource version.
    var version = 0
    var incarnations = 0

    /// What an operator reads from it.
    var desired: DesiredCluster { desired(specification) }

    /// What an operator reads that has not heard of a later specification yet.
    func desired(_ specification: Specification) -> DesiredCluster {
        // Of a cluster that goes only what is there is told.
        let wanted = specification.names.filter { name, _ in
            !specification.isDeleted || machines.contains { $0.name == name }
        }
        var nodes = wanted.map { node($0.name, $0.role, specification, isSurplus: false) }
        let surplus = machines.filter { machine in !wanted.contains { $0.name == machine.name } }
        nodes += surplus.map { node($0.name, $0.role, specification, isSurplus: true) }
        nodes.sort {
            ($0.role == .controlPlane ? 0 : 1, $0.name) < ($1.role == .controlPlane ? 0 : 1, $1.name)
        }
        return DesiredCluster(
            name: "c", talos: specification.talos, kubernetes: specification.kubernetes, nodes: nodes,
            policy: specification.policy, isPaused: specification.isPaused,
            isBeingDeleted: specification.isDeleted, approvedPlan: specification.approvedPlan,
            resumeToken: specification.resumeToken, earlierBootstrap: mark)
    }

    private func node(
        _ name: String, _ role: NodeRole, _ specification: Specification, isSurplus: Bool
    ) -> DesiredNode {
        let machine = machines.first { $0.name == name }
        return DesiredNode(
            name: name, role: role, isSurplus: isSurplus, hasMachine: machine?.isReady ?? false,
            isMachineLeaving: machine?.goneAt != nil, configDigest: specification.config(role).digest,
            installer: specification.image.text, schematic: specification.schematic)
    }
}

extension World {
    /// Keeps a record, as text, and tells what is read again.
    mutating func keep(_ record: LifecycleRecord) -> LifecycleRecord {
        management.version += 1
        do {
            let kept = try LifecycleRecord(json: record.json)
            if kept.json != record.json || (nanoseconds == 0 && kept != record) {
                violate(.recordKept, "\(Self.difference(record, kept)) of \(record.json)")
            }
            management.record = kept
            management.mark = management.mark ?? kept.bootstrap?.node
        } catch {
            violate(.recordKept, "\(error)")
        }
        return management.record
    }

    /// The names of the fields in which two values differ.
    private static func difference(_ first: Any, _ second: Any) -> String {
        let fields = zip(Mirror(reflecting: first).children, Mirror(reflecting: second).children)
        return fields.filter { "\($0.value)" != "\($1.value)" }.map { first, second in
            "\(first.label ?? "")(\(difference(first.value, second.value)))"
        }.joined(separator: " ")
    }

    /// The Machines that are missing are made, and their provider does its work.
    mutating func advanceMachines() {
        let isDeleted = management.specification.isDeleted
        for (name, role) in management.specification.names
        where !isDeleted && !management.machines.contains(where: { $0.name == name }) {
            management.incarnations += 1
            management.machines.append(
                Management.Machine(name: name, role: role, incarnation: management.incarnations))
        }
        for machine in management.machines where machine.goneAt.map({ now >= $0 }) ?? false {
            nodes.removeAll { $0.name == machine.name }
        }
        management.machines.removeAll { $0.goneAt.map { now >= $0 } ?? false }
        for index in management.machines.indices where management.machines[index].goneAt == nil {
            provide(index)
        }
    }

    private mutating func provide(_ index: Int) {
        let machine = management.machines[index]
        guard !nodes.contains(where: { $0.name == machine.name }) else {
            management.machines[index].isReady = true
            return
        }
        nodes.append(
            SimulatedNode(
                name: machine.name, role: machine.role, incarnation: machine.incarnation,
                image: management.specification.image, until: now + random.number(20...60)))
        nodes.sort { $0.name < $1.name }
    }

    /// The provider puts a new machine in the place of another, under the same name.
    mutating func replaceMachine(_ name: String) {
        guard let machine = management.machines.firstIndex(where: { $0.name == name }) else { return }
        management.incarnations += 1
        management.machines[machine].incarnation = management.incarnations
        management.machines[machine].isReady = false
        lastFault = now
        nodes.removeAll { $0.name == name }
    }

    /// A Machine is deleted: its provider takes the machine away at once, and the object some time later.
    mutating func deleteMachine(_ name: String) -> Bool {
        guard let machine = management.machines.firstIndex(where: { $0.name == name }) else { return false }
        guard management.machines[machine].goneAt == nil else { return true }
        management.machines[machine].goneAt = now + random.number(5...30)
        if let index = index(of: name) {
            nodes[index].activity = .off
            nodes[index].isDead = true
        }
        return true
    }
}
