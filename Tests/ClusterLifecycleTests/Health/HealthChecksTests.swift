// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Health")
struct HealthChecksTests {
    @Test("A cluster in order passes every check")
    func healthy() {
        let verdict = HealthChecks.verdict(Cluster().context)
        #expect(verdict.isHealthy && verdict.firstProblem == nil)
        #expect(verdict.checks.map(\.name) == HealthCheck.Name.allCases)
    }

    /// A way to break a cluster, and the check that is to find it first.
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var check: HealthCheck.Name
        var outcome: HealthCheck.Outcome
        var words: String
        var make: @Sendable (inout Cluster) -> Void

        init(
            _ description: String, _ check: HealthCheck.Name, _ outcome: HealthCheck.Outcome, _ words: String,
            _ make: @escaping @Sendable (inout Cluster) -> Void
        ) {
            testDescription = description
            self.check = check
            self.outcome = outcome
            self.words = words
            self.make = make
        }
    }

    static let faults: [Fault] = [
        Fault("not bootstrapped", .etcdService, .failed, "not bootstrapped") {
            $0.record.bootstrap = nil
            $0.observed.etcd = EtcdObservation()
        },
        Fault("etcd stopped", .etcdService, .failed, "etcd not running: c1") {
            $0.observed.nodes["c1"]?.etcdService = ServiceState(state: "Failed", isHealthy: nil)
        },
        Fault("etcd unhealthy", .etcdService, .failed, "etcd not healthy: c1") {
            $0.observed.nodes["c1"]?.etcdService = ServiceState(state: "Running", isHealthy: false)
        },
        Fault("control-plane node silent", .etcdService, .unknown, "etcd not seen: c1") { $0.silence("c1") },
        Fault("members differ", .etcdMembers, .failed, "list different members") {
            $0.observed.etcd.views["c1"]?.removeLast()
        },
        Fault(
            "a member too many", .etcdMembers, .failed,
            "a member without a control-plane node: f000000000000009"
        ) {
            $0.addMember("c8")
            $0.observed.etcd.statuses["c8"] = nil
        },
        Fault("etcd of another cluster", .etcdMembers, .failed, "its etcd is no member of the cluster's: c1")
        {
            $0.observed.etcd.statuses["c1"]?.memberID = 7
        },
        Fault("a learner", .etcdMembers, .failed, "not a voter yet") { cluster in
            for name in cluster.observed.etcd.views.keys {
                cluster.observed.etcd.views[name]?[2].isLearner = true
            }
        },
        Fault("nobody lists members", .etcdMembers, .unknown, "nobody lists") {
            $0.observed.etcd.views = [:]
        },
        Fault("an alarm", .etcdAlarms, .failed, "raised NOSPACE") {
            $0.observed.etcd.alarms = [Cluster.member("c0"): ["NOSPACE"]]
        },
        Fault("alarms unknown", .etcdAlarms, .unknown, "could not be asked") {
            $0.observed.etcd.alarms = nil
        },
        Fault("no leader", .etcdAlarms, .failed, "no leader of etcd: c2") {
            $0.observed.etcd.statuses["c2"]?.leader = 0
        },
        Fault("worker silent", .nodesAnswer, .failed, "no answer: w0") { $0.silence("w0") },
        Fault("worker in maintenance", .nodesAnswer, .failed, "no configuration: w0") {
            $0.observed.nodes["w0"] = NodeObservation(contact: .maintenance(fingerprint: "f"))
        },
        Fault("node never looked at", .nodesAnswer, .unknown, "no address: w0") {
            $0.observed.nodes["w0"] = nil
        },
        Fault("kubelet", .kubelets, .failed, "kubelet not healthy: c0, w1") { cluster in
            for name in ["w1", "c0"] {
                cluster.observed.nodes[name]?.kubeletService = ServiceState(
                    state: "Running", isHealthy: false)
            }
        },
        Fault("booting", .nodesBooted, .failed, "booting: w1") {
            $0.observed.nodes["w1"]?.stage = .booting
        },
        Fault("no Kubernetes API", .kubernetesAPI, .failed, "does not answer") {
            $0.observed.kubernetes.problem = "refused"
        },
        Fault("not registered", .nodesRegistered, .failed, "unknown to Kubernetes: w1") {
            $0.observed.kubernetes.nodes["w1"] = nil
        },
        Fault("scheduler down", .controlPlane, .failed, "kube-scheduler not ready: c2") {
            $0.observed.nodes["c2"]?.components[.scheduler]?.isReady = false
        },
        Fault("API server unseen", .controlPlane, .unknown, "control plane not seen: c2") {
            $0.observed.nodes["c2"]?.components[.apiServer] = nil
        },
        Fault("not ready", .nodesReady, .failed, "not ready: w0, w1") { cluster in
            for name in ["w1", "w0"] { cluster.observed.kubernetes.nodes[name]?.isReady = false }
        },
        Fault("coredns", .addons, .failed, "coredns has no ready pod") {
            $0.observed.kubernetes.addonsProblem = "coredns has no ready pod"
        },
        Fault("cordoned", .nodesSchedulable, .failed, "cordoned: w0") {
            $0.observed.kubernetes.nodes["w0"]?.isUnschedulable = true
        },
    ]

    @Test("The first check that something is wrong with is the verdict", arguments: faults)
    func first(_ fault: Fault) {
        var cluster = Cluster()
        fault.make(&cluster)
        let verdict = HealthChecks.verdict(cluster.context)
        #expect(!verdict.isHealthy)
        #expect(verdict.firstProblem?.name == fault.check)
        #expect(verdict.firstProblem?.outcome == fault.outcome)
        #expect(
            verdict.firstProblem?.message.contains(fault.words) == true,
            "\(verdict.firstProblem?.message ?? "")")
    }

    @Test("Nodes that are to go, or whose machine was taken away, are not waited for")
    func leaving() {
        var cluster = Cluster(workers: 3)
        cluster.silence("w2")
        cluster.change("w2") { $0.isSurplus = true }
        #expect(HealthChecks.verdict(cluster.context).isHealthy)
        cluster.silence("w1")
        cluster.change("w1") { $0.isMachineLeaving = true }
        #expect(HealthChecks.verdict(cluster.context).isHealthy)
    }

    @Test("Many nodes with one problem make one short sentence")
    func short() {
        var cluster = Cluster(workers: 400)
        for index in 0..<400 { cluster.observed.kubernetes.nodes["w\(index)"]?.isReady = false }
        let message = HealthChecks.verdict(cluster.context).firstProblem?.message ?? ""
        #expect(message.hasSuffix("and 395 more") && message.utf8.count < 100)
    }
}
