// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What is installed is also run: as its Pods say, by nodes that are a stand-in, with the token of its ServiceAccount.
@Suite("Installation: Pods that run", .serialized, .timeLimit(.minutes(20)))
struct RunningPodsTests {
    typealias Me = Installation

    @Test("of two replicas one leads; when it dies the other goes on, and an upgrade replaces both")
    func replicas() async throws {
        try await Me.run("replicas") { it in
            // Shorter than the defaults, so that the test is: what they are does not matter here.
            let times =
                "leaderElection.leaseDuration=6s,leaderElection.renewDeadline=4s,leaderElection.retryPeriod=1s"
            try await it.install("--set", "replicaCount=2,\(times)")
            try await it.waitUntilRolledOut(2)
            let first = ClusterDocument("first", controlPlane: 3, workers: [("workers", 2)])
            try await it.create(first)
            try await it.waitUntilComplete(first)
            #expect(try await it.exists("poddisruptionbudget", "talos-operator"))

            // The one that leads is killed: nobody tells its Lease.
            let leader = try await Self.leader(it)
            try #require(it.nodes.container(of: leader)).signal(SIGKILL)
            let second = ClusterDocument("second", controlPlane: 1)
            try await it.create(second)
            try await it.waitUntilComplete(second)
            let successor = try await Self.leader(it)
            #expect(successor.name != leader.name)
            // A kubelet would start it again; here its Pod goes, and the Deployment makes another.
            try await it.controlPlane.kubectl(
                "-n", Me.namespace, "delete", "pod", leader.name, "--force", "--grace-period=0")
            try await it.waitUntilRolledOut(2)

            let old = try await Self.pods(it).map(\.name)
            try await it.helm(
                "upgrade", Me.release, Me.chart, "-n", Me.namespace, "--reuse-values", "--set",
                "logLevel=debug")
            try await it.waitUntilRolledOut(2)
            let names = try await Self.pods(it).map(\.name)
            #expect(names.count == 2 && Set(names).isDisjoint(with: old), "\(old) → \(names)")
            let third = ClusterDocument("third", controlPlane: 1, workers: [("workers", 1)])
            try await it.create(third)
            try await it.waitUntilComplete(third)

            // Nothing of all this cost a Machine its place.
            let machines = try await it.client.list(StoredMachine.self, ObjectSelection(namespace: "default"))
            #expect(machines.items.count == 8)
        }
    }

    @Test("with watchNamespaces it has rights there, and where its Lease is, and nowhere else")
    func watchNamespaces() async throws {
        try await Me.run("namespaces") { it in
            for name in ["team-a", "team-b", "other"] { try await it.makeNamespace(name) }
            try await it.install("--set", "watchNamespaces={team-a,team-b}")
            #expect(try await !it.exists("clusterrolebinding", "talos-operator-manager-rolebinding"))
            let cluster = ClusterDocument("mine", controlPlane: 1)
            for namespace in ["other", "team-a", "team-b"] { try await it.create(cluster, in: namespace) }
            for namespace in ["team-a", "team-b"] { try await it.waitUntilComplete(cluster, in: namespace) }
            let foreign = try await it.client.get(
                StoredCluster.self, ObjectKey(namespace: "other", name: "mine"))
            #expect(foreign.status == .null && foreign.metadata.finalizers.isEmpty)
            let account = "system:serviceaccount:\(Me.namespace):talos-operator-controller-manager"
            for (namespace, verdict) in [("team-a", "yes"), ("other", "no")] {
                let output = try await it.run([
                    "kubectl", "auth", "can-i", "create", "machines", "-n", namespace, "--as", account,
                ])
                #expect(output.text == verdict, "\(output)")
            }
        }
    }

    @Test("two releases side by side: each looks after its own namespace, and the CRDs belong to the first")
    func sideBySide() async throws {
        try await Me.run("side-by-side") { it in
            let teams = ["a", "b"]
            for team in teams {
                try await it.makeNamespace("team-\(team)")
                try await it.helm(
                    "install", "talos-operator-\(team)", Me.chart, "-n", "operator-\(team)",
                    "--create-namespace",
                    "--set", "watchNamespaces={team-\(team)},crds.install=\(team == "a")")
            }
            let cluster = ClusterDocument("mine", controlPlane: 1, workers: [("workers", 1)])
            for team in teams { try await it.create(cluster, in: "team-\(team)") }
            for team in teams { try await it.waitUntilComplete(cluster, in: "team-\(team)") }

            // The second goes, and the first does not mind; nor does it take over what the second had.
            try await it.helm("uninstall", "talos-operator-b", "-n", "operator-b")
            let more = ClusterDocument("more", controlPlane: 1)
            for team in teams.reversed() { try await it.create(more, in: "team-\(team)") }
            try await it.waitUntilComplete(more, in: "team-a")
            let orphan = try await it.client.get(
                StoredCluster.self, ObjectKey(namespace: "team-b", name: "more"))
            #expect(orphan.status == .null)
        }
    }

    @Test("make deploy and make undeploy, with an image of one's own")
    func deploy() async throws {
        try await Me.run("deploy") { it in
            try await it.make("deploy", "IMG=registry.example/team/talos-operator:v7")
            #expect(
                try await it.waitUntilRolledOut(1).image == "registry.example/team/talos-operator:v7")
            let cluster = ClusterDocument("mine", controlPlane: 1)
            try await it.create(cluster)
            try await it.waitUntilComplete(cluster)
            try await it.make("undeploy")
            #expect(try await !it.exists("crd", "machines.vitistack.io"))
            #expect(try await !it.exists("clusterrole", "talos-operator"))
            #expect(try await !it.exists("namespace", Me.namespace))
        }
    }

    @Test(
        "kubectl apply of config/default, and of the one file of make build-installer",
        arguments: [["-k", "config/default"], ["-f", "dist/install.yaml"]])
    func apply(_ source: [String]) async throws {
        try await Me.run("apply") { it in
            if source.last == "dist/install.yaml" { try await it.make("build-installer") }
            let output = try await it.run(["kubectl", "apply", "--validate=false"] + source)
            #expect(output.isSuccess, "\(output)")
            let cluster = ClusterDocument("mine", controlPlane: 1, workers: [("workers", 1)])
            try await it.create(cluster)
            try await it.waitUntilComplete(cluster)
            try await it.waitUntilRolledOut(1)
        }
    }

    // MARK: Pods

    private static func pods(_ it: Installation) async throws -> [StoredPod] {
        let pods = try await it.client.list(StoredPod.self, ObjectSelection(namespace: Me.namespace)).items
        return pods.filter { !$0.metadata.isBeingDeleted }
    }

    /// The Pod that holds the Lease.
    private static func leader(_ it: Installation) async throws -> StoredPod {
        let lease = try await it.client.get(
            StoredLease.self, ObjectKey(namespace: Me.namespace, name: "talos-operator"))
        let holder = lease.spec("holderIdentity")?.string ?? ""
        return try #require(try await pods(it).first { holder.hasPrefix($0.name) }, "\(holder)")
    }
}
