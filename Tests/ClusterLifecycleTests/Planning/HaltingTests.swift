// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("Halts, pauses and what is known of nodes")
struct HaltingTests {
    @Test(
        "A halt stays until another desired state or a request to go on",
        arguments: HaltReason.allCases.filter { $0 != .bootstrappedBefore })
    func lifting(_ reason: HaltReason) {
        var cluster = Cluster()
        cluster.desired.resumeToken = "1"
        cluster.observed.etcd = EtcdObservation()
        for node in ["c0", "c1", "c2"] { cluster.lose(node) }
        cluster.record.halt(reason, "m", node: "c0", cluster.context)
        cluster.decide()
        #expect(cluster.record.halt?.reason == reason)
        cluster.desired.isPaused = true
        cluster.desired.approvedPlan = "x"
        cluster.decide()
        #expect(cluster.record.halt?.reason == reason)
        var resumed = cluster
        resumed.desired.resumeToken = "2"
        resumed.decide()
        #expect(resumed.record.halt == nil)
        cluster.desired.talos = Release(minor: 12, patch: 4)
        cluster.decide()
        // Whoever desires something else has not vouched for the key of a machine.
        let isAboutKey = reason == .identityChanged || reason == .installFailed
        #expect(cluster.record.halt?.reason == (isAboutKey ? reason : nil))
    }

    @Test("The first reason stays")
    func first() {
        var cluster = Cluster()
        cluster.record.halt(.drainTimedOut, "first", cluster.context)
        cluster.record.halt(.upgradeFailed, "second", cluster.context)
        #expect(cluster.record.halt?.message == "first")
    }

    @Test("What is remembered of a node follows what is seen of it")
    func nodes() {
        var cluster = Cluster.fresh(controlPlane: 1, workers: 1)
        cluster.desired.isPaused = true
        cluster.decide()
        #expect(cluster.record.nodes["c0"]?.fingerprint == "key-c0")
        #expect(cluster.record.nodes["c0"]?.readySince == cluster.now)
        let start = cluster.now
        cluster.pass(.seconds(10))
        cluster.boot("c0")
        cluster.lose("w0")
        cluster.decide()
        let known = cluster.record.nodes["c0"]
        #expect(known?.wasConfigured == true && known?.fingerprint == nil)
        #expect(known?.address == "127.0.0.9:50000" && known?.readySince == start)
        #expect(known?.appliedDigest == "digest-c0" && known?.etcdIdleSince == cluster.now)
        #expect(cluster.record.nodes["w0"]?.silentSince == cluster.now)
        cluster.pass(.seconds(10))
        cluster.decide()
        #expect(cluster.record.nodes["w0"]?.silentSince == start + .seconds(10))
        cluster.boot("w0")
        cluster.change("c0") { $0.hasMachine = false }
        cluster.decide()
        #expect(
            cluster.record.nodes["w0"]?.silentSince == nil && cluster.record.nodes["c0"]?.readySince == nil)
        cluster.desired.nodes = []
        cluster.decide()
        #expect(cluster.record.nodes.isEmpty)
    }

    @Test("A node is known to have its configuration only while nothing is under way on it")
    func appliedDigest() {
        var cluster = Cluster(controlPlane: 1, workers: 1)
        cluster.record.nodes["w0"]?.appliedDigest = "before"
        cluster.begin(.configure(digest: "digest-w0"), .settling, on: "w0")
        cluster.decide()
        #expect(cluster.record.nodes["w0"]?.appliedDigest == "before")
        cluster.record.operations = [:]
        cluster.decide()
        #expect(cluster.record.nodes["w0"]?.appliedDigest == "digest-w0")
    }

    @Test(
        "What was under way on a node that is gone from the specification is forgotten, but for its way out")
    func gone() {
        var cluster = Cluster(controlPlane: 1, workers: 2)
        cluster.begin(.configure(digest: "d"), .settling, on: "w0")
        cluster.begin(.remove, .draining, on: "w1")
        cluster.desired.nodes.removeAll { $0.role == .worker }
        cluster.decide()
        #expect(cluster.record.operations.keys.sorted() == ["w1"])
    }
}
