// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos
import TestSupport
import Testing

@testable import ClusterController

@Suite("Reconciling a cluster whose configurations are made here")
struct ReconcileConfigurationTests {
    private let names = ["simple-cp-0", "simple-cp-1", "simple-cp-2", "simple-workers-0", "simple-workers-1"]
    private static let bundle = "secrets/default/simple-talos-secrets"
    private static let map = "configmaps/default/site"

    private func bench(_ patch: String = "{}", apply: Bool = true) throws -> ReconcilerBench {
        let bench = try ReconcilerBench(managesConfig: true)
        if apply {
            try bench.apply(
                Fixture.spec(#"{"management": "Config"}"#).mergePatched(with: Fixture.json(patch)))
        }
        return bench
    }

    /// Runs a reconcile and returns its requests.
    private func requests(_ bench: ReconcilerBench) async -> [String] {
        _ = bench.api.takeRequests()
        await bench.reconcile()
        return bench.api.takeRequests()
    }

    private func versions(_ bench: ReconcilerBench, _ plural: String = "secrets") -> [String: String] {
        let objects = bench.api.objects(plural).map { object in
            (
                object["metadata"]?["name"]?.string ?? "",
                object["metadata"]?["resourceVersion"]?.string ?? ""
            )
        }
        return Dictionary(objects) { first, _ in first }
    }

    private func layer(_ text: String, labels: JSONValue = [:], namespace: String = "default") -> JSONValue {
        [
            "metadata": [
                "name": "site", "namespace": .string(namespace),
                "labels": labels.mergePatched(with: ["cluster.vitistack.io/layer": ""]),
            ], "data": ["a.yaml": .string(text)],
        ]
    }

    @Test("A new cluster gets its keys, then configurations and credentials, and only then Machines")
    func creation() async throws {
        let bench = try bench()
        #expect(
            await requests(bench) == [
                "patch \(ReconcilerBench.path)", "get \(Self.bundle)", "get \(ReconcilerBench.path)",
            ])
        #expect(bench.machineNames.isEmpty)
        await bench.generator.workOff()
        #expect(bench.called.entries == [ReconcilerBench.cluster])
        let requests = await requests(bench)
        #expect(
            requests[0..<4] == [
                "get \(Self.bundle)", "get \(ReconcilerBench.path)", "create secrets/default",
                "patch \(ReconcilerBench.path)",
            ])
        #expect(requests.filter { $0 == "create secrets/default" }.count == 8)
        let firstMachine = try #require(requests.firstIndex { $0.hasPrefix("apply machines") })
        let lastSecret = try #require(requests.lastIndex { $0 == "create secrets/default" })
        #expect(lastSecret < firstMachine)
        #expect(bench.machineNames == names)
        #expect(bench.status().conditions[.configGenerated]?.message == "5 configurations from 0 layers")
        try await bench.settle()
        #expect(await self.requests(bench).isEmpty)
    }

    @Test("The Secrets belong to the cluster, say what they are, and a Machine names its own with its digest")
    func metadata() async throws {
        let bench = try bench()
        try await bench.settle()
        let uid = bench.api.object(ReconcilerBench.path)?["metadata"]?["uid"]
        let types = bench.api.objects("secrets").map { secret in
            #expect(secret["metadata"]?["ownerReferences"]?.array?.first?["uid"] == uid)
            #expect(secret["metadata"]?["labels"]?["cluster.vitistack.io/cluster-name"] == "simple")
            #expect(secret["type"] == "Opaque" && secret["data"]?.object?.count == 1)
            return secret["metadata"]?["labels"]?["cluster.vitistack.io/secret-type"]?.string ?? ""
        }
        #expect(
            types.sorted() == ["kubeconfig"] + Array(repeating: "talos-config", count: 5) + [
                "talos-secrets", "talosconfig",
            ])
        #expect(bench.api.object(Self.bundle)?["immutable"] == true)
        for name in names {
            let machine = bench.api.object("machines/default/\(name)")
            let secret = try ClusterSecret(
                try #require(bench.api.object("secrets/default/\(name)-talos-config")))
            #expect(
                machine?["spec"]?["talosConfig"]?["configSecretRef"]?["name"]
                    == .string("\(name)-talos-config"))
            #expect(
                machine?["metadata"]?["annotations"]?["cluster.vitistack.io/config-digest"]
                    == .string(secret.digest))
        }
    }

    @Test("A layer that changes makes the clusters be looked at that use it, and changes only what it is in")
    func layers() async throws {
        let bench = try bench(
            #"{"controlPlane": {"patches": [{"configMapRef": {"name": "site"}}]}}"#, apply: false)
        bench.api.put(Self.map, layer("machine: {}"))
        bench.api.put(
            "kubernetesclusters/default/other",
            [
                "metadata": ["name": "other", "namespace": "default", "generation": 1],
                "spec": Fixture.spec(#"{"management": "Config", "clusterName": "other"}"#),
            ])
        try bench.apply(
            Fixture.spec(
                #"{"management": "Config", "controlPlane": {"patches": [{"configMapRef": {"name": "site"}}]}}"#
            ))
        try await bench.settle(ObjectKey(namespace: "default", name: "other"))
        try await bench.settle()
        _ = await bench.takeQueued()
        let before = versions(bench)
        bench.api.put(Self.map, layer("machine: {sysctls: {a: b}}"))
        try bench.refresh()
        #expect(await bench.takeQueued() == ["simple"])
        try await bench.settle()
        let changed = versions(bench).filter { before[$0.key] != $0.value }.keys.sorted()
        #expect(
            changed == ["simple-cp-0-talos-config", "simple-cp-1-talos-config", "simple-cp-2-talos-config"])
        let secret = bench.api.object("secrets/default/simple-cp-0-talos-config")
        let provenance = secret?["metadata"]?["annotations"]?["cluster.vitistack.io/config-provenance"]
        #expect(provenance?.string?.hasPrefix("machine.sysctls.a: ConfigMap default/site (") == true)
        let worker = bench.api.object("machines/default/simple-workers-0")
        #expect(worker?["metadata"]?["generation"] == 1)
    }

    @Test("A layer for all clusters concerns those whose labels fit, before or after its change")
    func operatorWide() async throws {
        let bench = try bench()
        try await bench.settle()
        _ = await bench.takeQueued()
        let path = "configmaps/operator/site"
        bench.api.put(
            path,
            layer("machine: {}", labels: ["cluster.vitistack.io/environment": "prod"], namespace: "operator"))
        try bench.refresh()
        #expect(await bench.takeQueued().isEmpty)
        #expect(await requests(bench).isEmpty)
        bench.api.put(path, layer("machine: {}", namespace: "operator"))
        try bench.refresh()
        #expect(await bench.takeQueued() == ["simple"])
        try await bench.settle()
        #expect(bench.status().conditions[.configGenerated]?.message == "5 configurations from 1 layer")
        bench.api.remove(path)
        try bench.refresh()
        #expect(await bench.takeQueued() == ["simple"])
    }

    @Test("An invalid layer changes nothing at all, is told with machine and layer, and heals")
    func invalidLayer() async throws {
        let bench = try bench(
            #"{"workers": [{"name": "workers", "replicas": 2, "patches": [{"configMapRef": {"name": "site"}}]}]}"#,
            apply: false)
        bench.api.put(Self.map, layer("machine: {}"))
        try bench.apply(
            Fixture.spec(
                #"{"management": "Config", "workers": [{"name": "workers", "replicas": 2, "patches": [{"configMapRef": {"name": "site"}}]}]}"#
            ))
        try await bench.settle()
        let before = (versions(bench), versions(bench, "machines"))
        bench.api.put(Self.map, layer("machin: {}"))
        try bench.refresh()
        let error = await bench.reconcile()
        #expect(error?.errorType == "ValidationError" && error?.disposition == .retry)
        #expect(versions(bench) == before.0 && versions(bench, "machines") == before.1)
        let condition = bench.status().conditions[.configGenerated]
        #expect(condition?.reason == "ConfigInvalid")
        #expect(condition?.message.contains("ConfigMap default/site (a.yaml)") == true)
        #expect(bench.status().conditions[.ready]?.isTrue == false)
        bench.api.put(Self.map, layer("machine: {}"))
        try bench.refresh()
        #expect(await bench.reconcile() == nil)
        #expect(bench.status().conditions[.configGenerated]?.isTrue == true)
        #expect(versions(bench) == before.0)
        #expect(
            await bench.takeEvents().map { $0.prefix(22) } == [
                "Warning ConfigInvalid ", "Normal ConfigSucceeded",
            ])
    }

    @Test(
        "While a layer is invalid Machines are kept as they are: no new ones without configuration, old ones again with theirs"
    )
    func machinesWhileInvalid() async throws {
        let bench = try bench()
        try await bench.settle()
        let spec = Fixture.spec(
            #"{"management": "Config", "patches": ["machin: {}"], "workers": [{"name": "workers", "replicas": 3}]}"#
        )
        bench.api.patch(ReconcilerBench.path, ["spec": spec])
        bench.api.remove("machines/default/simple-cp-1")
        try bench.refresh()
        #expect(await bench.reconcile()?.errorType == "ValidationError")
        #expect(bench.machineNames == names)
        #expect(
            bench.api.object("machines/default/simple-cp-1")?["spec"]?["talosConfig"]?["configSecretRef"]
                != nil)
        #expect(
            bench.status().conditions[.machinesCreated]?.message
                == "Machine simple-workers-2 waits for its configuration")
    }

    // MARK: The bundle

    @Test(
        "A bundle that is gone is never made anew, whatever else is left of the cluster",
        arguments: [false, true])
    func lost(alsoMachines: Bool) async throws {
        let bench = try bench()
        try await bench.settle()
        let bundle = try #require(bench.api.object(Self.bundle))
        let before = versions(bench)
        bench.api.remove(Self.bundle)
        if alsoMachines {
            for name in names { bench.api.remove("machines/default/\(name)") }
            for name in before.keys { bench.api.remove("secrets/default/\(name)") }
            bench.api.patch(ReconcilerBench.path, ["status": .null])
        }
        try bench.refresh()
        #expect(await bench.takeQueued() == ["simple"])
        #expect(await bench.reconcile()?.errorType == "ValidationError")
        await bench.generator.workOff()
        #expect(await bench.reconcile()?.errorType == "ValidationError")
        #expect(bench.called.entries.isEmpty)
        #expect(bench.api.object(Self.bundle) == nil)
        #expect(bench.status().conditions[.configGenerated]?.reason == "SecretsLost")
        if !alsoMachines {
            #expect(versions(bench) == before.filter { $0.key != "simple-talos-secrets" })
        }
        bench.api.put(Self.bundle, bundle)
        try await bench.settle()
        #expect(bench.status().conditions[.configGenerated]?.isTrue == true)
        #expect(bench.machineNames == names)
    }

    @Test("What the server knows of a cluster's past counts, however old the cache is")
    func lostUnseen() async throws {
        let bench = try bench()
        await bench.reconcile()
        await bench.generator.workOff()
        bench.api.patch(
            ReconcilerBench.path,
            ["metadata": ["annotations": ["cluster.vitistack.io/secrets-identity": "earlier"]]])
        #expect(await bench.reconcile() != nil)
        #expect(bench.api.object(Self.bundle) == nil)
        try bench.refresh()
        #expect(await bench.reconcile()?.errorType == "ValidationError")
        #expect(bench.status().conditions[.configGenerated]?.reason == "SecretsLost")
    }

    @Test("Other authorities in the bundle's place are refused until the cluster's annotation goes")
    func replaced() async throws {
        let bench = try bench()
        try await bench.settle()
        let other = try SecretsBundle.generate(for: TalosVersion(minor: 5), at: Fixture.noon)
        let before = versions(bench)
        bench.api.patch(Self.bundle, ["data": ["value": .string(Base64.encode(Array(other.yaml.utf8)))]])
        try bench.refresh()
        #expect(await bench.reconcile() != nil)
        #expect(bench.status().conditions[.configGenerated]?.reason == "SecretsLost")
        #expect(
            versions(bench).filter { before[$0.key] != $0.value }.keys.sorted() == ["simple-talos-secrets"])
        bench.api.patch(
            ReconcilerBench.path,
            ["metadata": ["annotations": ["cluster.vitistack.io/secrets-identity": .null]]])
        try await bench.settle()
        #expect(bench.status().conditions[.configGenerated]?.isTrue == true)
        #expect(versions(bench)["simple-cp-0-talos-config"] != before["simple-cp-0-talos-config"])
    }

    @Test("A bundle that was there first is used as it is, and stays when the cluster goes")
    func ownBundle() async throws {
        let bench = try bench(apply: false)
        let own = try SecretsBundle.generate(for: TalosVersion(minor: 5), at: Fixture.noon)
        let secret: JSONValue = [
            "metadata": ["name": "simple-talos-secrets", "namespace": "default"],
            "data": ["value": .string(Base64.encode(Array(own.yaml.utf8)))],
        ]
        bench.api.put(Self.bundle, secret)
        try bench.apply(Fixture.spec(#"{"management": "Config"}"#))
        #expect(await bench.reconcile() != nil)
        #expect(
            bench.status().conditions[.configGenerated]?.message.contains("metadata.labels: must have")
                == true)
        bench.api.patch(
            Self.bundle, ["metadata": ["labels": ["cluster.vitistack.io/cluster-name": "simple"]]])
        try bench.refresh()
        #expect(await bench.takeQueued() == ["simple"])
        let version = versions(bench)["simple-talos-secrets"]
        try await bench.settle()
        #expect(bench.called.entries.isEmpty && versions(bench)["simple-talos-secrets"] == version)
        let config = try OpenedSecret(
            try #require(bench.api.object("secrets/default/simple-cp-0-talos-config")))
        #expect(String(decoding: config.value ?? [], as: UTF8.self).contains(own.trustdToken))
        bench.api.patch(ReconcilerBench.path, ["metadata": ["deletionTimestamp": "2024-01-01T12:00:00Z"]])
        try bench.refresh()
        #expect(await bench.reconcile() == nil)
        #expect(versions(bench).keys.sorted() == ["simple-talos-secrets"])
    }

    @Test("Of two that make keys at once the first counts")
    func race() async throws {
        let bench = try bench()
        await bench.reconcile()
        await bench.generator.workOff()
        bench.api.fail("get \(Self.bundle)", .failure(404, reason: "NotFound"))
        let other = try ReconcilerBench(managesConfig: true)
        try other.apply(Fixture.spec(#"{"management": "Config"}"#))
        try await other.settle()
        let theirs = try #require(other.api.object(Self.bundle))
        bench.api.put(Self.bundle, theirs.mergePatched(with: ["metadata": ["ownerReferences": .null]]))
        #expect(await bench.reconcile()?.disposition == .conflict)
        bench.api.fail("get \(Self.bundle)", nil)
        try await bench.settle()
        #expect(bench.api.object(Self.bundle)?["data"] == theirs["data"])
    }

    // MARK: Secrets

    @Test("A Secret that somebody changed or deleted is put back, and another's is left alone")
    func foreignEdits() async throws {
        let bench = try bench()
        try await bench.settle()
        let path = "secrets/default/simple-cp-0-talos-config"
        let data = bench.api.object(path)?["data"]
        bench.api.patch(path, ["data": ["value": "YQ=="]])
        bench.api.remove("secrets/default/simple-cp-1-talos-config")
        bench.api.remove("secrets/default/simple-kubeconfig")
        try bench.refresh()
        #expect(await bench.takeQueued() == ["simple"])
        #expect(
            Set(await requests(bench)) == [
                "get \(Self.bundle)", "create secrets/default", "apply \(path)",
            ])
        #expect(bench.api.object(path)?["data"] == data)
        #expect(bench.api.objects("secrets").count == 8)
        let foreign: JSONValue = [
            "metadata": ["name": "simple-cp-2-talos-config", "namespace": "default"], "data": ["a": "YQ=="],
        ]
        bench.api.remove("secrets/default/simple-cp-2-talos-config")
        bench.api.put("secrets/default/simple-cp-2-talos-config", foreign)
        try bench.refresh()
        #expect(await bench.reconcile()?.errorType == "OwnerReferenceError")
        #expect(bench.api.object("secrets/default/simple-cp-2-talos-config")?["data"] == foreign["data"])
    }

    @Test("The configuration of a Machine that left goes after the Machine is really gone")
    func scaleDown() async throws {
        let bench = try bench()
        try await bench.settle()
        bench.api.patch("machines/default/simple-workers-1", ["metadata": ["finalizers": ["provider"]]])
        bench.api.patch(ReconcilerBench.path, ["spec": ["workers": [["name": "workers", "replicas": 1]]]])
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.api.object("secrets/default/simple-workers-1-talos-config") != nil)
        bench.api.remove("machines/default/simple-workers-1")
        try await bench.settle()
        #expect(bench.api.object("secrets/default/simple-workers-1-talos-config") == nil)
        #expect(bench.api.objects("secrets").count == 7)
    }

    @Test("On deletion the Secrets stay until the last Machine is gone, and go before the finalizer")
    func deletion() async throws {
        let bench = try bench()
        try await bench.settle()
        bench.api.patch("machines/default/simple-cp-0", ["metadata": ["finalizers": ["provider"]]])
        bench.api.patch(ReconcilerBench.path, ["metadata": ["deletionTimestamp": "2024-01-01T12:00:00Z"]])
        try bench.refresh()
        await bench.reconcile()
        #expect(bench.api.objects("secrets").count == 8)
        bench.api.remove("machines/default/simple-cp-0")
        try bench.refresh()
        let requests = await requests(bench)
        #expect(requests.count == 9 && requests.last == "patch \(ReconcilerBench.path)")
        #expect(requests.dropLast().allSatisfy { $0.hasPrefix("delete secrets/") })
        #expect(bench.api.objects("secrets").isEmpty && bench.api.object(ReconcilerBench.path) == nil)
    }

    // MARK: Certificates

    @Test("Client certificates are renewed at half of their lives, and nothing else is touched")
    func renewal() async throws {
        let bench = try bench()
        try await bench.settle()
        let before = versions(bench)
        let series =
            #"talos_operator_client_certificate_expiry_timestamp_seconds{cluster_namespace="default",cluster_name="simple",certificate="kubeconfig"}"#
        let first = try #require(bench.metric(series))
        bench.clock.advance(by: .seconds(12 * 3600 - 10))
        #expect(await requests(bench).isEmpty)
        #expect(
            try await bench.reconciler.reconcile(ReconcilerBench.cluster) == .requeue(after: .seconds(10)))
        bench.clock.advance(by: .seconds(10))
        #expect(
            await requests(bench) == [
                "get \(Self.bundle)", "apply secrets/default/simple-talosconfig",
                "apply secrets/default/simple-kubeconfig",
            ])
        try await bench.settle()
        #expect(
            versions(bench).filter { before[$0.key] != $0.value }.keys.sorted() == [
                "simple-kubeconfig", "simple-talosconfig",
            ])
        #expect(bench.metric(series) != first)
    }

    @Test("They are renewed while a layer is invalid too")
    func renewalWhileInvalid() async throws {
        let bench = try bench()
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["spec": ["patches": ["machin: {}"]]])
        bench.clock.advance(by: .seconds(13 * 3600))
        try bench.refresh()
        let requests = await requests(bench)
        #expect(requests.contains("apply secrets/default/simple-talosconfig"))
        #expect(!requests.contains { $0.contains("talos-config") })
    }

    // MARK: Whole lives

    @Test("After a restart nothing is written, and no new keys are made")
    func restart() async throws {
        let bench = try bench()
        try await bench.settle()
        let next = try ReconcilerBench(results: bench.directory.path, managesConfig: true)
        for plural in ["machines", "secrets", "kubernetesclusters"] {
            for object in bench.api.objects(plural) {
                next.api.put("\(plural)/default/\(object["metadata"]?["name"]?.string ?? "")", object)
            }
        }
        try next.refresh()
        #expect(await requests(next) == ["get \(Self.bundle)"])
        await next.generator.workOff()
        #expect(next.called.entries.isEmpty)
    }

    @Test("Without --config-management nothing is made, and what is there stays")
    func disabled() async throws {
        let bench = try bench()
        try await bench.settle()
        let next = try ReconcilerBench(results: bench.directory.path)
        for plural in ["machines", "secrets", "kubernetesclusters"] {
            for object in bench.api.objects(plural) {
                next.api.put("\(plural)/default/\(object["metadata"]?["name"]?.string ?? "")", object)
            }
        }
        next.api.remove("machines/default/simple-workers-1")
        try next.refresh()
        #expect(await next.reconcile()?.errorType == "ValidationError")
        #expect(next.status().conditions[.configGenerated]?.reason == "ManagementDisabled")
        #expect(next.machineNames == names.dropLast())
        #expect(next.api.takeRequests() == ["patch \(ReconcilerBench.path)/status"])
    }

    @Test(
        "A cluster that goes back to plain Machines keeps its Secrets, and its Machines lose the references")
    func givenUp() async throws {
        let bench = try bench()
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["spec": ["management": "Machines"]])
        try await bench.settle()
        #expect(bench.status().conditions[.configGenerated] == nil)
        #expect(
            bench.api.object("machines/default/simple-cp-0")?["spec"]?["talosConfig"]?["configSecretRef"]
                == nil)
        #expect(bench.api.objects("secrets").count == 8)
        #expect(bench.metric("talos_operator_client_certificate_expiry_timestamp_seconds") == nil)
    }

    @Test("A cluster that begins with Machines alone gets no keys, for its machines have some already")
    func laterWish() async throws {
        let bench = try bench(#"{"management": "Machines"}"#)
        try await bench.settle()
        bench.api.patch(ReconcilerBench.path, ["spec": ["management": "Config"]])
        try bench.refresh()
        #expect(await bench.reconcile() != nil)
        #expect(bench.status().conditions[.configGenerated]?.reason == "SecretsLost")
        #expect(bench.api.objects("secrets").isEmpty && bench.machineNames == names)
    }
}
