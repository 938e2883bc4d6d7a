// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import TestSupport

/// Everything there is besides the operator: machines with Talos on them, etcd, Kubernetes, a provider, and the
/// management cluster with what a user wrote and what the operator remembers.
///
/// It is a value: a copy of it is another world that goes its own way. All that is random comes from one generator.
struct World: Sendable {
    /// How long after a boot etcd serves.
    static let etcdStart = 10
    /// How much time passes between two looks of the world at itself.
    static let tick = 5
    /// The same while nothing moves.
    static let longTick = 30

    /// Seconds since it began; never goes back.
    private(set) var now = 0
    /// What clocks show more than that.
    var clockOffset = 0
    /// Clocks have fractions of a second, which what is stored has not.
    let nanoseconds: Int64
    var random: SeededGenerator
    var management: Management
    var nodes: [SimulatedNode] = []
    var etcds: [SimulatedEtcd] = []
    var kubernetes = SimulatedKubernetes()
    /// When the record was last lost.
    var recordLostAt = Int.min
    /// The machine that the present halt is about, by its number.
    var haltedIncarnation: Int?
    /// When the world last did something to a node that nobody could have known.
    var lastFault = Int.min
    /// Nodes whose object was deleted and that have not been started since.
    var deletedNodes: Set<String> = []
    /// Node objects that a user made unschedulable.
    var cordonedByUser: Set<String> = []
    /// What was desired each time that somebody approved of it.
    var approvals: [DesiredCluster] = []
    /// How many bootstraps took effect.
    var bootstraps = 0
    /// What was done wrong, first things first.
    var violations: [Violation] = []
    var trace = Trace()

    init(seed: UInt64, _ specification: Specification) {
        random = SeededGenerator(seed: seed)
        nanoseconds = seed.isMultiple(of: 2) ? 0 : 400_000_000
        management = Management(specification: specification)
    }

    /// What a clock shows.
    var clock: Timestamp {
        // A Wednesday, 12:00 UTC.
        Timestamp(
            nanosecondsSince1970: Int64(1_736_942_400 + now + clockOffset) * 1_000_000_000 + nanoseconds)
    }

    func index(of name: String) -> Int? {
        for index in nodes.indices where nodes[index].name == name { return index }
        return nil
    }

    func node(_ name: String) -> SimulatedNode? { index(of: name).map { nodes[$0] } }

    /// Lets time pass.
    mutating func advance(_ seconds: Int) {
        var left = seconds
        while left > 0 {
            let step = min(left, isStill ? Self.longTick : Self.tick)
            now += step
            left -= step
            advanceMachines()
            for index in nodes.indices { advanceNode(index) }
            advanceEtcd()
            advanceKubernetes()
            noteRecoveries()
        }
    }

    /// What is well again is not down by anybody's doing any more.
    mutating func noteRecoveries() {
        for index in nodes.indices where nodes[index].disturber != nil && isWell(nodes[index]) {
            nodes[index].disturber = nil
        }
    }

    /// Whether nothing is about to change by itself.
    private var isStill: Bool {
        for index in nodes.indices {
            guard nodes[index].disturber == nil, nodes[index].busyComponents.isEmpty,
                nodes[index].activity == .up,
                nodes[index].trial == nil, now >= nodes[index].upSince + 60, now >= nodes[index].hungUntil,
                now >= nodes[index].cutUntil, nodes[index].role == .worker || nodes[index].etcd != nil
            else { return false }
        }
        return !nodes.isEmpty && nodes.count == management.machines.count
            && management.machines.allSatisfy { $0.goneAt == nil && $0.isReady }
            && nodes.count == kubernetes.nodes.count
            && kubernetes.pods.allSatisfy { $0.readyAt <= now && $0.goneAt == nil }
            && etcds.allSatisfy { $0.leader != nil && $0.members.values.allSatisfy { !$0.isLearner } }
    }

    /// Whether a node does all that it is there for.
    func isWell(_ node: SimulatedNode) -> Bool {
        guard node.activity == .up, node.isServing(at: now), node.answers(at: now),
            now >= node.upSince + Self.etcdStart,
            node.busyComponents.isEmpty
        else { return false }
        if node.role == .controlPlane {
            guard let data = node.etcd, etcds[data.cluster].members[data.member]?.isLearner == false,
                hasQuorum(data.cluster)
            else { return false }
        }
        return !isKubernetesUp || kubernetes.nodes[node.name]?.isReady == true
    }

    /// Somebody approves of what is desired now.
    mutating func noteApproval() {
        approvals.append(management.desired)
    }

    // MARK: Nodes

    private mutating func advanceNode(_ index: Int) {
        if !nodes[index].busyComponents.isEmpty { startComponents(index) }
        if let trial = nodes[index].trial, now >= trial.until {
            nodes[index].config = trial.config
            nodes[index].trial = nil
        }
        guard !nodes[index].isDead else { return }
        switch nodes[index].activity {
        case .starting(let until) where now >= until: start(index)
        case .installing(let until) where now >= until:
            nodes[index].installed = nodes[index].config?.installer
            nodes[index].reboot(at: now, taking: random.number(20...60))
        case .upgrading(let until, let image) where now >= until: finishUpgrade(index, image)
        case .resetting(let until, let call) where now >= until: finishReset(index, call)
        default: break
        }
    }

    private mutating func startComponents(_ index: Int) {
        for component in KubernetesComponent.allCases
        where nodes[index].busyComponents[component].map({ now >= $0 }) ?? false {
            nodes[index].busyComponents[component] = nil
            nodes[index].components[component] = nodes[index].config?.images[component]
        }
    }

    private mutating func start(_ index: Int) {
        guard !nodes[index].failsToStart else { return }
        nodes[index].bootID += 1
        nodes[index].upSince = now
        nodes[index].hasLeftEtcd = false
        deletedNodes.remove(nodes[index].name)
        if let next = nodes[index].next {
            nodes[index].next = nil
            if nodes[index].failingUpgrades > 0 {
                nodes[index].failingUpgrades -= 1
            } else {
                nodes[index].installed = next
            }
        }
        if let installed = nodes[index].installed { nodes[index].running = installed }
        if let staged = nodes[index].staged {
            nodes[index].config = staged
            nodes[index].staged = nil
        }
        guard let config = nodes[index].config, nodes[index].installed != nil else {
            nodes[index].activity = .maintenance
            return
        }
        nodes[index].activity = .up
        for component in KubernetesComponent.allCases where config.images[component] != nil {
            nodes[index].busyComponents[component] = now + random.number(10...25)
        }
    }

    private mutating func finishUpgrade(_ index: Int, _ image: InstallerImage) {
        if nodes[index].failingUpgrades > 0 {
            nodes[index].failingUpgrades -= 1
        } else {
            nodes[index].installed = image
        }
        nodes[index].reboot(at: now, taking: random.number(20...90))
    }

    private mutating func finishReset(_ index: Int, _ call: LifecycleAction.ResetCall) {
        wipe(index)
        if call.wipe != .ephemeral { nodes[index].installed = nil }
        if call.reboots {
            nodes[index].reboot(at: now, taking: random.number(20...60))
        } else {
            nodes[index].activity = .off
        }
    }

    /// Takes away everything on a node that belongs to a cluster.
    mutating func wipe(_ index: Int) {
        nodes[index].config = nil
        nodes[index].staged = nil
        nodes[index].trial = nil
        nodes[index].etcd = nil
        nodes[index].components = [:]
        nodes[index].busyComponents = [:]
    }
}

/// What has happened, for people who look for the cause of a violation.
struct Trace: Sendable {
    private(set) var lines: [String] = []
    private var last: (line: String, count: Int)?
    var isKept = true

    mutating func note(_ line: @autoclosure () -> String, at now: Int) {
        guard isKept else { return }
        let line = line()
        if let (text, count) = last, text == line {
            lines[lines.count - 1] = "t=\(now) \(line) (\(count + 1) times)"
            last = (line, count + 1)
            return
        }
        last = (line, 1)
        lines.append("t=\(now) \(line)")
        if lines.count > 400 { lines.removeFirst(200) }
    }
}

extension SeededGenerator {
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    /// True once in so many times.
    mutating func once(in many: Int) -> Bool { many > 0 && number(1...many) == 1 }
    mutating func pick<Element>(_ elements: [Element]) -> Element? { elements.randomElement(using: &self) }
}
