// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("What of a cluster's life is asked for")
struct ScopeTests {
    private func decide(scope: Set<LifecycleScope>, underWay: Bool = false) -> LifecycleDecision {
        var cluster = Cluster(controlPlane: 1, workers: 0)
        cluster.record = LifecycleRecord()
        cluster.observed.etcd = EtcdObservation()
        cluster.observed.kubernetes = KubernetesObservation()
        cluster.observed.nodes["c0"] = NodeObservation(
            contact: .maintenance(fingerprint: "key"), address: "127.0.0.9:50000")
        cluster.desired.policy.scope = scope
        if underWay { cluster.record.operations["c0"] = NodeOperation(.install, .applying, at: cluster.now) }
        return LifecyclePlanner.decide(
            FlowContext(
                desired: cluster.desired, observed: cluster.observed, record: cluster.record, now: cluster.now
            ))
    }

    @Test("What is not asked for is not begun")
    func nothing() {
        let decision = decide(scope: [.configure])
        #expect(decision.actions.isEmpty && decision.record.operations.isEmpty)
    }

    @Test("What is asked for is begun")
    func install() {
        #expect(!decide(scope: [.install]).record.operations.isEmpty)
    }

    @Test("What is under way goes on although nobody asks for it any more")
    func underWay() {
        #expect(!decide(scope: [], underWay: true).record.operations.isEmpty)
    }
}
