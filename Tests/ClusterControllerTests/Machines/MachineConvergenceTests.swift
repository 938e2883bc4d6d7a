// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

/// A cluster whose specification changes at random while others interfere; the plan is carried out step by step.
private struct World {
    private(set) var machines: [ObjectKey: Machine] = [:]
    private var random: SeededGenerator
    private var nextUID = 0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    var owned: [Machine] {
        machines.values.filter { $0.metadata.controller?.uid == "uid-1" }.sorted { $0.key < $1.key }
    }

    /// Control plane Machines that run, terminating ones not counted.
    var members: Int { controlPlane.count { !$0.metadata.isBeingDeleted } }
    var leavingMembers: Int { controlPlane.count { $0.metadata.isBeingDeleted } }

    private var controlPlane: [Machine] { owned.filter { $0.metadata.name.hasPrefix("simple-cp-") } }

    mutating func randomCluster() -> KubernetesCluster {
        let replicas = [1, 3, 5, 7].randomElement(using: &random) ?? 1
        let groups = ["a", "b", "a-b"].shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random))
        let workers = groups.map { name in
            "{\"name\": \"\(name)\", \"replicas\": \(Int.random(in: 0...4, using: &random))}"
        }
        let size = ["small", "large"].randomElement(using: &random) ?? ""
        return Fixture.cluster(
            """
            {"controlPlane": {"replicas": \(replicas), "machineTemplate": {"spec": {"machineClass": "\(size)"}}},
             "workers": [\(workers.joined(separator: ", "))]}
            """)
    }

    /// Does a part of what is planned, as when requests fail; the server refuses what does not fit.
    mutating func carryOut(_ plan: MachinePlan, share: Double = 1) throws {
        for application in plan.apply where Double.random(in: 0..<1, using: &random) < share {
            let existing = machines[application.machine.key]
            #expect(existing?.metadata.uid == application.existingUID)
            nextUID += 1
            machines[application.machine.key] = try Fixture.stored(
                application.machine, uid: existing?.metadata.uid ?? "machine-\(nextUID)")
        }
        for deletion in plan.delete where Double.random(in: 0..<1, using: &random) < share {
            let machine = try #require(machines[deletion.key])
            #expect(machine.metadata.uid == deletion.uid)
            #expect(machine.metadata.controller?.uid == "uid-1")
            machines[deletion.key]?.metadata.deletionTimestamp = Fixture.noon
        }
    }

    /// Providers take their finalizers away, and people change or delete something.
    mutating func interfere() {
        for key in machines.keys.sorted() {
            guard let machine = machines[key] else { continue }
            if machine.metadata.isBeingDeleted {
                if Bool.random(using: &random) { machines[key] = nil }
            } else if Int.random(in: 0..<12, using: &random) == 0 {
                machines[key]?.spec = .object(["machineClass": "edited"])
            } else if Int.random(in: 0..<12, using: &random) == 0 {
                machines[key]?.metadata.deletionTimestamp = Fixture.noon
            }
        }
    }

    mutating func finishDeletions() {
        machines = machines.filter { !$0.value.metadata.isBeingDeleted }
    }

    mutating func add(_ machine: Machine) { machines[machine.key] = machine }
}

@Suite("Machines over many changes")
struct MachineConvergenceTests {
    private func plan(_ cluster: KubernetesCluster, _ world: World) throws -> MachinePlan {
        MachinePlan(
            try Fixture.desired(cluster), clusterName: try Fixture.validSpec(of: cluster).clusterName,
            owned: world.owned, find: { world.machines[$0] })
    }

    @Test(
        "whatever happens, plans come to an end at what is desired", arguments: UInt64(0)..<40)
    func convergence(seed: UInt64) throws {
        var world = World(seed: seed)
        var cluster = world.randomCluster()
        for _ in 0..<12 {
            try world.carryOut(plan(cluster, world), share: 0.7)
            world.interfere()
            if seed.isMultiple(of: 2) { cluster = world.randomCluster() }
        }
        var rounds = 0
        while try !plan(cluster, world).isSettled, rounds < 20 {
            try world.carryOut(plan(cluster, world))
            world.finishDeletions()
            rounds += 1
        }
        #expect(try plan(cluster, world).isSettled)
        #expect(world.owned.map(\.key) == (try Fixture.desired(cluster).map(\.key).sorted()))
    }

    @Test("no plan takes a second member of etcd away while one is leaving", arguments: UInt64(100)..<140)
    func quorum(seed: UInt64) throws {
        var world = World(seed: seed)
        for _ in 0..<20 {
            let cluster = world.randomCluster()
            let leaving = world.leavingMembers
            let deletions = try plan(cluster, world).delete.count { $0.key.name.hasPrefix("simple-cp-") }
            #expect(deletions <= (leaving == 0 ? 1 : 0), "\(deletions) while \(leaving) leave")
            try world.carryOut(plan(cluster, world))
            #expect(world.members >= 1)
            if world.leavingMembers > 0, seed.isMultiple(of: 3) { world.finishDeletions() }
        }
    }

    @Test("Machines of others are as they were after any number of plans", arguments: UInt64(200)..<220)
    func others(seed: UInt64) throws {
        var world = World(seed: seed)
        let other = Fixture.cluster(uid: "uid-2")
        let foreign = try Fixture.desired(other).prefix(3).map { try Fixture.stored($0) }
        for machine in foreign { world.add(machine) }
        for _ in 0..<10 {
            let cluster = world.randomCluster()
            let plan = try plan(cluster, world)
            let taken = Set(foreign.map(\.key))
            #expect(
                plan.obstacles.map(\.key).allSatisfy(taken.contains)
                    && plan.obstacles.allSatisfy { $0.owner?.uid == "uid-2" })
            #expect(!plan.apply.contains { taken.contains($0.machine.key) })
            try world.carryOut(plan)
            world.finishDeletions()
            for machine in foreign { #expect(world.machines[machine.key] == machine) }
        }
    }
}
