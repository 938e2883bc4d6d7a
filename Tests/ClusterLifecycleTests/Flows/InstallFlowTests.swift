// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Installing machines")
struct InstallFlowTests {
    @Test(
        "The control plane is installed at once, and workers as soon as one of it has taken its configuration"
    )
    func order() {
        var cluster = Cluster.fresh()
        let first = cluster.decide()
        #expect(first.requests == ["c0 apply", "c1 apply", "c2 apply"])
        #expect(first.actions.first?.kind == .apply(.install(fingerprint: "key-c0")))
        #expect(first.record.operations.count == 3 && first.says("a worker needs a control-plane node"))
        for action in first.actions { cluster.answer(.done, action) }
        #expect(cluster.record.operations["c0"]?.step == .installing)
        #expect(cluster.decide().requests.isEmpty, "it may have to be given it again")
        cluster.lose("c0")
        #expect(cluster.decide().requests == ["w0 apply", "w1 apply"])
    }

    @Test("The operation is recorded with the request")
    func recorded() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.decide()
        #expect(cluster.record.operations["c0"]?.kind == .install)
        #expect(cluster.record.operations["c0"]?.step == .applying)
        #expect(cluster.record.nodes["c0"]?.fingerprint == "key-c0")
    }

    @Test(
        "A machine that is not to be installed is left alone",
        arguments: ["surplus", "no machine", "leaving", "no configuration", "paused", "deleted"])
    func leftAlone(_ reason: String) {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.change("c0") {
            switch reason {
            case "surplus": $0.isSurplus = true
            case "no machine": $0.hasMachine = false
            case "leaving": $0.isMachineLeaving = true
            case "no configuration": $0.configDigest = nil
            default: break
            }
        }
        cluster.desired.isPaused = reason == "paused"
        cluster.desired.isBeingDeleted = reason == "deleted"
        #expect(!cluster.decide().requests.contains("c0 apply"))
    }

    @Test(
        "A reply that was lost is made up for by looking: a machine that is still there is asked again, later"
    )
    func lostReply() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.answer(.unknown("timed out"), LifecycleAction(.bootstrap, on: "c0"))
        cluster.step(.unknown("timed out"))
        #expect(cluster.decide().actions.isEmpty)
        cluster.pass(.seconds(15))
        #expect(cluster.decide().requests == ["c0 apply"])
        cluster.pass(.seconds(15))
        #expect(cluster.decide().actions.isEmpty)
        cluster.boot("c0")
        cluster.decide()
        #expect(cluster.record.operations.isEmpty)
    }

    @Test("A crash between the record and the request is made up for as well")
    func neverSent() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.decide()
        cluster.pass(.seconds(60))
        #expect(cluster.decide().requests == ["c0 apply"])
    }

    @Test("A machine that could not be asked is asked at the next look")
    func notNow() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.step(.notNow("busy"))
        #expect(cluster.decide().requests == ["c0 apply"])
    }

    @Test(
        "A machine that falls back into maintenance is configured again after a while, and ever more rarely")
    func fallsBack() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.step()
        var tries = 0
        for _ in 0..<60 {
            cluster.pass(.seconds(10))
            tries += cluster.step().count
        }
        #expect((2...6).contains(tries))
    }

    @Test("A refused configuration halts with the node's words, and is given again when it is another one")
    func refused() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 1)
        cluster.step(.refused("install disk is missing"))
        #expect(cluster.record.halt?.reason == .configRejected && cluster.record.halt?.node == "c0")
        #expect(cluster.record.halt?.message.contains("install disk is missing") == true)
        cluster.pass(.seconds(500))
        #expect(cluster.decide().actions.isEmpty)
        cluster.change("c0") { $0.configDigest = "another" }
        cluster.decide()
        #expect(cluster.record.halt == nil)
        cluster.pass(.seconds(500))
        #expect(cluster.decide().requests == ["c0 apply"])
    }

    @Test("A control-plane node that does not come up halts by its name, and comes up after all")
    func installTimesOut() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 0)
        cluster.step()
        cluster.boot("c0")
        cluster.boot("c1")
        cluster.lose("c2")
        cluster.step()
        cluster.addMember("c0")
        cluster.pass(.seconds(1300))
        cluster.decide()
        #expect(cluster.record.halt?.reason == .installTimedOut && cluster.record.halt?.node == "c2")
        cluster.boot("c2")
        cluster.observed.nodes["c2"]?.stage = .running
        cluster.observed.nodes["c2"]?.isReady = true
        cluster.decide()
        #expect(cluster.record.halt == nil && cluster.record.operations["c2"] == nil)
    }

    @Test(
        "A worker that never comes, or never comes up, is told about and halts nothing",
        arguments: [true, false])
    func deadWorker(_ wasSeen: Bool) {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 2)
        if !wasSeen { cluster.lose("w0") }
        cluster.step()
        cluster.boot("c0")
        cluster.step()
        cluster.lose("w0")
        cluster.boot("w1")
        cluster.addMember("c0")
        cluster.pass(.seconds(1300))
        let decision = cluster.decide()
        let reason: HaltReason = wasSeen ? .installTimedOut : .contactTimedOut
        #expect(decision.waits.contains { $0.node == "w0" && $0.problem == reason })
        #expect(decision.record.halt == nil)
    }

    @Test(
        "A control-plane machine that never answers halts, and neither other machines nor the bootstrap wait for it"
    )
    func deadControlPlane() {
        var cluster = Cluster.fresh(controlPlane: 3, workers: 1)
        cluster.lose("c2")
        cluster.decide()
        cluster.pass(.seconds(901))
        cluster.reimage("w0")
        let decision = cluster.decide()
        #expect(decision.record.halt?.reason == .contactTimedOut && decision.record.halt?.node == "c2")
        cluster.boot("c0")
        cluster.boot("c1")
        #expect(Set(cluster.decide().requests) == ["c0 bootstrap", "w0 apply"])
        cluster.reimage("c2")
        #expect(cluster.decide().record.halt == nil)
    }

    @Test("In a cluster that is deleted no key is of interest")
    func keyInTheEnd() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.desired.nodes[0].configDigest = nil
        cluster.decide()
        cluster.desired.isBeingDeleted = true
        cluster.reimage("c0", key: "other")
        #expect(cluster.decide().record.halt == nil)
    }

    @Test("Another key than the first one halts, until somebody has looked")
    func anotherKey() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.desired.nodes[0].configDigest = nil
        cluster.decide()
        cluster.desired.nodes[0].configDigest = "digest"
        cluster.reimage("c0", key: "other")
        let decision = cluster.decide()
        #expect(decision.actions.isEmpty && decision.record.halt?.reason == .identityChanged)
        cluster.desired.resumeToken = "go on"
        #expect(cluster.decide().actions.first?.kind == .apply(.install(fingerprint: "other")))
        #expect(cluster.record.halt == nil)
    }

    @Test(
        "A machine that comes back to maintenance mode with another key has failed to install, and gets nothing",
        arguments: ["accepted", "lost", "answered meanwhile"])
    func failedInstallation(_ course: String) throws {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        cluster.step(course == "lost" ? .unknown("timed out") : .done)
        if course == "answered meanwhile" {
            // A node of Talos 1.13 proves to be one of the cluster's while it is being installed.
            cluster.boot("c0", etcd: nil)
            cluster.observed.nodes["c0"]?.stage = .installing
            cluster.decide()
        }
        cluster.reimage("c0", key: "other")
        cluster.pass(.seconds(500))
        #expect(cluster.decide().actions.isEmpty)
        let halt = try #require(cluster.record.halt)
        #expect(halt.reason == .installFailed && halt.node == "c0")
        #expect(halt.message.contains("its installation failed, or another machine answers"))
        #expect(halt.message.contains("other") && halt.message.contains("key-c0"))
        cluster.change("c0") { $0.configDigest = "another" }
        #expect(cluster.decide().actions.isEmpty && cluster.record.halt?.reason == .installFailed)
        cluster.desired.resumeToken = "go on"
        #expect(cluster.decide().actions.first?.kind == .apply(.install(fingerprint: "other")))
        #expect(cluster.record.halt == nil && cluster.record.operations["c0"]?.attempts == 1)
    }

    @Test("To pin the key that a machine shows is to vouch for it", arguments: [true, false])
    func pinnedKey(_ wasGiven: Bool) {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 0)
        if !wasGiven { cluster.desired.nodes[0].configDigest = nil }
        cluster.step()
        cluster.desired.nodes[0].configDigest = "digest"
        cluster.reimage("c0", key: "other")
        cluster.decide()
        #expect(cluster.record.halt?.reason == (wasGiven ? .installFailed : .identityChanged))
        cluster.observed.nodes["c0"]?.isPinned = true
        cluster.pass(.seconds(500))
        #expect(cluster.decide().actions.first?.kind == .apply(.install(fingerprint: "other")))
        #expect(cluster.record.halt == nil)
    }

    @Test("A worker that was emptied is installed again, with its new key, and made schedulable")
    func emptiedWorker() {
        var cluster = Cluster()
        cluster.decide()
        cluster.observed.kubernetes.nodes["w0"]?.isUnschedulable = true
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = true
        cluster.begin(.upgrade(image: "i", to: Cluster.talos), .rebooting, on: "w0")
        cluster.reimage("w0", key: "new")
        #expect(cluster.step().map(\.kind) == [.apply(.install(fingerprint: "new"))])
        cluster.bringUp(cluster.desired.nodes[3])
        cluster.observed.kubernetes.nodes["w0"]?.isUnschedulable = true
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = true
        #expect(cluster.decide().requests == ["w0 uncordon"])
        cluster.observed.kubernetes.nodes["w0"]?.isCordonedByUs = false
        cluster.decide()
        #expect(cluster.record.operations.isEmpty)
    }

    @Test("A control-plane machine that was emptied waits until etcd has no member of its name")
    func emptiedControlPlane() {
        var cluster = Cluster()
        cluster.decide()
        cluster.reimage("c2", key: "new")
        #expect(!cluster.decide().requests.contains("c2 apply"))
        cluster.dropMember(Cluster.member("c2"))
        cluster.record.operations = [:]
        #expect(cluster.decide().requests.contains("c2 apply"))
    }

    @Test("It waits as well while nobody can tell whether its member is there")
    func unseenMembers() {
        var cluster = Cluster()
        cluster.decide()
        cluster.reimage("c2")
        cluster.silence("c0")
        cluster.silence("c1")
        #expect(!cluster.decide().requests.contains("c2 apply"))
    }

    @Test("The name of a member counts without its domain and whatever its case")
    func memberNames() {
        var cluster = Cluster()
        cluster.reimage("c2")
        for view in cluster.observed.etcd.views.keys {
            cluster.observed.etcd.views[view]?[2].hostname = "C2.example.org"
        }
        #expect(!cluster.decide().requests.contains("c2 apply"))
    }
}
