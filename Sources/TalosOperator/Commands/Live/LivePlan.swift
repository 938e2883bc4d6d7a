// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle

/// What a command is about to do, before anybody has agreed to it.
struct LivePlan {
    private struct Line {
        var node: String
        var text: String
    }

    private var lines: [Line] = []
    private var problems: [String] = []

    init(_ desired: DesiredCluster, _ preview: LifecyclePass, _ job: LiveOptions.Job) {
        for node in desired.nodes {
            let seen = preview.observation.nodes[node.name] ?? NodeObservation(contact: .noAddress)
            if case .reset = job {
                if desired.isBeingDeleted || node.isSurplus {
                    add(node, "is reset: \(desired.policy.deletion.words)")
                }
                continue
            }
            add(node, seen, desired)
        }
        let isNew = preview.record.bootstrap == nil && preview.observation.etcd.views.isEmpty
        if isNew, desired.policy.scope.contains(.install) {
            lines.append(Line(node: desired.name, text: "becomes a cluster: etcd is bootstrapped once"))
        }
        for (name, operation) in preview.record.operations.sorted(by: { $0.key < $1.key }) {
            lines.append(
                Line(node: name, text: "goes on: \(operation.kind.name), \(operation.step.rawValue)"))
        }
    }

    private mutating func add(_ node: DesiredNode, _ text: String) {
        lines.append(Line(node: node.name, text: text))
    }

    private mutating func add(_ node: DesiredNode, _ seen: NodeObservation, _ desired: DesiredCluster) {
        switch seen.contact {
        case .maintenance: if desired.policy.scope.contains(.install) { add(node, "gets its configuration") }
        case .noAddress, .unreachable, .refused: problems.append("\(node.name): \(seen.contact.sentence)")
        case .configured: addChanges(node, seen, desired)
        }
    }

    private mutating func addChanges(_ node: DesiredNode, _ seen: NodeObservation, _ desired: DesiredCluster)
    {
        if desired.policy.scope.contains(.configure), case .differs(let change) = seen.config {
            let reboot =
                switch change.needsReboot {
                case true?: ", with a reboot"
                case false?: ", without a reboot"
                case nil: ""
                }
            add(node, "gets another configuration\(reboot):\n\(change.summary.indented)")
        }
        if desired.policy.scope.contains(.upgradeTalos), let talos = seen.talos {
            if talos != desired.talos {
                add(node, "is upgraded from Talos \(talos) to \(desired.talos)")
            } else if let schematic = node.schematic, let running = seen.schematic, schematic != running {
                add(node, "gets other extensions: schematic \(schematic.prefix(12))…")
            }
        }
        if desired.policy.scope.contains(.upgradeKubernetes) {
            let old = seen.components.values.compactMap(\.version).min()
            if let old, old < desired.kubernetes {
                add(node, "is upgraded from Kubernetes \(old) to \(desired.kubernetes)")
            }
        }
    }

    /// Whether there is nothing to do, as far as can be seen.
    var isEmpty: Bool { lines.isEmpty && problems.isEmpty }

    /// The plan for people.
    var text: String {
        let notes = problems.map { "\($0); nothing is known of it\n" }.joined()
        guard !lines.isEmpty else { return notes + (problems.isEmpty ? "nothing to do\n" : "") }
        return notes + lines.map { "\($0.node): \($0.text)\n" }.joined()
    }
}

extension NodeObservation.Contact {
    /// How the node could be reached, in words.
    var sentence: String {
        switch self {
        case .noAddress: "has no address"
        case .unreachable(let reason): "cannot be reached: \(reason)"
        case .refused(let reason): "refuses the cluster's certificates: \(reason)"
        case .maintenance: "waits for a configuration"
        case .configured: "answers"
        }
    }
}

extension DeletionPolicy {
    /// What happens to a machine, in words.
    fileprivate var words: String {
        let disks =
            switch wipe {
            case .ephemeral: "its partitions STATE and EPHEMERAL are wiped"
            case .systemDisk: "its system disk is wiped"
            case .all: "all its disks are wiped"
            }
        return reset == .graceful ? "it leaves the cluster in good order, then \(disks)" : disks
    }
}

extension String {
    fileprivate var indented: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }.joined(separator: "\n")
    }
}
