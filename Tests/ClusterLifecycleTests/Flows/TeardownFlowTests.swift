// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Deleting clusters")
struct TeardownFlowTests {
    private static func cluster(
        _ reset: DeletionPolicy.Reset = .none, controlPlane: Int = 3, workers: Int = 2
    ) -> Cluster {
        var cluster = Cluster(controlPlane: controlPlane, workers: workers)
        cluster.desired.isBeingDeleted = true
        cluster.desired.policy.deletion.reset = reset
        return cluster
    }

    @Test("A protected cluster is not touched, and goes when the protection does")
    func protected() {
        var cluster = Self.cluster()
        cluster.desired.policy.deletion.isProtected = true
        let first = cluster.decide()
        #expect(first.actions.isEmpty && cluster.record.halt?.reason == .deletionProtected)
        cluster.pass(.seconds(100))
        #expect(cluster.decide().record == first.record)
        cluster.desired.policy.deletion.isProtected = false
        #expect(cluster.settle().count == 5 && cluster.record.halt == nil)
    }

    @Test("A paused cluster is not touched")
    func paused() {
        var cluster = Self.cluster()
        cluster.desired.isPaused = true
        #expect(cluster.settle().isEmpty && cluster.record.teardownSince == nil)
    }

    @Test("Without a reset the Machines are deleted, the workers' first")
    func machines() {
        var cluster = Self.cluster()
        #expect(
            cluster.settle() == [
                "deleteMachine w0", "deleteMachine w1", "deleteMachine c0", "deleteMachine c1",
                "deleteMachine c2",
            ])
        #expect(cluster.desired.nodes.isEmpty && cluster.record.operations.isEmpty)
    }

    @Test("The control plane stays until the Machine of every worker is on its way out")
    func workersFirst() {
        var cluster = Self.cluster()
        var log = cluster.settle(passes: 3) { _, _ in .done }
        #expect(log.allSatisfy { $0.hasSuffix("w0") || $0.hasSuffix("w1") })
        cluster.change("w0") { $0.isMachineLeaving = true }
        cluster.loseMachine("w1")
        log = cluster.settle(passes: 3) { _, _ in .done }
        #expect(Set(log) == ["deleteMachine c0", "deleteMachine c1", "deleteMachine c2"])
    }

    @Test("Every node is reset once: workers as the policy says, the control plane never gracefully")
    func graceful() {
        var cluster = Self.cluster(.graceful)
        cluster.desired.policy.deletion.wipe = .all
        #expect(
            cluster.settle(passes: 200) == [
                "reset gracefully All w0", "reset gracefully All w1", "deleteMachine w0", "deleteMachine w1",
                "reset All c0", "reset All c1", "reset All c2",
                "deleteMachine c0", "deleteMachine c1", "deleteMachine c2",
            ])
    }

    @Test("A forced reset is graceful for nobody, and neither is one before there was a cluster")
    func force() {
        var cluster = Self.cluster(.force, controlPlane: 1, workers: 1)
        #expect(cluster.settle(passes: 200).first == "reset SystemDisk w0")
        cluster = Self.cluster(.graceful, controlPlane: 1, workers: 1)
        cluster.record.bootstrap = nil
        #expect(cluster.settle(passes: 200).first == "reset SystemDisk w0")
    }

    @Test(
        "A reset is sent to nodes that answer as part of the cluster, and to no other machine",
        arguments: [
            NodeObservation.Contact.maintenance(fingerprint: "f"), .refused("unknown authority"), .noAddress,
            .unreachable("no route to host"),
        ])
    func onlyOurs(_ contact: NodeObservation.Contact) {
        var cluster = Self.cluster(.force)
        for name in cluster.observed.nodes.keys {
            cluster.observed.nodes[name] = NodeObservation(contact: contact)
        }
        var log: [String] = []
        for _ in 0..<40 {
            log += cluster.settle()
            cluster.pass(.seconds(60))
        }
        #expect(log.count == 5 && log.allSatisfy { $0.hasPrefix("deleteMachine") })
    }

    @Test("A machine that does not answer is given up after the time of a reset, and that is told")
    func givenUp() {
        var cluster = Self.cluster(.force)
        cluster.silence("w1")
        let log = cluster.settle(passes: 20)
        #expect(log == ["reset SystemDisk w0", "deleteMachine w0"])
        cluster.pass(.seconds(900))
        let decision = cluster.decide()
        #expect(decision.actions.map(Cluster.words) == ["deleteMachine w1"])
        #expect(decision.waits.contains { $0.node == "w1" && $0.message.contains("was not reset") })
        for action in decision.actions { cluster.answer(.done, action) }
        #expect(cluster.record.operations["w1"]?.lastError?.contains("was not reset") == true)
        #expect(cluster.record.operations["w1"]?.isGivenUp == true)
    }

    @Test(
        "A machine that its provider knows nothing of for a moment is waited for, and reset when it answers")
    func flicker() {
        var cluster = Self.cluster(.force)
        cluster.silence("w1")
        cluster.change("w1") { $0.hasMachine = false }
        #expect(cluster.settle(passes: 20) == ["reset SystemDisk w0", "deleteMachine w0"])
        cluster.bringUp(Cluster.node("w1", .worker))
        cluster.change("w1") { $0.hasMachine = true }
        #expect(cluster.settle().first == "reset SystemDisk w1")
    }

    @Test("A node that is wiped after all is not called one that was not, whatever its first try said")
    func answersLate() {
        var cluster = Self.cluster(.force, controlPlane: 1, workers: 1)
        _ = cluster.settle { cluster, action in
            let result = cluster.perform(action)
            if case .reset = action.kind { return .unknown("connection closed") }
            if action.kind == .deleteMachine, action.node == "w0" {
                #expect(cluster.record.operations["w0"]?.isGivenUp != true)
                return .notNow("busy")
            }
            return result
        }
        #expect(cluster.record.operations["w0"]?.isGivenUp != true)
    }

    @Test("A node that refuses to be reset halts the deletion; a policy without a reset lets it go on")
    func refused() {
        var cluster = Self.cluster(.force)
        let log = cluster.settle { cluster, action in
            if case .reset = action.kind, action.node == "w1" { return .refused("not authorized") }
            return cluster.perform(action)
        }
        #expect(cluster.record.halt?.reason == .resetFailed)
        #expect(!log.contains { $0 == "deleteMachine w1" || $0.hasSuffix("c0") })
        #expect(log.contains("deleteMachine w0"))
        cluster.desired.policy.deletion.reset = .none
        #expect(cluster.settle().count == 4 && cluster.desired.nodes.isEmpty)
    }

    @Test("A lost answer to a reset is found out by looking: the node is not asked again while it is away")
    func lost() {
        var cluster = Self.cluster(.force)
        let log = cluster.settle(passes: 200) { cluster, action in
            let result = cluster.perform(action)
            if case .reset = action.kind { return .unknown("connection closed") }
            return result
        }
        #expect(log.count { $0.hasPrefix("reset") } == 5 && log.count == 10)
    }

    @Test("A reset that never reached the node is asked for again")
    func again() {
        var cluster = Self.cluster(.force, controlPlane: 1, workers: 1)
        var isFirst = true
        let log = cluster.settle(passes: 200) { cluster, action in
            guard case .reset = action.kind, isFirst else { return cluster.perform(action) }
            isFirst = false
            return .unknown("connection closed")
        }
        #expect(
            log.filter { $0.hasSuffix("w0") } == [
                "reset SystemDisk w0", "reset SystemDisk w0", "deleteMachine w0",
            ])
    }

    @Test("A node that wipes its disks is not deleted under it")
    func wiping() {
        var cluster = Self.cluster(.force, controlPlane: 1, workers: 1)
        _ = cluster.settle(passes: 1)
        cluster.bringUp(Cluster.node("w0", .worker))
        cluster.observed.nodes["w0"]?.stage = .resetting
        #expect(cluster.settle(passes: 80).isEmpty)
        cluster.silence("w0")
        #expect(cluster.settle(passes: 5).isEmpty)
        #expect(cluster.settle().first == "deleteMachine w0")
    }

    @Test(
        "Whatever was under way is dropped, and a halt is no obstacle",
        arguments: [
            NodeOperation.Kind.install, .configure(digest: "d"), .upgrade(image: "i", to: Cluster.talos),
            .remove,
            .replace, .component(.kubelet, to: Cluster.kubernetes),
        ])
    func interrupted(_ kind: NodeOperation.Kind) {
        var cluster = Self.cluster()
        cluster.begin(kind, .draining, on: "c1")
        let context = cluster.context
        cluster.record.halt(.upgradeFailed, "it broke", node: "c1", context)
        #expect(cluster.settle().count == 5)
        #expect(cluster.record.operations.isEmpty && cluster.record.halt == nil)
    }

    @Test("A cluster that was never bootstrapped is not bootstrapped while it goes")
    func neverBootstrapped() {
        var cluster = Self.cluster()
        cluster.record = LifecycleRecord()
        cluster.observed.etcd = EtcdObservation()
        for name in ["c0", "c1", "c2"] {
            cluster.observed.nodes[name]?.etcdService = ServiceState(state: "Preparing", isHealthy: nil)
            cluster.observed.nodes[name]?.memberID = nil
        }
        #expect(cluster.settle().allSatisfy { $0.hasPrefix("deleteMachine") })
    }

    @Test(
        "A machine that was just given its configuration is looked at again before it is deleted without a reset"
    )
    func justInstalled() {
        var cluster = Self.cluster(.force, controlPlane: 1, workers: 1)
        cluster.silence("w0")
        cluster.observed.nodes["w0"] = NodeObservation(contact: .maintenance(fingerprint: "f"))
        #expect(cluster.settle(passes: 3).isEmpty)
        cluster.bringUp(Cluster.node("w0", .worker))
        #expect(cluster.settle().first == "reset SystemDisk w0")
    }
}
