// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import TestSupport

/// What befalls a world, apart from requests that go wrong.
enum Fault: String, Sendable, Hashable, CaseIterable {
    case nodeHangs, nodeIsCut, addressTaken, nodeReboots, nodeDies, machineReplaced, maintenanceKeyChanges
    case upgradeFails, nodeDoesNotStart, alarm, kubernetesCut, podBlocks, userCordons
    case clockJumps, secondOperator, oldDesired, recordLost, looksBlurred

    /// Whether it happens to a single node.
    var isAboutNode: Bool {
        switch self {
        case .alarm, .kubernetesCut, .podBlocks, .clockJumps, .secondOperator, .oldDesired, .recordLost,
            .looksBlurred:
            false
        default: true
        }
    }
}

extension Checker {
    /// Lets something happen that is none of our doing.
    mutating func befall(_ fault: Fault) {
        befall(fault, random.pick(world.nodes.map(\.name)) ?? "")
    }

    /// Lets something happen to a node, if it is about one.
    mutating func befall(_ fault: Fault, _ node: String) {
        world.trace.note("fault: \(fault.rawValue) \(node)", at: world.now)
        switch fault {
        case .clockJumps: world.clockOffset += random.number(-6...6) * random.number(1...3600)
        case .secondOperator: takeOver()
        case .looksBlurred: blurredUntil = world.now + 300
        case .recordLost:
            world.loseRecord()
            for index in operators.indices { operators[index].cache = nil }
        case .oldDesired:
            guard let index = operators.indices.randomElement(using: &random) else { return }
            operators[index].oldSpecification =
                operators[index].oldSpecification == nil ? world.management.specification : nil
        case .kubernetesCut: world.kubernetes.cutUntil = world.now + random.number(10...600)
        case .podBlocks:
            guard !world.kubernetes.apps.contains(where: { $0.name == "blocked" }) else { return }
            world.kubernetes.apps.append(.init(name: "blocked", replicas: 1, minAvailable: 1))
        case .userCordons: world.cordon(node)
        case .alarm:
            guard let main = world.mainEtcd, let member = random.pick(world.etcds[main].voters) else {
                return
            }
            world.etcds[main].alarms[member] = ["NOSPACE"]
        case .machineReplaced: if world.canLose(node) { world.replaceMachine(node) }
        case .nodeHangs: world.disturb(node) { $0.hungUntil = $1 + 600 }
        case .nodeIsCut: world.disturb(node) { $0.cutUntil = $1 + 300 }
        case .addressTaken:
            world.disturb(node) { node, now in
                node.hungUntil = now + 400
                node.strangerUntil = node.hungUntil
            }
        case .nodeReboots: world.disturb(node) { $0.reboot(at: $1, taking: 40) }
        case .nodeDies:
            world.disturb(node) { node, _ in
                node.isDead = true
            }
        case .maintenanceKeyChanges:
            world.disturb(node) { node, now in
                guard node.config == nil else { return }
                node.fingerprint += "'"
                node.reboot(at: now, taking: 40)
            }
        case .upgradeFails: world.befall(node) { $0.failingUpgrades = 1 }
        case .nodeDoesNotStart: world.befall(node) { $0.failsToStart = true }
        }
    }

    /// Another process takes over; the first one does not know yet, and goes on for as long as its lease may last.
    private mutating func takeOver() {
        guard operators.count == 1, let old = operators.first else { return }
        operators[0].endsAt = world.now + 15
        var next = OperatorInstance(number: old.number + 1)
        next.cache = old.cache
        next.wakesAt = world.now
        operators.append(next)
    }

    /// Operators whose lease is over are gone.
    mutating func endOperators() {
        operators.removeAll { $0.endsAt.map { world.now >= $0 } ?? false }
    }

    /// Ends all that is wrong, for good.
    mutating func endFaults() {
        if operators.count > 1 { operators.removeFirst(operators.count - 1) }
        for index in operators.indices {
            operators[index].oldSpecification = nil
            operators[index].endsAt = nil
        }
        mishaps = [:]
        healsAt = nil
        blurredUntil = 0
        world.trace.note("every fault ends", at: world.now)
        world.heal()
    }
}

extension World {
    /// The record is lost, but for what an annotation keeps of the bootstrap if that is not lost too, and the mark in
    /// the secrets.
    mutating func loseRecord(isAnnotationLost: Bool = false, isMarkLost: Bool = false) {
        var record = LifecycleRecord()
        if isMarkLost { management.mark = nil }
        if !isAnnotationLost {
            record.bootstrap = management.record.bootstrap.map {
                BootstrapRecord(node: $0.node, since: $0.since, isConfirmed: $0.isConfirmed)
            }
        }
        management.record = record
        management.version += 1
        recordLostAt = now
    }

    mutating func befall(_ name: String, _ change: (inout SimulatedNode) -> Void) {
        guard let index = index(of: name) else { return }
        change(&nodes[index])
    }

    /// Takes a node out of service for some time.
    mutating func disturb(_ name: String, _ change: (inout SimulatedNode, Int) -> Void) {
        guard let index = index(of: name), !nodes[index].isDead else { return }
        change(&nodes[index], now)
        nodes[index].lastFault = now
        lastFault = now
        if nodes[index].disturber == nil {
            nodes[index].disturber = .world
            nodes[index].disturbedAt = now
        }
    }

    /// Whether etcd survives it if this node loses its data for good.
    func canLose(_ name: String) -> Bool {
        guard management.machines.contains(where: { $0.name == name && $0.goneAt == nil }) else {
            return false
        }
        guard let data = node(name)?.etcd else { return node(name)?.role == .worker || bootstraps > 0 }
        let etcd = etcds[data.cluster]
        let kept = etcd.voters.count { id in
            guard id != data.member, let host = etcd.members[id]?.node else { return false }
            return node(host)?.etcd == SimulatedNode.EtcdData(cluster: data.cluster, member: id)
        }
        return kept >= etcd.quorum
    }

    mutating func cordon(_ name: String) {
        guard let node = kubernetes.nodes[name], !node.isUnschedulable else { return }
        kubernetes.nodes[name]?.isUnschedulable = true
        cordonedByUser.insert(name)
    }
}

extension Checker {
    /// Runs with everything going wrong for a while, then ends what is wrong and goes on until everything rests.
    mutating func runRandomly(_ faults: [Fault] = Fault.allCases) {
        mayHalt = true
        let faultRate = random.pick([8, 20, 60, 200]) ?? 60
        let mishapRate = random.pick([4, 10, 40, 200]) ?? 40
        let editRate = random.pick([40, 300]) ?? 300
        let end = world.now + random.number(600...7200)
        while world.now < end, !isBroken {
            if random.once(in: faultRate * 5), let fault = random.pick(faults) { befall(fault) }
            if random.once(in: editRate), !edits.isEmpty { takeEdit() }
            stepRandomly(mishapRate)
        }
        guard !isBroken else { return }
        endFaults()
        run()
    }

    private mutating func stepRandomly(_ mishapRate: Int) {
        endOperators()
        let due = operators.indices.filter { !operators[$0].isIdle || operators[$0].wakesAt <= world.now }
        guard let index = random.pick(due) else {
            elapse(random.number(1...15))
            return
        }
        if isAtBoundary(index), random.once(in: mishapRate) {
            mishaps[boundaries] = random.pick(Mishap.allCases) ?? Mishap.none
        }
        take(index)
        if random.once(in: 4) { elapse(random.number(1...5)) }
    }
}

extension ClusterObservation {
    /// Leaves out of a look what might not have been seen.
    mutating func blur(_ random: inout SeededGenerator) {
        for name in nodes.keys.sorted() where random.once(in: 2) {
            nodes[name]?.blur(&random)
            if random.once(in: 3) { etcd.views[name] = nil }
            if random.once(in: 3) { etcd.statuses[name] = nil }
            if random.once(in: 3) { kubernetes.nodes[name]?.evictablePods = nil }
        }
        if random.once(in: 4) { etcd.alarms = nil }
        if random.once(in: 4) { kubernetes.lowestVersions = [:] }
        if random.once(in: 4) {
            kubernetes = KubernetesObservation()
            kubernetes.problem = "timed out"
        }
    }
}

extension NodeObservation {
    fileprivate mutating func blur(_ random: inout SeededGenerator) {
        if random.once(in: 4) {
            self = NodeObservation(contact: .unreachable("timed out"), address: address)
            return
        }
        guard isConfigured else { return }
        if random.once(in: 4) { bootID = nil }
        if random.once(in: 4) { talos = nil }
        if random.once(in: 4) { schematic = nil }
        if random.once(in: 4) { memberID = nil }
        if random.once(in: 4) { config = .unknown }
        if random.once(in: 4) { etcdService = nil }
        if random.once(in: 4) { (images, components) = ([:], [:]) }
        if random.once(in: 4) { (stage, isReady) = (.unknown, false) }
    }
}
