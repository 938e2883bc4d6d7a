// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import StructuredData
import Testing

@Suite("The report of a cluster's life")
struct LifecycleReportTests {
    private static func report(_ cluster: Cluster, waits: [Wait] = []) -> LifecycleReport {
        var decision = LifecycleDecision(record: cluster.record)
        decision.waits = waits
        return LifecycleReport.make(cluster.context, decision)
    }

    /// A way a cluster can be, and the word for it.
    struct Situation: Sendable, CustomTestStringConvertible {
        var state: LifecycleReport.State
        var words: String
        var make: @Sendable (inout Cluster) -> Void

        init(
            _ state: LifecycleReport.State, _ words: String,
            _ make: @escaping @Sendable (inout Cluster) -> Void
        ) {
            self.state = state
            self.words = words
            self.make = make
        }

        var testDescription: String { state.rawValue }
    }

    static let situations: [Situation] = [
        Situation(.running, "5 nodes with Talos v1.12.3 and Kubernetes v1.34.1") { _ in },
        Situation(.degraded, "NodesReady: not ready: w0") {
            $0.observed.kubernetes.nodes["w0"]?.isReady = false
        },
        Situation(.notStarted, "nothing") {
            $0.record = LifecycleRecord()
            $0.desired.nodes = []
        },
        Situation(.waitingForMachines, "machines") {
            $0.record = LifecycleRecord()
            $0.observed.nodes = [:]
        },
        Situation(.waitingForMachines, "machines") { cluster in cluster.change("w0") { $0.hasMachine = false }
        },
        Situation(.installing, "installs") {
            $0.record = LifecycleRecord()
            $0.observed.nodes = ["c0": NodeObservation(contact: .maintenance(fingerprint: "f"))]
        },
        Situation(.bootstrapping, "bootstraps") { $0.record.bootstrap?.isConfirmed = false },
        Situation(.configuring, "w0 Applying") { $0.begin(.configure(digest: "d"), .applying, on: "w0") },
        Situation(.upgradingTalos, "w0 Draining") {
            $0.begin(.upgrade(image: "i", to: Cluster.talos), .draining, on: "w0")
            $0.begin(.install, .installing, on: "w1")
        },
        Situation(.upgradingKubernetes, "c0 Applying") {
            $0.begin(.component(.apiServer, to: Cluster.kubernetes), .applying, on: "c0")
        },
        Situation(.scalingDown, "w1 LeavingEtcd") { $0.begin(.remove, .leavingEtcd, on: "w1") },
        Situation(.scalingDown, "removes nodes") { cluster in cluster.change("w1") { $0.isSurplus = true } },
        Situation(.replacing, "c1 RemovingMember") { $0.begin(.replace, .removingMember, on: "c1") },
        Situation(.tearingDown, "takes the cluster down") { $0.desired.isBeingDeleted = true },
        Situation(.paused, "paused") { $0.desired.isPaused = true },
        Situation(.halted, "UpgradeFailed: it broke") { cluster in
            let context = cluster.context
            cluster.record.halt(.upgradeFailed, "it broke", node: "w0", context)
            cluster.begin(.upgrade(image: "i", to: Cluster.talos), .verifying, on: "w0")
        },
    ]

    @Test("One word and a sentence say what the cluster is doing", arguments: situations)
    func states(_ situation: Situation) {
        var cluster = Cluster()
        situation.make(&cluster)
        let report = Self.report(cluster)
        #expect(report.state == situation.state)
        #expect(report.message.contains(situation.words), "\(report.message)")
    }

    @Test("What is under way is told while a cluster that was paused comes to a rest")
    func pausing() {
        var cluster = Cluster()
        cluster.desired.isPaused = true
        cluster.begin(.remove, .draining, on: "w1")
        #expect(Self.report(cluster).state == .scalingDown)
    }

    @Test(
        "A plan that is not approved is waited for, if approval is asked for at all, and then for the window")
    func approval() {
        var cluster = Cluster()
        cluster.desired.kubernetes = Release(minor: 35)
        #expect(Self.report(cluster).state == .running)
        let summaries = Self.report(cluster).plan?.items.map(\.summary)
        #expect(summaries == ["Kubernetes v1.34.1 to v1.35.0 on all nodes"])
        cluster.desired.policy.rollout.approval = .manual
        var report = Self.report(cluster)
        #expect(report.state == .waitingForApproval)
        #expect(report.message.contains(report.plan?.hash ?? "no plan"))
        #expect(report.json["plan"]?["approved"] == false)
        cluster.record.approvedItems = [KubernetesNeed(cluster.context).digest]
        // 2027-01-15 is a Friday.
        cluster.desired.policy.windows = [
            MaintenanceWindow(days: [0], opensAt: 120, duration: .seconds(3600))
        ]
        report = Self.report(cluster)
        #expect(report.state == .waitingForWindow && report.message.contains("2027-01-17T02:00:00Z"))
        cluster.desired.policy.windows = []
        cluster.record.kubernetesTarget = cluster.desired.kubernetes
        #expect(Self.report(cluster).state == .upgradingKubernetes)
    }

    @Test(
        "Looking again without a change makes the same report, though etcd went on writing and time went by")
    func stable() {
        var cluster = Cluster()
        cluster.begin(.upgrade(image: "i", to: Cluster.talos), .draining, on: "w0")
        cluster.silence("w1")
        let before = Self.report(cluster)
        cluster.pass(.seconds(100))
        cluster.observed.at = cluster.now
        cluster.observed.nodes["w1"] = NodeObservation(contact: .unreachable("timed out after 5.03 s"))
        for name in cluster.observed.etcd.statuses.keys {
            cluster.observed.etcd.statuses[name]?.raftIndex += 4711
            cluster.observed.etcd.statuses[name]?.raftAppliedIndex += 4709
        }
        let after = Self.report(cluster)
        #expect(before == after)
        #expect(before.json.encoded() == after.json.encoded())
    }

    @Test("A node tells where it is, what it runs and which member of etcd it has")
    func nodes() throws {
        var cluster = Cluster()
        cluster.observed.nodes["w0"]?.schematic =
            "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
        cluster.observed.nodes["w1"] = NodeObservation(contact: .refused("unknown authority"))
        cluster.change("w1") { $0.isSurplus = true }
        let nodes = try #require(Self.report(cluster).json["nodes"]?.array)
        try #require(nodes.count == 5)
        #expect(nodes[0]["etcd"]?["member"] == "f000000000000001" && nodes[0]["etcd"]?["leader"] == true)
        #expect(nodes[1]["etcd"]?["leader"] == nil)
        #expect(nodes[3]["schematic"]?.string?.hasPrefix("3765") == true && nodes[3]["ready"] == true)
        #expect(nodes[4]["stage"] == "refused" && nodes[4]["problem"] == "unknown authority")
        #expect(nodes[4]["leaving"] == true)
    }

    @Test("What a node's configuration is, compared with the one it is to have")
    func configuration() {
        var cluster = Cluster()
        func config(_ state: ConfigState) -> LifecycleReport.Config? {
            cluster.observed.nodes["w0"]?.config = state
            return Self.report(cluster).nodes.first { $0.name == "w0" }?.config
        }
        var change = ConfigChange(hash: "h", summary: "s", needsReboot: true, configDigest: "digest-w0")
        #expect(config(.matches) == .inSync)
        #expect(config(.staged) == .staged)
        #expect(config(.unknown) == .unknown)
        #expect(config(.differs(change)) == .drifted)
        cluster.record.nodes["w0"]?.appliedDigest = "digest of before"
        #expect(config(.differs(change)) == .pendingReboot)
        change.needsReboot = false
        #expect(config(.differs(change)) == .pending)
        change.refusal = "machine.type must not change"
        #expect(config(.differs(change)) == .refused)
        cluster.observed.nodes["w0"]?.configProblem = "its configuration cannot be read: document 2"
        #expect(config(.unknown) == .unknown)
        let row = Self.report(cluster).json["nodes"]?.array?.first { $0["name"] == "w0" }
        #expect(row?["problem"] == "its configuration cannot be read: document 2")
    }

    @Test("Versions are told from the lowest to the highest")
    func versions() {
        var cluster = Cluster()
        cluster.observed.nodes["c1"]?.talos = Release(minor: 11, patch: 5)
        #expect(Self.report(cluster).talos?.description == "v1.11.5 to v1.12.3")
        #expect(Self.report(cluster).json["kubernetes"]?["lowest"] == "v1.34.1")
    }

    @Test("A cluster of a thousand nodes makes a report that an object can hold")
    func size() {
        var cluster = Cluster(workers: 997)
        for name in cluster.observed.nodes.keys {
            cluster.observed.nodes[name]?.schematic = String(repeating: "a", count: 64)
            cluster.observed.nodes[name]?.unmet = [String(repeating: "long ", count: 1000)]
        }
        for name in cluster.observed.nodes.keys { cluster.differ(name, reboot: true) }
        let waits = (0..<1000).map { Wait(String(repeating: "y", count: 9000), node: "w\($0)") }
        let report = Self.report(cluster, waits: waits)
        #expect(report.json.encoded().count < 400_000)
        #expect(report.json["plan"]?["count"] == 1000)
    }

    @Test(
        "What is waited for names its node once",
        arguments: [
            ("2 pods are left", "w-1: 2 pods are left"), ("w-1 has no address", "w-1 has no address"),
            ("w-1's clock is behind", "w-1's clock is behind"), ("waits for w-10", "w-1: waits for w-10"),
        ])
    func sentence(_ message: String, _ sentence: String) {
        #expect(Wait(message, node: "w-1").sentence == sentence)
        #expect(Wait(message).sentence == message)
    }

    @Test("The table for a terminal has a line for each node, in columns")
    func text() {
        var cluster = Cluster(controlPlane: 1, workers: 1)
        cluster.begin(.upgrade(image: "i", to: Cluster.talos), .draining, on: "w0")
        let text = Self.report(cluster, waits: [Wait("2 pods are left", node: "w0", until: cluster.now)]).text
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let expected = """
            UpgradingTalos: upgrades Talos: w0 Draining
              since 2027-01-15T08:00:00Z
              waits: w0: 2 pods are left, until 2027-01-15T08:00:00Z
              etcd: one voter, led by c0

            NODE   ROLE            ADDRESS           STAGE     READY   TALOS     KUBERNETES   CONFIG   ETCD   \
                                 STEP
            c0     control-plane   127.0.0.9:50000   running   yes     v1.12.3   v1.34.1      InSync   \
            f000000000000001 (leader)   -
            w0     worker          127.0.0.9:50000   running   yes     v1.12.3   v1.34.1      InSync   -      \
                                 Draining

            """
        #expect(lines == expected.split(separator: "\n", omittingEmptySubsequences: false), "\(text)")
    }
}
