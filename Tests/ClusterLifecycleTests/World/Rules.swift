// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

/// What must hold at every step, whatever befalls a cluster.
enum Rule: String, Sendable, Hashable, CaseIterable {
    case bootstrapOnce = "a cluster is bootstrapped once, ever"
    case bootstrapRemembered = "a bootstrap that was noted is never forgotten"
    case quorum = "what we do never takes the quorum from etcd"
    case oneControlPlane = "no two control-plane nodes are down by our doing"
    case othersWell = "no control-plane node is disturbed while another one is down"
    case rightNode = "nothing is done to a node that is not meant"
    case rightMember = "no other member of etcd is taken out than the one that is meant"
    case memberLeftBehind = "no machine goes whose member of etcd stays"
    case disruptionBudget = "no disruption budget is passed over without leave"
    case drainedFirst = "a node is empty before it goes down"
    case secretsToPinned = "secrets go to a node in maintenance mode only if its key is the one that was kept"
    case quietWhileHalted = "nothing is begun while there is a halt"
    case quietWhilePaused = "nothing is begun while the cluster is paused"
    case recordFirst = "what is done was written down before"
    case recordKept = "what was written down is read again as it was"
    case haltExplained = "a halt says why and where"
    case workersAtATime = "no more workers are down by our doing than is allowed"
    case window = "nothing disruptive is begun outside of the windows"
    case approval = "nothing is begun that needs an approval and has none"
    case preserve = "an upgrade keeps the node's data, and etcd is looked at before it"
    case upgradePath = "Talos goes to the next minor release, and only where it runs this Kubernetes"
    case skew = "no kubelet is newer than an API server"
    case userCordon = "a node that somebody else made unschedulable stays so"
    case protected = "a protected cluster is not taken down"
    case resetPolicy = "machines are reset as the policy says"
    case needlessHalt = "nothing halts where nothing is wrong"
    case convergence = "once nothing is wrong any more the goal is reached"
    case rest = "once the goal is reached nothing is done and nothing is written"
}

/// A rule that was broken, and by what.
struct Violation: Sendable, Hashable, CustomStringConvertible {
    var rule: Rule
    var what: String
    var at: Int

    var description: String { "\(rule.rawValue): \(what) at t=\(at)" }
}

/// What an operator knew when it sent a request.
struct Situation: Sendable {
    /// When it looked.
    var seenAt: Int
    var desired: DesiredCluster
    var specification: Specification
    /// The record that its pass began with.
    var before: LifecycleRecord
}

extension Halt {
    /// Whether it is about one machine that is not part of the cluster yet, and the action makes a cluster of others.
    func letsOthersComeUp(with action: LifecycleAction) -> Bool {
        guard
            [.contactTimedOut, .identityChanged, .installTimedOut, .installFailed, .configRejected]
                .contains(reason), action.node != node
        else { return false }
        switch action.kind {
        case .bootstrap, .apply(.install): return true
        default: return false
        }
    }
}

extension LifecycleRecord {
    /// Whether an action belongs to what was begun before; one through another node is known by the member.
    func isUnderWay(_ action: LifecycleAction) -> Bool {
        if case .removeMember(let id) = action.kind {
            return operations.values.contains { $0.memberID == id }
        }
        return operations[action.node] != nil
    }
}

extension LifecycleAction {
    /// What is asked for, and of whom, without the names of modules.
    var text: String {
        "\(kind) on \(node)".replacing("ClusterLifecycle.", with: "").replacing("LifecycleAction.", with: "")
            .replacing("DeletionPolicy.", with: "").replacing("UpgradePolicy.", with: "")
    }

    /// Whether it takes the node down, for a while or for good.
    var takesDown: Bool {
        switch kind {
        case .reboot, .reset, .deleteMachine, .upgrade(_, .legacy): true
        default: false
        }
    }
}

extension World {
    mutating func violate(_ rule: Rule, _ what: String) {
        violations.append(Violation(rule: rule, what: what, at: now))
        trace.note("VIOLATION \(rule.rawValue): \(what)", at: now)
    }

    /// Judges a request before it takes effect.
    ///
    /// One that was a long time on its way was noted when it was sent, and need not be any more.
    mutating func judge(_ action: LifecycleAction, _ situation: Situation, isLate: Bool = false) {
        judgeTarget(action, situation)
        if !isLate { judgeRecord(action, situation) }
        if action.takesDown { judgeDisturbance(action, situation) }
        switch action.kind {
        case .apply(.install(let fingerprint)): judgeInstall(action.node, fingerprint, situation.seenAt)
        case .upgrade(let image, let call): judgeUpgrade(action.node, image, call)
        case .setImage(let component, let release): judgeSkew(action.node, component, release)
        case .leaveEtcd: judgeLeaving(action.node, situation)
        case .removeMember(let id): judgeRemoval(id, situation)
        case .drain(force: true):
            let isTeardown = situation.desired.isBeingDeleted
            if situation.desired.policy.drain.onTimeout != .force, !isTeardown {
                violate(.disruptionBudget, "pods of \(action.node) are deleted by force")
            }
        case .uncordon where cordonedByUser.contains(action.node):
            violate(.userCordon, "\(action.node) is made schedulable")
        default: break
        }
    }

    /// Judges the world after a request took effect.
    mutating func judgeEffect() {
        if bootstraps > 1 { violate(.bootstrapOnce, "\(bootstraps) bootstraps took effect") }
        if etcds.count > 1 { violate(.bootstrapOnce, "there are \(etcds.count) clusters of etcd") }
    }

    private mutating func judgeTarget(_ action: LifecycleAction, _ situation: Situation) {
        let desired = situation.desired
        let node = desired.nodes.first { $0.name == action.node }
        let mayLeave = node?.isSurplus ?? true || desired.isBeingDeleted
        switch action.kind {
        case .reset(let call):
            if !mayLeave { violate(.rightNode, "\(action.node) is reset") }
            judgeReset(action.node, call, desired)
        case .leaveEtcd, .deleteMachine:
            if !mayLeave { violate(.rightNode, action.text) }
        case .deleteNode:
            let isServing = self.node(action.node)?.isServing(at: now) ?? false
            if !mayLeave, isServing, !isFresh(action.node, situation) {
                violate(.rightNode, "the Node of \(action.node) is deleted")
            }
        case .reboot, .upgrade, .apply, .setImage, .bootstrap:
            if node == nil || node?.isSurplus == true { violate(.rightNode, "\(action.text)") }
            if desired.isBeingDeleted { violate(.rightNode, "\(action.text) at the end") }
        default: break
        }
        if desired.isBeingDeleted, desired.policy.deletion.isProtected, action.takesDown {
            violate(.protected, "\(action.text)")
        }
    }

    private mutating func judgeReset(
        _ node: String, _ call: LifecycleAction.ResetCall, _ desired: DesiredCluster
    ) {
        let policy = desired.policy.deletion
        if policy.reset == .none { violate(.resetPolicy, "\(node) is reset though nothing is to be") }
        if policy.wipe != call.wipe { violate(.resetPolicy, "\(node): wipe is \(call.wipe)") }
        if policy.reset == .force, call.isGraceful { violate(.resetPolicy, "\(node) is reset gracefully") }
    }

    private mutating func judgeRecord(_ action: LifecycleAction, _ situation: Situation) {
        // What was lost meanwhile was there when it was decided.
        guard recordLostAt < situation.seenAt else { return }
        let stored = management.record
        let isNoted: Bool
        switch action.kind {
        case .bootstrap: isNoted = stored.bootstrap?.node == action.node
        case .syncManifests: isNoted = stored.kubernetesTarget != nil
        case .removeMember:
            isNoted = stored.operations.values.contains { [.remove, .replace, .teardown].contains($0.kind) }
        default: isNoted = stored.operations[action.node] != nil
        }
        if !isNoted { violate(.recordFirst, "\(action.text)") }
        let isUnderWay = situation.before.isUnderWay(action)
        if let halt = situation.before.halt, stored.halt == halt, !isUnderWay,
            !halt.letsOthersComeUp(with: action)
        {
            violate(.quietWhileHalted, "\(action.text)")
        }
        if situation.desired.isPaused, !isUnderWay {
            violate(.quietWhilePaused, "\(action.text)")
        }
    }

    /// Whether a node has changed since the operator looked, by what nobody could know.
    private func isFresh(_ name: String, _ situation: Situation) -> Bool {
        (node(name)?.lastFault ?? .min) >= situation.seenAt
    }

    private mutating func judgeDisturbance(_ action: LifecycleAction, _ situation: Situation) {
        let desired = situation.desired
        guard !desired.isBeingDeleted, let node = node(action.node) else { return }
        judgeDrain(action, node, situation)
        guard node.role == .controlPlane else { return judgeWorkers(action, desired, situation) }
        let others = nodes.filter { other in
            // One that has left etcd for good is not part of the control plane any more.
            let isWanted = desired.nodes.contains { $0.name == other.name && !$0.isSurplus }
            return other.role == .controlPlane && other.name != node.name && (isWanted || isMember(other))
        }
        for other in others where other.disturber == .us && !isFresh(other.name, situation) {
            violate(.oneControlPlane, "\(action.text) while \(other.name) is down")
        }
        let isTemporary = desired.nodes.contains { $0.name == node.name && !$0.isSurplus }
        // One that is to go is not waited for: the guard of the quorum is what it counts for.
        for other in others
        where other.disturber == .world && other.disturbedAt < situation.seenAt && isTemporary
            && desired.nodes.contains(where: { $0.name == other.name && !$0.isSurplus })
        {
            violate(.othersWell, "\(action.text) while \(other.name) is down")
        }
        guard let left = quorum(without: node.name, leaving: false), lastFault < situation.seenAt else {
            return
        }
        if left.before == 1, isTemporary { return }
        if left.up < left.needed, hasQuorum(0) {
            violate(.quorum, "\(action.text): \(left.up) voters, \(left.needed) are needed")
        }
        if action.kind == .deleteMachine, hasQuorum(0), hasJoined(node, before: situation.seenAt) {
            violate(.memberLeftBehind, "the machine of \(node.name) is deleted")
        }
    }

    private func hasJoined(_ node: SimulatedNode, before time: Int) -> Bool {
        node.etcd.flatMap { etcds[$0.cluster].members[$0.member] }.map { $0.since < time } ?? false
    }

    private func isMember(_ node: SimulatedNode) -> Bool {
        node.etcd.map { etcds[$0.cluster].members[$0.member] != nil } ?? false
    }

    private mutating func judgeDrain(_ action: LifecycleAction, _ node: SimulatedNode, _ situation: Situation)
    {
        // The pods of an only node have nowhere to go.
        guard situation.desired.policy.drain.isEnabled, kubernetes.nodes.count > 1, isKubernetesReachable,
            node.isServing(at: now),
            let object = kubernetes.nodes[node.name], object.isReady, object.since < situation.seenAt,
            !isFresh(node.name, situation)
        else { return }
        let pods = evictable(on: node.name).count { kubernetes.pods[$0].goneAt == nil }
        if pods > 0 { violate(.drainedFirst, "\(action.text) with \(pods) pods") }
        if !object.isUnschedulable { violate(.drainedFirst, "\(action.text), schedulable") }
    }

    private mutating func judgeWorkers(
        _ action: LifecycleAction, _ desired: DesiredCluster, _ situation: Situation
    ) {
        let workers = desired.nodes.filter { $0.role == .worker }
        guard workers.contains(where: { $0.name == action.node && !$0.isSurplus }) else { return }
        let down = workers.count { worker in
            guard worker.name != action.node, !worker.isSurplus, let node = node(worker.name) else {
                return false
            }
            return node.disturber == .us
        }
        let limit = desired.policy.rollout.maxUnavailable.number(of: workers.count)
        if down + 1 > limit {
            violate(.workersAtATime, "\(action.node) would be number \(down + 1) of \(limit)")
        }
    }

    private mutating func judgeInstall(_ name: String, _ fingerprint: String, _ seenAt: Int) {
        guard management.record.nodes[name]?.fingerprint == fingerprint || recordLostAt >= seenAt else {
            return violate(.secretsToPinned, "\(name) is given to \(fingerprint), which is not kept")
        }
    }

    private mutating func judgeLeaving(_ name: String, _ situation: Situation) {
        guard !situation.desired.isBeingDeleted, lastFault < situation.seenAt,
            let left = quorum(without: name, leaving: true)
        else { return }
        if left.up < left.needed {
            violate(.quorum, "\(name) leaves etcd: \(left.up) of \(left.needed) stay")
        }
    }

    private mutating func judgeRemoval(_ id: UInt64, _ situation: Situation) {
        guard let main = mainEtcd, let member = etcds[main].members[id], !situation.desired.isBeingDeleted
        else {
            return
        }
        let desired = situation.desired.nodes.first { $0.name == member.node }
        let holds = node(member.node)?.etcd?.member == id
        let isLeaving = desired?.isMachineLeaving ?? true || desired?.hasMachine == false
        if holds, desired?.isSurplus == false, !isLeaving, !isFresh(member.node, situation) {
            violate(.rightMember, "the member of \(member.node) is taken out")
        }
        let voters = etcds[main].voters
        let up = voters.count { $0 != id && isUp($0, in: main) }
        let needed = (voters.count - (member.isLearner ? 0 : 1)) / 2 + 1
        if up < needed, hasQuorum(main), lastFault < situation.seenAt {
            violate(.quorum, "the member of \(member.node) is taken out: \(up) of \(needed) stay")
        }
    }

    private mutating func judgeUpgrade(_ name: String, _ text: String, _ call: LifecycleAction.UpgradeCall) {
        guard let node = node(name), let image = InstallerImage(text) else { return }
        let from = node.running.talos
        if case .legacy(let preserve, _, _) = call, node.role == .controlPlane {
            if from.minor <= 7, !preserve { violate(.preserve, "\(name) would lose its data") }
            if from.minor >= 12, preserve { violate(.preserve, "\(name) would not look at etcd") }
        }
        if abs(image.talos.minor - from.minor) > 1 {
            violate(.upgradePath, "\(name) from \(from) to \(image.talos)")
        }
        guard let kubelet = node.components[.kubelet] else { return }
        // The releases of Kubernetes that a release of Talos runs: contract 1.5 to 1.13.
        let newest = 23 + image.talos.minor
        let oldest = image.talos.minor == 5 ? 26 : 18 + image.talos.minor
        if kubelet.minor > newest || kubelet.minor < oldest {
            violate(.upgradePath, "\(name) to \(image.talos) with Kubernetes \(kubelet)")
        }
    }

    private mutating func judgeSkew(_ name: String, _ component: KubernetesComponent, _ release: Release) {
        let servers = nodes.filter { $0.role == .controlPlane && $0.isConfigured }.compactMap {
            $0.components[.apiServer]
        }
        guard let oldest = servers.min() else { return }
        if component == .apiServer {
            if release.minor > oldest.minor + 1 { violate(.skew, "\(name): \(component) \(release)") }
        } else if oldest < release {
            violate(.skew, "\(name): \(component.rawValue) \(release) beside an API server \(oldest)")
        }
    }
}
