// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Installation: a Helm release", .serialized, .timeLimit(.minutes(20)))
struct HelmReleaseTests {
    typealias Me = Installation

    @Test("the chart passes lint, also taking warnings for errors")
    func lint() async throws {
        let process = try Subprocess(
            ["\(Repository.root)/hack/helm.py", "lint", "--strict", Me.chart],
            environment: Repository.environment)
        #expect(await process.ending() == .exited(0), "\(process.lines)")
    }

    @Test("files of values come one after the other, and --set after them")
    func valueFiles() async throws {
        let directory = try TemporaryDirectory()
        let files = ["replicaCount: 2\nlogLevel: debug\n", "logLevel: warn\nimage: {tag: v2}\n"]
        var arguments = [
            "\(Repository.root)/hack/helm.py", "template", "x", Me.chart, "-s", "templates/deployment.yaml",
        ]
        for (index, text) in files.enumerated() {
            let path = "\(directory.path)/\(index).yaml"
            try FileSystem.replace(path, with: Array(text.utf8))
            arguments += ["-f", path]
        }
        let process = try Subprocess(
            arguments + ["--set", "image.tag=v3,reconcileInterval=1m"], environment: Repository.environment)
        #expect(await process.ending() == .exited(0))
        let text = process.lines.joined(separator: "\n")
        let document = try #require(try YAML.documents(Array(text.utf8)).last)
        let deployment = try StoredDeployment(document)
        #expect(document["spec"]?["replicas"] == 2)
        #expect(deployment.image == "ghcr.io/vitistack/talos-operator:v3")
        #expect(text.contains("--log-level=warn") && text.contains("1m"), "\(text)")
    }

    @Test(
        "install, upgrade, roll back and uninstall: what is asked for is there, and clusters outlive it all")
    func life() async throws {
        try await Me.run("install-life") { it in
            try await it.install("--set", "logLevel=debug")
            #expect(try await it.client.get(StoredDeployment.self, Me.deployment).image.hasSuffix(":0.1.0"))
            let cluster = ClusterDocument("kept", controlPlane: 1, workers: [("workers", 2)])
            try await it.create(cluster)
            let before = try await it.waitUntilComplete(cluster)
            let machines = try await Self.uids(it)

            try await it.helm(
                "upgrade", Me.release, Me.chart, "-n", Me.namespace, "--reuse-values", "--set", "image.tag=v2"
            )
            #expect(try await it.waitUntilRolledOut(1).image.hasSuffix(":v2"))
            #expect(try await it.helm("get", "values", Me.release, "-n", Me.namespace).contains("debug"))
            try await it.helm("rollback", Me.release, "-n", Me.namespace)
            #expect(try await it.waitUntilRolledOut(1).image.hasSuffix(":0.1.0"))
            let history = try await it.helm("history", Me.release, "-n", Me.namespace)
            #expect(history.split(separator: "\n").count == 4, "\(history)")

            let farewell = try await it.helm("uninstall", Me.release, "-n", Me.namespace)
            #expect(farewell.contains("kubernetesclusters.vitistack.io"), "what is kept is told: \(farewell)")
            for (kind, name) in [
                ("deployment", "talos-operator-controller-manager"), ("clusterrole", "talos-operator"),
                ("clusterrolebinding", "talos-operator-manager-rolebinding"),
                ("role", "talos-operator-leader-election"), ("service", "talos-operator-metrics"),
                ("serviceaccount", "talos-operator-controller-manager"),
            ] {
                #expect(try await !it.exists(kind, name), "\(kind) \(name)")
            }
            let key = ObjectKey(namespace: "default", name: "kept")
            let after = try await it.client.get(StoredCluster.self, key)
            #expect(
                after.metadata.uid == before.metadata.uid && after.document["spec"] == before.document["spec"]
            )
            #expect(try await Self.uids(it) == machines)

            // Who installs again finds the CRDs there, kept for this very release, and goes on with the clusters.
            try await it.install()
            _ = try await it.client.mergePatch(StoredCluster.self, key, ["spec": ["workers": []]])
            try await it.waitUntilComplete(ClusterDocument("kept", controlPlane: 1))
        }
    }

    private static func uids(_ it: Installation) async throws -> [String: String] {
        let machines = try await it.client.list(StoredMachine.self, ObjectSelection(namespace: "default"))
            .items
        return Dictionary(uniqueKeysWithValues: machines.map { ($0.name, $0.metadata.uid) })
    }

    @Test("a value that does not exist, or is wrong, is refused with its name, and nothing is installed")
    func typos() async throws {
        try await Me.run("install-typos") { it in
            for (value, message) in [
                ("replicaCout=2", "replicaCout"), ("image.tagg=v2", "tagg"),
                ("replicaCount=two", "replicaCount"),
                ("metrics.port=8081", "metrics.port and health.port are both 8081"),
                ("logLevel=loud", "logLevel"), ("reconcileInterval=often", "reconcileInterval"),
            ] {
                let output = try await it.tryHelm(
                    "install", Me.release, Me.chart, "-n", Me.namespace, "--create-namespace", "--set", value)
                #expect(output.ending == .exited(1) && output.text.contains(message), "\(output)")
            }
            #expect(try await !it.exists("crd", "machines.vitistack.io"))
            #expect(try await it.helm("list", "-A", "-a").split(separator: "\n").count == 1)
            // An upgrade that is refused changes nothing either.
            try await it.install()
            let output = try await it.tryHelm(
                "upgrade", Me.release, Me.chart, "-n", Me.namespace, "--set", "replicaCout=2")
            #expect(output.ending == .exited(1) && output.text.contains("replicaCout"), "\(output)")
            #expect(try await it.helm("list", "-n", Me.namespace).contains("deployed"))
        }
    }
}
