// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Talos
import Testing

@Suite("Upgrading Kubernetes")
struct KubernetesUpgradeFlowTests {
    /// A cluster of which another release of Kubernetes is asked for.
    private static func cluster(
        _ target: String = "v1.35.2", controlPlane: Int = 3, workers: Int = 2
    ) -> Cluster {
        var cluster = Cluster(controlPlane: controlPlane, workers: workers)
        cluster.upgrade(to: target)
        return cluster
    }

    @Test(
        "Components go in their order, each on one node after the other, kubelets last, and then the manifests"
    )
    func order() {
        var cluster = Self.cluster(controlPlane: 2, workers: 1)
        let log = cluster.settle(passes: 200)
        let pulls = log.filter { $0.hasPrefix("pull") }
        #expect(pulls.count == 9 && log.prefix(9).allSatisfy { $0.hasPrefix("pull") })
        #expect(pulls.contains("pull registry.example/kubelet:v1.35.2 (system) w0"))
        #expect(pulls.contains("pull registry.example/kube-apiserver:v1.35.2 c1"))
        let components = [
            "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet",
        ]
        let expected = components.flatMap { ["set \($0) v1.35.2 c0", "set \($0) v1.35.2 c1"] }
        #expect(Array(log.dropFirst(9)) == expected + ["set kubelet v1.35.2 w0", "syncManifests c0"])
        #expect(cluster.record.operations.isEmpty && cluster.record.kubernetesTarget == nil)
        #expect(cluster.record.halt == nil)
    }

    @Test("It is over when kube-proxy has been rolled out to the nodes that are well, and halts if it is not")
    func proxyRollOut() {
        var cluster = Self.cluster(controlPlane: 1, workers: 1)
        var log: [String] = []
        for _ in 0..<200 where cluster.record.operations["c0"]?.step != .settling {
            log += cluster.settle(passes: 1) { cluster, action in
                action.kind == .syncManifests ? .done : cluster.perform(action)
            }
        }
        #expect(log.last == "syncManifests c0" && cluster.record.kubernetesTarget != nil)
        #expect(cluster.decide().says("kube-proxy v1.35.2 is not rolled out on 1 nodes, w0 first"))
        var away = cluster
        away.silence("w0")
        #expect(away.decide().record.kubernetesTarget == nil)
        var stuck = cluster
        stuck.pass(.seconds(3600))
        #expect(stuck.decide().record.halt?.reason == .componentFailed)
        cluster.rollOutProxy(on: "w0")
        cluster.decide()
        #expect(cluster.record.operations.isEmpty && cluster.record.kubernetesTarget == nil)
        #expect(cluster.record.halt == nil)
    }

    @Test(
        "What a component would not start with any more is refused before anything is touched",
        arguments: [
            (KubernetesComponent.kubelet, "--pod-infra-container-image", "v1.35.2", true),
            (.kubelet, "--pod-infra-container-image", "v1.34.9", false),
            (.kubelet, "--node-ip", "v1.35.2", false),
            (.apiServer, "SizeMemoryBackedVolumes", "v1.35.2", true),
            (.scheduler, "--pod-infra-container-image", "v1.35.2", false),
            // What the running release does not know either does no harm where it is.
            (.kubelet, "--cloud-config", "v1.35.2", false),
        ])
    func removedOptions(
        _ component: KubernetesComponent, _ option: String, _ target: String, _ isRefused: Bool
    ) {
        var cluster = Self.cluster(target, controlPlane: 1, workers: 1)
        let node = component == .kubelet ? "w0" : "c0"
        cluster.observed.nodes[node]?.options = [component: [option]]
        let log = cluster.settle(passes: 200)
        #expect(log.isEmpty == isRefused)
        #expect((cluster.record.halt?.reason == .unsupportedPath) == isRefused)
        if isRefused {
            let words =
                "\(component.rawValue) on \(node) is given \(option), which Kubernetes 1.35 does not know"
            #expect(cluster.record.halt?.message.contains(words) == true)
        }
    }

    @Test("A cluster that runs what it is to run is left alone")
    func nothing() {
        var cluster = Cluster()
        #expect(cluster.settle().isEmpty && cluster.record.kubernetesTarget == nil)
    }

    /// A release that is asked for, and whether there is a way to it.
    struct Path: Sendable {
        var target: String
        var refusal: String?

        init(_ target: String, _ refusal: String? = nil) {
            self.target = target
            self.refusal = refusal
        }
    }

    @Test(
        "One minor version on, and any patch release of the same; the rest is refused before anything is touched",
        arguments: [
            Path("v1.34.2"), Path("v1.34.0"), Path("v1.35.0"),
            Path(
                "v1.36.0",
                "more than one minor version on: set spec.kubernetesVersion to a release of v1.35 first"),
            Path("v1.33.9", "a minor version is never taken back to v1.33.9"),
            Path("v2.0.0", "nothing is known here about Kubernetes v2.0.0"),
        ])
    func path(_ path: Path) {
        var cluster = Self.cluster(path.target)
        let log = cluster.settle(passes: 300)
        #expect(log.isEmpty == (path.refusal != nil))
        #expect((cluster.record.halt?.reason == .unsupportedPath) == (path.refusal != nil))
        if let refusal = path.refusal {
            #expect(
                cluster.record.halt?.message.contains(refusal) == true,
                "\(cluster.record.halt?.message ?? "")")
        }
    }

    @Test(
        "A Talos that does not run the release is a refusal, or a reason to wait if Talos is to be upgraded too"
    )
    func support() {
        var cluster = Self.cluster("v1.35.0")
        for name in cluster.observed.nodes.keys { cluster.observed.nodes[name]?.talos = Release(minor: 11) }
        cluster.desired.talos = Release(minor: 11)
        #expect(cluster.settle().isEmpty)
        #expect(cluster.record.halt?.message.contains("runs Kubernetes 1.29 to 1.34") == true)
        cluster.desired.talos = Release(minor: 12)
        cluster.record.halt = nil
        // Asked by itself, for the upgrade of Talos comes first and is under way otherwise.
        let waits = cluster.run(KubernetesUpgradeFlow.self).decision.waits.map(\.message)
        #expect(waits.contains { $0.contains("Talos is upgraded before Kubernetes") }, "\(waits)")
        #expect(cluster.record.halt == nil)
        cluster.desired.talos = Release(minor: 99)
        cluster.observed.nodes["w1"]?.talos = Release(minor: 99)
        _ = cluster.decide()
    }

    /// Something that is not in order.
    struct Danger: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var make: @Sendable (inout Cluster) -> Void

        init(_ description: String, _ make: @escaping @Sendable (inout Cluster) -> Void) {
            testDescription = description
            self.make = make
        }
    }

    static let dangers = [
        Danger("etcd unseen") { $0.observed.etcd = EtcdObservation() },
        Danger("an alarm") { $0.observed.etcd.alarms = [1: ["NOSPACE"]] },
        Danger("a control-plane node silent") { $0.silence("c1") },
        Danger("a control-plane node not ready") { $0.observed.nodes["c1"]?.isReady = false },
        Danger("no Kubernetes API") { $0.observed.kubernetes.problem = "refused" },
        Danger("paused") { $0.desired.isPaused = true },
        Danger("halted") { cluster in
            let context = cluster.context
            cluster.record.halt(.upgradeFailed, "it broke", node: "c0", context)
        },
        Danger("not approved") { $0.desired.policy.rollout.approval = .manual },
        Danger("window closed") {
            // 2027-01-15 is a Friday.
            $0.desired.policy.windows = [MaintenanceWindow(days: [0], opensAt: 120, duration: .seconds(3600))]
        },
        Danger("a node being upgraded") {
            $0.begin(.upgrade(image: "i", to: Cluster.talos), .verifying, on: "c1")
            $0.record.operations["c1"]?.bootID = "boot-c1"
        },
        Danger("nothing known of what runs") { cluster in
            for name in cluster.observed.nodes.keys { cluster.observed.nodes[name]?.components = [:] }
        },
    ]

    @Test("While something is not in order nothing is begun", arguments: dangers)
    func dangerous(_ danger: Danger) {
        var cluster = Self.cluster()
        danger.make(&cluster)
        for _ in 0..<5 {
            #expect(cluster.decide().actions.isEmpty)
            cluster.pass(.seconds(10))
        }
        #expect(cluster.record.kubernetesTarget == nil)
    }

    @Test("While something is not in order no further component is begun", arguments: dangers)
    func dangerousBetween(_ danger: Danger) {
        var cluster = Self.cluster()
        cluster.record.kubernetesTarget = cluster.desired.kubernetes
        cluster.run(.apiServer, cluster.desired.kubernetes, on: "c0")
        danger.make(&cluster)
        #expect(!cluster.decide().actions.contains { if case .setImage = $0.kind { true } else { false } })
    }

    @Test("An approved upgrade is carried out")
    func approved() {
        var cluster = Self.cluster()
        cluster.desired.policy.rollout.approval = .manual
        cluster.record.approvedItems = [KubernetesNeed(cluster.context).digest]
        #expect(cluster.settle(passes: 300).last == "syncManifests c0")
    }

    @Test(
        "Killed anywhere, it goes on from what is there: no component is given its image twice",
        arguments: 1..<40)
    func resumed(_ passes: Int) {
        var cluster = Self.cluster(controlPlane: 1, workers: 1)
        var log = cluster.settle(passes: passes)
        // The record is all that is left; what was under way is in it.
        log += cluster.settle(passes: 300)
        let sets = log.filter { $0.hasPrefix("set") }
        #expect(sets.count == 6 && Set(sets).count == 6)
        #expect(cluster.record.kubernetesTarget == nil && cluster.record.operations.isEmpty)
    }

    @Test("Even a record that was lost does no harm: what is there is passed over")
    func forgotten() {
        var cluster = Self.cluster(controlPlane: 1, workers: 1)
        _ = cluster.settle(passes: 6)
        #expect(cluster.record.kubernetesTarget != nil)
        cluster.record.operations = [:]
        cluster.record.kubernetesTarget = nil
        #expect(cluster.settle(passes: 300).last == "syncManifests c0")
        #expect(cluster.observed.kubernetes.nodes["w0"]?.kubeletVersion == cluster.desired.kubernetes)
    }

    @Test("A lost answer is found out by looking")
    func lost() {
        var cluster = Self.cluster(controlPlane: 1, workers: 1)
        let log = cluster.settle(passes: 300) { cluster, action in
            let result = cluster.perform(action)
            if case .setImage = action.kind { return .unknown("connection closed") }
            return result
        }
        #expect(log.count { $0.hasPrefix("set") } == 6 && log.last == "syncManifests c0")
    }

    @Test("A component that does not come up halts, and no other node is touched", arguments: [true, false])
    func failed(_ isOld: Bool) {
        var cluster = Self.cluster()
        let log = cluster.settle(passes: 300) { cluster, action in
            let result = cluster.perform(action)
            if case .setImage(let component, let release) = action.kind, component == .controllerManager {
                cluster.observed.nodes[action.node]?.components[component] = ComponentState(
                    version: isOld ? Cluster.kubernetes : release, isReady: isOld, isCurrent: isOld)
            }
            return result
        }
        #expect(cluster.record.halt == nil)
        cluster.pass(.seconds(301))
        _ = cluster.decide()
        #expect(cluster.record.halt?.reason == .componentFailed && cluster.record.halt?.node == "c0")
        #expect(log.count { $0.contains("kube-controller-manager v1.35.2") && $0.hasPrefix("set") } == 1)
        #expect(cluster.settle().isEmpty)
    }

    @Test("An image that a node does not take halts")
    func refused() {
        var cluster = Self.cluster()
        _ = cluster.settle(passes: 300) { cluster, action in
            if case .setImage = action.kind { return .refused("unsupported version") }
            return cluster.perform(action)
        }
        #expect(cluster.record.halt?.reason == .componentFailed)
        #expect(cluster.record.halt?.message.contains("unsupported version") == true)
    }

    @Test(
        "An image that cannot be pulled halts before any component is touched, and another release is another try"
    )
    func pulls() {
        var cluster = Self.cluster()
        let log = cluster.settle(passes: 300) { cluster, action in
            if case .pull = action.kind { return .refused("manifest unknown") }
            return cluster.perform(action)
        }
        #expect(cluster.record.halt?.reason == .imagePullFailed)
        #expect(!log.contains { $0.hasPrefix("set") })
        cluster.desired.kubernetes = Release(minor: 35, patch: 1)
        #expect(cluster.settle(passes: 300).last == "syncManifests c0")
    }

    @Test("A pull that takes longer than a reconcile is followed until it ends")
    func longPull() {
        var cluster = Self.cluster(controlPlane: 1, workers: 0)
        let first = cluster.decide().actions
        #expect(first.count == 1)
        for action in first {
            cluster.answer(.running, action)
            cluster.observed.nodes["c0"]?.longCall = .running(action.kind)
        }
        cluster.pass(.seconds(60))
        #expect(cluster.decide().actions.isEmpty)
        cluster.observed.nodes["c0"]?.longCall = first.first.map { .done($0.kind) }
        _ = cluster.decide()
        #expect(
            cluster.record.operations["c0"]?.kind
                == .component(.controllerManager, to: cluster.desired.kubernetes))
    }

    @Test("While the cluster is halted no node goes on to its next image")
    func haltedPull() {
        var cluster = Self.cluster(controlPlane: 1, workers: 0)
        let first = cluster.decide().actions
        cluster.observed.nodes["c0"]?.longCall = first.first.map { .done($0.kind) }
        let context = cluster.context
        cluster.record.halt(.upgradeFailed, "it broke", node: "w0", context)
        #expect(cluster.decide().actions.isEmpty)
        #expect(
            cluster.record.operations["c0"]?.kind == .component(.apiServer, to: cluster.desired.kubernetes))
        cluster.desired.resumeToken = "again"
        #expect(cluster.settle(passes: 300).last == "syncManifests c0")
    }

    @Test("Kubelets of workers are exchanged as many at a time as may be unavailable")
    func workers() {
        var cluster = Self.cluster(workers: 6)
        cluster.desired.policy.rollout.maxUnavailable = .count(3)
        cluster.record.kubernetesTarget = cluster.desired.kubernetes
        for name in ["c0", "c1", "c2"] {
            for component in KubernetesComponent.allCases {
                cluster.run(component, cluster.desired.kubernetes, on: name)
            }
        }
        let actions = cluster.decide().actions.map(Cluster.words)
        #expect(actions == ["set kubelet v1.35.2 w0", "set kubelet v1.35.2 w1", "set kubelet v1.35.2 w2"])
    }

    @Test("No kubelet is newer than an API server: workers wait for the whole control plane")
    func skew() {
        var cluster = Self.cluster()
        var worst = 0
        _ = cluster.settle(passes: 300) { cluster, action in
            let result = cluster.perform(action)
            let servers = ["c0", "c1", "c2"].compactMap {
                cluster.observed.nodes[$0]?.components[.apiServer]?.version
            }
            let others = cluster.observed.nodes.values.flatMap { node in
                node.components.filter { $0.key != .apiServer && $0.key != .proxy }.compactMap(
                    \.value.version)
            }
            if let lowest = servers.min() { worst += others.count { $0 > lowest } }
            return result
        }
        #expect(worst == 0)
    }

    @Test("A worker that is away is passed over, and brought along when it is back")
    func away() {
        var cluster = Self.cluster(workers: 2)
        cluster.silence("w1")
        cluster.desired.policy.rollout.maxUnavailable = .count(2)
        #expect(cluster.settle(passes: 300).last == "syncManifests c0")
        cluster.desired.kubernetes = Cluster.kubernetes
        cluster.bringUp(Cluster.node("w1", .worker))
        cluster.desired.kubernetes = Release(minor: 35, patch: 2)
        #expect(
            cluster.settle(passes: 300).filter { !$0.hasPrefix("pull") } == [
                "set kubelet v1.35.2 w1", "syncManifests c0",
            ])
    }

    @Test("A cluster without kube-proxy has none to upgrade")
    func noProxy() {
        var cluster = Self.cluster()
        for name in cluster.observed.nodes.keys { cluster.observed.nodes[name]?.images[.proxy] = nil }
        #expect(!cluster.settle(passes: 300).contains { $0.contains("kube-proxy") })
        #expect(cluster.record.kubernetesTarget == nil)
    }

    @Test("Hundreds of nodes pull ten at a time, and none runs out of time while it waits for its turn")
    func manyPulls() {
        var cluster = Self.cluster(controlPlane: 1, workers: 40)
        var most = 0
        for _ in 0..<10 {
            let decision = cluster.decide()
            most = max(most, decision.record.operations.values.count { $0.attempts > 0 })
            for action in decision.actions { cluster.answer(.done, action) }
            cluster.pass(.seconds(800))
        }
        #expect(most == 10 && cluster.record.halt?.reason != .imagePullFailed)
    }

    @Test(
        "Only the version of an image changes",
        arguments: [
            ("registry.k8s.io/kube-apiserver:v1.34.1", "registry.k8s.io/kube-apiserver:v1.35.2"),
            ("mirror.example:5000/k8s/kubelet:v1.34.1-slim", "mirror.example:5000/k8s/kubelet:v1.35.2-slim"),
            ("ghcr.io/siderolabs/kubelet:v1.34.1-fat@sha256:abcd", "ghcr.io/siderolabs/kubelet:v1.35.2-fat"),
            ("mirror.example:5000/kube-proxy", "mirror.example:5000/kube-proxy:v1.35.2"),
            ("kubelet:v1.34.0-rc.1", "kubelet:v1.35.2"),
        ])
    func images(_ before: String, _ after: String) {
        let release = Release(minor: 35, patch: 2)
        #expect(KubernetesImage.image(before, of: release) == after)
        #expect(KubernetesImage.release(of: after) == release)
    }

    @Test(
        "A tag that is no release is none",
        arguments: ["kubelet", "kubelet:latest", "r:5000/kubelet", "kubelet@sha256:ab"])
    func noRelease(_ image: String) {
        #expect(KubernetesImage.release(of: image) == nil)
    }

    @Test(
        "No image is pulled any more for a component that is there: a node that joins is not ready for a moment"
    )
    func notReadyForAMoment() {
        var cluster = Cluster(controlPlane: 1, workers: 1)
        cluster.observed.kubernetes.nodes["w0"]?.isReady = false
        let busy: (inout Cluster, LifecycleAction) -> ActionResult = { _, _ in .notNow("busy") }
        _ = cluster.settle(passes: 3, busy)
        #expect(cluster.record.operations["w0"]?.step == .pulling)
        cluster.observed.kubernetes.nodes["w0"]?.isReady = true
        #expect(!cluster.settle(passes: 20).contains { $0.hasPrefix("pull") })
        #expect(cluster.record.operations.isEmpty && cluster.record.halt == nil)
    }

    @Test(
        "What is staged on a node is not replaced by an image: the upgrade waits until it is there",
        arguments: [Release(minor: 12, patch: 3), Release(minor: 9, patch: 5)])
    func staged(_ talos: Release) {
        var cluster = Self.cluster("v1.32.2", controlPlane: 1, workers: 2)
        for node in cluster.desired.nodes {
            for component in KubernetesComponent.allCases {
                cluster.run(component, Release(minor: 31, patch: 1), on: node.name)
            }
        }
        cluster.desired.policy.rollout.mode = .staged
        cluster.observed.nodes["w1"]?.talos = talos
        if talos.line < TalosVersion(minor: 10) {
            let change = ConfigChange(
                hash: "h", summary: "s", needsReboot: true, configDigest: "digest-w1")
            cluster.observed.nodes["w1"]?.config = .differs(change)
            cluster.record.nodes["w1"]?.handledChange = "h"
        } else {
            cluster.observed.nodes["w1"]?.config = .staged
        }
        cluster.desired.policy.scope = [.upgradeKubernetes]
        #expect(cluster.settle().isEmpty)
        #expect(cluster.decide().says("w1 has a staged configuration"))
        cluster.observed.nodes["w1"]?.config = .matches
        #expect(cluster.settle(passes: 200).contains("set kubelet v1.32.2 w1"))
    }
}

extension Cluster {
    /// Asks for another release of Kubernetes.
    fileprivate mutating func upgrade(to release: String) {
        desired.kubernetes = Release(release) ?? desired.kubernetes
    }
}
