// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import Platform

/// What has to be done so that the Machines of a cluster become those it asks for.
///
/// Only Machines that this very cluster controls are ever changed or deleted.
package struct MachinePlan: Sendable, Hashable {
    /// A Machine to write, and the one that is there already.
    package struct Application: Sendable, Hashable {
        package var machine: DesiredMachine
        /// The UID of the Machine to put right; nil if it is to be created.
        package var existingUID: String?
    }

    /// A Machine to delete: that very one, not another that has its name by then.
    package struct Deletion: Sendable, Hashable {
        package var key: ObjectKey
        package var uid: String
    }

    /// A name that is taken by a Machine which is not this cluster's.
    package struct Obstacle: Sendable, Hashable {
        package var key: ObjectKey
        /// The controlling owner; nil if there is none.
        package var owner: OwnerReference?
    }

    /// Missing Machines and those that somebody changed, in topology order.
    package var apply: [Application] = []
    /// Machines to delete now, the highest index first.
    package var delete: [Deletion] = []
    /// Names that are taken.
    package var obstacles: [Obstacle] = []
    /// Desired Machines that are on their way out; each is made again once it is gone.
    package var terminating: [ObjectKey] = []
    /// Missing Machines that must not be made yet, for they have no configuration.
    package var withheld: [ObjectKey] = []
    /// Machines that are to go but are still there, not counting those in `delete`.
    package var leaving: [ObjectKey] = []

    /// Whether there is nothing to do, nothing in the way and nothing to wait for.
    package var isSettled: Bool {
        apply.isEmpty && delete.isEmpty && obstacles.isEmpty && terminating.isEmpty && withheld.isEmpty
            && leaving.isEmpty
    }

    /// Whether Machines come or go, and not just change.
    package var createsOrDeletes: Bool {
        !delete.isEmpty || apply.contains { $0.existingUID == nil }
    }
}

extension MachinePlan {
    /// Compares what is desired with what is there.
    ///
    /// - Parameters:
    ///   - desired: what is asked for, in topology order.
    ///   - clusterName: the name that the names of all these Machines begin with.
    ///   - owned: every Machine that the cluster controls.
    ///   - withheld: those that are not to be made if they do not exist.
    ///   - keepsSurplus: whether Machines that are not asked for any more stay, for somebody else sees them off.
    ///   - find: any Machine by name, whoever controls it.
    ///   - record: what the last apply of the Machine with a UID left behind, if that is known.
    package init(
        _ desired: [DesiredMachine], clusterName: ClusterName, owned: [Machine],
        withheld: Set<ObjectKey> = [], keepsSurplus: Bool = false,
        find: (ObjectKey) -> Machine? = { _ in nil },
        record: (String) -> AppliedRecord? = { _ in nil }
    ) {
        let own = Dictionary(owned.map { ($0.key, $0) }) { first, _ in first }
        for machine in desired {
            if let existing = own[machine.key] {
                plan(machine, existing, record(existing.metadata.uid))
            } else if let other = find(machine.key) {
                obstacles.append(Obstacle(key: machine.key, owner: other.metadata.controller))
            } else if withheld.contains(machine.key) {
                self.withheld.append(machine.key)
            } else {
                apply.append(Application(machine: machine, existingUID: nil))
            }
        }
        let wanted = Set(desired.map(\.key))
        let surplus = owned.filter { !wanted.contains($0.key) }
        if keepsSurplus {
            leaving = surplus.map(\.key).sorted()
        } else {
            shrink(surplus, stem: "\(clusterName)-\(MachineRole.controlPlaneNamePart)")
        }
    }

    private mutating func plan(_ machine: DesiredMachine, _ existing: Machine, _ record: AppliedRecord?) {
        if existing.metadata.isBeingDeleted {
            terminating.append(machine.key)
        } else if !machine.isMatched(by: existing, record) {
            apply.append(Application(machine: machine, existingUID: existing.metadata.uid))
        }
    }

    /// Workers may go all at once, of the control plane one Machine at a time.
    ///
    /// And that only while no other is on its way out: each takes an etcd member with it. What belongs to the control
    /// plane is told by the `stem` of its names, for labels can be edited.
    private mutating func shrink(_ surplus: [Machine], stem: String) {
        let surplus = surplus.map { (machine: $0, name: MachineNameParts($0.metadata.name)) }
            .sorted { $0.name < $1.name }
        var mayShrinkControlPlane =
            !terminating.contains { MachineNameParts($0.name).stem == stem }
            && !surplus.contains { $0.name.stem == stem && $0.machine.metadata.isBeingDeleted }
        for (machine, name) in surplus {
            let isHeldBack = name.stem == stem && !mayShrinkControlPlane
            guard !machine.metadata.isBeingDeleted, !isHeldBack else {
                leaving.append(machine.key)
                continue
            }
            if name.stem == stem { mayShrinkControlPlane = false }
            delete.append(Deletion(key: machine.key, uid: machine.metadata.uid))
        }
    }
}

/// `a-workers` and 12 of `a-workers-12`; in order, the highest index of a stem comes first.
private struct MachineNameParts: Comparable {
    let stem: Substring
    /// -1 if the name does not end in one.
    let index: Int

    init(_ name: String) {
        guard let hyphen = name.lastIndex(of: "-"),
            let index = Int(plainDecimal: name[name.index(after: hyphen)...])
        else {
            (stem, index) = (name[...], -1)
            return
        }
        (stem, self.index) = (name[..<hyphen], index)
    }

    static func < (left: Self, right: Self) -> Bool {
        left.stem == right.stem ? left.index > right.index : left.stem < right.stem
    }
}
