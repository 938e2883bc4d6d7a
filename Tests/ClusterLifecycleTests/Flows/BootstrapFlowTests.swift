// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Making a cluster, once")
struct BootstrapFlowTests {
    /// Three control-plane nodes that we have installed and that wait for a bootstrap.
    private static func installed() -> Cluster {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 0)
        cluster.step()
        for name in ["c0", "c1", "c2"] { cluster.boot(name) }
        return cluster
    }

    @Test("The first node that is ready is asked, and recorded before")
    func first() {
        var cluster = Self.installed()
        cluster.lose("c0")
        #expect(cluster.decide().requests == ["c1 bootstrap"])
        #expect(cluster.record.bootstrap == BootstrapRecord(node: "c1", since: cluster.now))
    }

    @Test(
        "An answer that is none leads to the same node being asked again, and to no other",
        arguments: [ActionResult.unknown("timed out"), .notNow("time is not in sync yet")])
    func askedAgain(_ result: ActionResult) {
        var cluster = Self.installed()
        cluster.step(result)
        cluster.pass(.seconds(5))
        #expect(cluster.decide().requests == ["c0 bootstrap"])
        cluster.lose("c0")
        #expect(cluster.decide().actions.isEmpty)
    }

    @Test(
        "A node that has accepted is not asked again", arguments: [ActionResult.done, .alreadyDone, .running])
    func accepted(_ result: ActionResult) {
        var cluster = Self.installed()
        cluster.step(result)
        for _ in 0..<200 {
            cluster.pass(.seconds(5))
            #expect(cluster.decide().actions.isEmpty)
        }
        #expect(cluster.record.halt?.reason == .bootstrapUncertain)
    }

    @Test("It is confirmed when members show")
    func confirmed() {
        var cluster = Self.installed()
        cluster.step(.unknown("timed out"))
        cluster.observed.nodes["c0"]?.etcdService = ServiceState(state: "Running", isHealthy: true)
        #expect(cluster.decide().actions.isEmpty && cluster.record.bootstrap?.isConfirmed == false)
        cluster.addMember("c0")
        #expect(cluster.decide().actions.isEmpty && cluster.record.bootstrap?.isConfirmed == true)
    }

    @Test("A refusal for good halts, and so does time that runs out; what shows after all lifts it")
    func uncertain() {
        var cluster = Self.installed()
        cluster.step(.refused("not a control plane"))
        #expect(cluster.record.halt?.reason == .bootstrapUncertain)
        #expect(cluster.decide().actions.isEmpty)
        cluster.addMember("c0")
        cluster.decide()
        #expect(cluster.record.halt == nil && cluster.record.bootstrap?.isConfirmed == true)
    }

    @Test("Time that has run out is given again to the same node when somebody asks to go on")
    func resumed() {
        var cluster = Self.installed()
        cluster.decide()
        cluster.pass(.seconds(601))
        #expect(cluster.decide().actions.isEmpty && cluster.record.halt?.reason == .bootstrapUncertain)
        cluster.desired.resumeToken = "again"
        #expect(cluster.decide().requests == ["c0 bootstrap"])
    }

    @Test("A node that was emptied after it was asked is neither installed nor asked again")
    func emptied() {
        var cluster = Self.installed()
        cluster.step(.unknown("timed out"))
        cluster.reimage("c0", key: "new")
        for _ in 0..<200 {
            cluster.pass(.seconds(5))
            #expect(cluster.decide().actions.isEmpty)
        }
        #expect(cluster.record.halt?.reason == .bootstrapUncertain)
    }

    @Test("etcd that runs already is taken over and never made again", arguments: ["c0", "c2"])
    func adopted(_ node: String) {
        var cluster = Self.installed()
        cluster.addMember(node)
        #expect(cluster.decide().actions.isEmpty)
        #expect(cluster.record.bootstrap?.node == node && cluster.record.bootstrap?.isConfirmed == true)
    }

    @Test("A cluster that is taken over while it is paused is recorded all the same")
    func adoptedWhilePaused() {
        var cluster = Self.installed()
        cluster.desired.isPaused = true
        #expect(cluster.decide().actions.isEmpty && cluster.record.bootstrap == nil)
        cluster.addMember("c0")
        cluster.decide()
        #expect(cluster.record.bootstrap?.isConfirmed == true)
    }

    @Test(
        "A node whose etcd is not known to be absent keeps the cluster from being made",
        arguments: [nil, "Running", "Failed", "Starting", "Finished", "Stopping"])
    func doubts(_ state: String?) {
        var cluster = Self.installed()
        cluster.boot("c2", etcd: state)
        #expect(!cluster.decide().requests.contains { $0.contains("bootstrap") })
    }

    @Test("A node that is still being installed is not waited for, and neither is one in maintenance mode")
    func onTheWay() {
        var cluster = Self.installed()
        cluster.lose("c1")
        cluster.reimage("c2")
        #expect(cluster.decide().requests == ["c0 bootstrap"])
    }

    @Test("A node that was configured once and does not answer is waited for without an end")
    func silentNode() {
        var cluster = Self.installed()
        cluster.desired.isPaused = true
        cluster.decide()
        cluster.decide()
        cluster.desired.isPaused = false
        cluster.lose("c2")
        cluster.record.operations["c2"] = nil
        cluster.pass(.seconds(100_000))
        #expect(cluster.decide().says("c2 was part of a cluster and does not answer"))
        #expect(cluster.record.bootstrap == nil)
    }

    @Test("A node that has never been seen is waited for a while, and one without a machine not at all")
    func unseenNode() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 0)
        cluster.lose("c2")
        cluster.step()
        cluster.boot("c0")
        cluster.boot("c1")
        #expect(cluster.decide().says("c2 has not been seen yet") && cluster.record.bootstrap == nil)
        var other = cluster
        cluster.pass(.seconds(120))
        #expect(cluster.decide().requests == ["c0 bootstrap"])
        other.change("c2") { $0.hasMachine = false }
        #expect(other.decide().requests == ["c0 bootstrap"])
    }

    @Test("Nodes that somebody else has installed must have been without etcd for a while")
    func notOurs() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 0)
        for name in ["c0", "c1", "c2"] { cluster.boot(name) }
        #expect(cluster.decide().actions.isEmpty)
        cluster.pass(.seconds(30))
        cluster.boot("c1", etcd: "Running")
        cluster.decide()
        #expect(cluster.record.bootstrap?.isConfirmed == false && cluster.record.bootstrap?.node == "c1")
    }

    @Test("Those that have been are asked")
    func notOursButEmpty() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.boot("c0")
        #expect(cluster.decide().actions.isEmpty)
        cluster.pass(.seconds(60))
        #expect(cluster.decide().requests == ["c0 bootstrap"])
    }

    @Test("A cluster that was made once, and of which nothing is left, is lost and not made again")
    func lost() {
        var cluster = Cluster(controlPlane: 3, workers: 0)
        cluster.decide()
        for name in ["c0", "c1", "c2"] { cluster.reimage(name) }
        cluster.observed.etcd = EtcdObservation()
        #expect(cluster.decide().actions.isEmpty && cluster.record.halt?.reason == .clusterLost)
        cluster.desired.resumeToken = "again"
        #expect(cluster.decide().actions.isEmpty && cluster.record.halt?.reason == .clusterLost)
    }

    @Test("A cluster whose nodes have all just booted is not taken for lost")
    func allBooting() {
        var cluster = Cluster(controlPlane: 3, workers: 0)
        cluster.decide()
        cluster.observed.etcd = EtcdObservation()
        for name in ["c0", "c1", "c2"] { cluster.boot(name) }
        for _ in 0..<10 {
            cluster.pass(.seconds(30))
            #expect(cluster.decide().actions.isEmpty && cluster.record.halt == nil)
        }
    }

    @Test("Two clusters of etcd in one halt everything")
    func split() {
        var cluster = Self.installed()
        cluster.addMember("c0")
        cluster.observed.etcd.views["c1"] = [EtcdObservation.Member(id: 7, hostname: "c1")]
        #expect(cluster.decide().actions.isEmpty && cluster.record.halt?.reason == .foreignEtcd)
    }

    @Test("A record that was lost but for its bootstrap asks nobody when its time is long over")
    func oldAnnotation() {
        var cluster = Self.installed()
        cluster.record.bootstrap = BootstrapRecord(node: "c0", since: cluster.now + .seconds(-86_400))
        #expect(cluster.decide().actions.isEmpty && cluster.record.halt?.reason == .bootstrapUncertain)
        for name in ["c0", "c1", "c2"] { cluster.addMember(name) }
        cluster.decide()
        #expect(cluster.record.halt == nil && cluster.record.bootstrap?.isConfirmed == true)
    }

    @Test("A cluster whose Kubernetes answers was made, though no node shows it and nothing is recorded")
    func kubernetesAnswers() {
        var cluster = Self.installed()
        cluster.record = LifecycleRecord()
        for name in ["c1", "c2"] { cluster.lose(name) }
        cluster.decide()
        cluster.pass(.seconds(1000))
        cluster.observed.kubernetes.problem = nil
        cluster.observed.kubernetes.nodes["c1"] = KubernetesNode(isReady: true)
        #expect(cluster.decide().actions.isEmpty)
        #expect(cluster.record.bootstrap?.isConfirmed == true && cluster.record.bootstrap?.node == "c1")
        cluster.observed.kubernetes = KubernetesObservation()
        cluster.pass(.seconds(1000))
        #expect(!cluster.settle().contains { $0.hasPrefix("bootstrap") })
    }

    @Test("A node that answers with another certificate may be anything: no cluster is made beside it")
    func refused() {
        var cluster = Self.installed()
        cluster.record = LifecycleRecord()
        cluster.observed.nodes["c1"] = NodeObservation(contact: .refused("unknown authority"))
        cluster.decide()
        cluster.pass(.seconds(100_000))
        let decision = cluster.decide()
        #expect(decision.actions.isEmpty && decision.says("c1"))
        cluster.reimage("c1")
        #expect(cluster.settle().contains("bootstrap c0"))
    }

    @Test(
        "A cluster that its secrets call made is neither installed nor made again while nothing of it shows")
    func earlierBootstrap() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 1)
        cluster.record = LifecycleRecord()
        cluster.desired.earlierBootstrap = "c1 2026-01-01T00:00:00Z"
        for name in ["c1", "c2"] { cluster.lose(name) }
        for minutes in 0..<100 {
            cluster.desired.resumeToken = "\(minutes / 10)"
            cluster.pass(.seconds(60))
            if minutes == 50 { cluster.boot("c0") }
            #expect(cluster.decide().actions.isEmpty)
            #expect(cluster.record.halt?.reason == .bootstrappedBefore && cluster.record.bootstrap == nil)
        }
        #expect(cluster.record.halt?.message.contains("c1 2026-01-01T00:00:00Z") == true)
    }

    @Test("It goes on by itself once etcd or Kubernetes shows", arguments: [false, true])
    func earlierBootstrapShows(_ isEtcd: Bool) {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 1)
        cluster.desired.earlierBootstrap = "c1 2026-01-01T00:00:00Z"
        for name in ["c0", "c1", "c2"] { cluster.lose(name) }
        cluster.decide()
        #expect(cluster.record.halt?.reason == .bootstrappedBefore)
        if isEtcd {
            cluster.boot("c2", etcd: "Running")
            cluster.addMember("c2")
        } else {
            cluster.observed.kubernetes.problem = nil
        }
        cluster.decide()
        #expect(cluster.record.halt == nil && cluster.record.bootstrap?.isConfirmed == true)
    }

    @Test("A cluster that is made anew with such secrets comes up once somebody has taken the mark away")
    func earlierBootstrapTakenBack() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 1)
        cluster.desired.earlierBootstrap = "c1 2026-01-01T00:00:00Z"
        cluster.decide()
        cluster.desired.earlierBootstrap = nil
        #expect(cluster.decide().requests.first?.hasPrefix("c0 apply") == true)
        #expect(cluster.record.halt == nil)
    }
}
