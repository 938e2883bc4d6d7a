// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos
import TestSupport
import Testing

@Suite("Operator: configurations", .timeLimit(.minutes(15)))
struct ConfigurationTests {
    @Test(
        "a cluster gets keys, configurations and credentials that fit each other, and Machines that name them"
    )
    func creation() async throws {
        try await Scenario.run("config") { scenario in
            try await scenario.startConfigOperator()
            try await scenario.create(scenario.configCluster("app"))
            let cluster = try await scenario.configured("app")
            let secrets = try await scenario.secrets()
            #expect(
                secrets.keys.sorted() == [
                    "app-cp-0-talos-config", "app-kubeconfig", "app-talos-secrets", "app-talosconfig",
                    "app-w-0-talos-config",
                ])
            for secret in secrets.values {
                #expect(secret.metadata.controller?.uid == cluster.metadata.uid)
                #expect(secret.document["data"]?.object?.count == 1)
            }
            for machine in try await scenario.machines() {
                let secret = try #require(secrets["\(machine.name)-talos-config"])
                #expect(machine.spec("talosConfig")?["configSecretRef"]?["name"]?.string == secret.name)
                #expect(
                    machine.metadata.annotations["cluster.vitistack.io/config-digest"]
                        == SHA256.hexadecimal(of: Array(secret.text().utf8)))
                let config = try MachineConfiguration(
                    reading: secret.text(), source: secret.name, version: TalosVersion(minor: 5))
                let type = config["machine", "type"]?.string
                #expect(type == machine.spec("talosConfig")?["machineType"]?.string)
            }
            try await expectCredentials(secrets)
        }
    }

    private func expectCredentials(_ secrets: [String: StoredSecret]) async throws {
        let bundle = try SecretsBundle(
            yaml: try #require(secrets["app-talos-secrets"]).text(), source: "bundle")
        #expect(bundle.problems(for: TalosVersion(minor: 5)).isEmpty)
        let kubeconfig = try YAML.documents(Array(try #require(secrets["app-kubeconfig"]).text().utf8)).first
        let user = kubeconfig?["users"]?.array?.first?["user"]
        let server = kubeconfig?["clusters"]?.array?.first?["cluster"]
        #expect(server?["server"] == "https://192.168.1.100:6443")
        let authority = server?["certificate-authority-data"]?.string
        #expect(authority.flatMap { Base64.decode($0) } == bundle.kubernetes.crt)
        #expect(
            try await OpenSSLProgram.verify(
                user?["client-certificate-data"]?.string, authority: authority) == ["OK"])
        let talosconfig = try YAML.documents(Array(try #require(secrets["app-talosconfig"]).text().utf8))
            .first
        let context = talosconfig?["contexts"]?["app"]
        #expect(context?["ca"]?.string.flatMap { Base64.decode($0) } == bundle.os.crt)
        #expect(
            try await OpenSSLProgram.verify(context?["crt"]?.string, authority: context?["ca"]?.string)
                == ["OK"])
    }

    @Test("a layer that is edited changes the configurations that it is in and no others")
    func layers() async throws {
        try await Scenario.run("layers") { scenario in
            let home = try await scenario.controlPlane.makeNamespace("layers-home")
            try await scenario.startConfigOperator(layers: home)
            try await scenario.putLayer("site", "machine: {sysctls: {a: '1'}}")
            try await scenario.create(scenario.configCluster("other"))
            try await scenario.create(
                scenario.configCluster(
                    "app", ["controlPlane": ["patches": [["configMapRef": ["name": "site"]]]]]))
            try await scenario.configured("app")
            try await scenario.configured("other")
            let before = try await scenario.secrets()
            #expect(before["app-cp-0-talos-config"]?.text().contains("a: \"1\"") == true)

            try await scenario.putLayer("site", "machine: {sysctls: {a: '2'}}")
            try await scenario.client.waitFor(StoredSecret.self, scenario.key("app-cp-0-talos-config")) {
                $0.text().contains("a: \"2\"")
            }
            let digest = SHA256.hexadecimal(
                of: Array(try await scenario.secret("app-cp-0-talos-config").text().utf8))
            try await scenario.client.waitFor(StoredMachine.self, scenario.key("app-cp-0")) {
                $0.metadata.annotations["cluster.vitistack.io/config-digest"] == digest
            }
            #expect(try await scenario.changes(since: before) == ["app-cp-0-talos-config"])

            // For all clusters, and then for those of an environment that none is in.
            try await scenario.putLayer("ntp", "machine: {time: {servers: [ntp.example]}}", in: home)
            for name in ["app-cp-0", "app-w-0", "other-cp-0", "other-w-0"] {
                try await scenario.client.waitFor(StoredSecret.self, scenario.key("\(name)-talos-config")) {
                    $0.text().contains("ntp.example")
                        && $0.metadata.annotations["cluster.vitistack.io/config-layers"]?.contains(
                            "ConfigMap \(home)/ntp") == true
                }
            }
            try await scenario.putLayer(
                "ntp", "machine: {time: {servers: [ntp.example]}}", in: home,
                labels: ["cluster.vitistack.io/environment": "prod"])
            for name in ["app-cp-0", "app-w-0", "other-cp-0", "other-w-0"] {
                try await scenario.client.waitFor(StoredSecret.self, scenario.key("\(name)-talos-config")) {
                    !$0.text().contains("ntp.example")
                }
            }
        }
    }

    @Test(
        "an invalid layer changes nothing and says where it is wrong; Machines go on, and correction heals it"
    )
    func invalidLayer() async throws {
        try await Scenario.run("invalid-layer") { scenario in
            let home = try await scenario.controlPlane.makeNamespace("invalid-home")
            try await scenario.startConfigOperator(layers: home)
            try await scenario.putLayer("site", "machine: {sysctls: {a: '1'}}")
            try await scenario.create(
                scenario.configCluster("app", ["patches": [["configMapRef": ["name": "site"]]]]))
            try await scenario.configured("app")
            let (before, machines) = (try await scenario.secrets(), try await scenario.machines())
            try await scenario.putLayer("site", "machine:\n  install:\n    wipe: maybe\n")
            let failed = try await scenario.wait(for: "app") {
                $0.verdict("ConfigGenerated") == "False/ConfigInvalid"
            }
            let message = failed.condition("ConfigGenerated")["message"]?.string ?? ""
            for part in ["site (layer.yaml)", "line 3", "machine.install.wipe"] {
                #expect(message.contains(part), "\(message)")
            }
            #expect(failed.verdict("Ready") == "False/ConfigInvalid" && failed.phase == "Failed")
            try await scenario.event(about: "app", reason: "ConfigInvalid")
            // More workers wait for a configuration; those that are there are kept.
            try await scenario.edit("app", ["workers": ClusterDocument.workers([("w", 2)])])
            try await scenario.wait(for: "app") {
                $0.condition("MachinesCreated")["message"]?.string?.contains("app-w-1 waits") == true
            }
            #expect(try await scenario.changes(since: before).isEmpty)
            let versions = machines.map(\.metadata.resourceVersion)
            #expect(try await scenario.machines().map(\.metadata.resourceVersion) == versions)

            try await scenario.putLayer("site", "machine: {sysctls: {a: '1'}}")
            try await scenario.configured("app")
            #expect(try await scenario.changes(since: before) == ["app-w-1-talos-config"])
            #expect(try await scenario.machines().count == 3)
            try await scenario.event(about: "app", reason: "ConfigSucceeded")
        }
    }

    @Test("a bundle that is deleted is not made anew, and heals what it is needed for when it is restored")
    func lostBundle() async throws {
        try await Scenario.run("lost-bundle") { scenario in
            let process = try await scenario.startConfigOperator()
            try await scenario.create(scenario.configCluster("app"))
            try await scenario.configured("app")
            let before = try await scenario.secrets()
            let bundle = try #require(before["app-talos-secrets"])
            // Nobody changes it by mistake either.
            await #expect(throws: APIError.self) {
                _ = try await scenario.client.mergePatch(
                    StoredSecret.self, bundle.key, ["data": ["value": "YQ=="]])
            }
            _ = try await scenario.client.delete(StoredSecret.self, bundle.key)
            try await scenario.wait(for: "app") { $0.verdict("ConfigGenerated") == "False/SecretsLost" }
            try await scenario.event(about: "app", reason: "SecretsLost")
            try await scenario.edit("app", ["workers": ClusterDocument.workers([("w", 2)])])
            try await scenario.wait(for: "app") {
                $0.condition("MachinesCreated")["message"]?.string?.contains("app-w-1 waits") == true
            }
            // A new operator knows no more, and makes no keys either.
            #expect(await process.stop() == .exited(0))
            let next = try await scenario.startConfigOperator()
            await next.logLine("Reconcile failed")
            #expect(try await scenario.changes(since: before) == ["app-talos-secrets"])

            try await scenario.putSecret(
                "app-talos-secrets", ["value": bundle.text()],
                labels: ["cluster.vitistack.io/cluster-name": "app"])
            try await scenario.configured("app")
            #expect(
                try await scenario.changes(since: before) == ["app-talos-secrets", "app-w-1-talos-config"])
        }
    }

    @Test("a bundle that a user brings along is used as it is, and outlives the cluster")
    func ownBundle() async throws {
        try await Scenario.run("own-bundle") { scenario in
            let own = try SecretsBundle.generate(
                for: TalosVersion(minor: 5), at: SystemClock().timestamp)
            let secret = try await scenario.putSecret(
                "app-talos-secrets", ["value": own.yaml], labels: ["cluster.vitistack.io/cluster-name": "app"]
            )
            try await scenario.startConfigOperator()
            try await scenario.create(scenario.configCluster("app"))
            try await scenario.configured("app")
            #expect(try await scenario.secret("app-talos-secrets").version == secret.version)
            #expect(try await scenario.secret("app-cp-0-talos-config").text().contains(own.trustdToken))
            try await scenario.deleteCompletely("app")
            #expect(try await scenario.secrets().keys.sorted() == ["app-talos-secrets"])
        }
    }

    @Test("the Secrets of a cluster stay until its last Machine is gone, and then go before it")
    func deletion() async throws {
        try await Scenario.run("config-deletion") { scenario in
            try await scenario.startConfigOperator()
            try await scenario.create(scenario.configCluster("app"))
            try await scenario.configured("app")
            let before = try await scenario.secrets()
            try await scenario.patchMachine(
                "app-cp-0", ["metadata": ["finalizers": ["example.com/provider"]]])
            _ = try await scenario.client.delete(StoredCluster.self, scenario.key("app"))
            try await scenario.waitForMachines { $0.map(\.name) == ["app-cp-0"] }
            try await scenario.wait(for: "app") { $0.phase == "Deleting" }
            #expect(try await scenario.changes(since: before).isEmpty)
            try await scenario.patchMachine("app-cp-0", ["metadata": ["finalizers": .null]])
            try await scenario.client.waitUntilGone(StoredCluster.self, scenario.key("app"))
            #expect(try await scenario.secrets().isEmpty)
        }
    }

    @Test(
        "a Secret that somebody edits is put right, and the configuration of a Machine that left goes with it"
    )
    func upkeep() async throws {
        try await Scenario.run("config-upkeep") { scenario in
            try await scenario.startConfigOperator()
            try await scenario.create(scenario.configCluster("app"))
            try await scenario.configured("app")
            let before = try await scenario.secrets()
            let key = scenario.key("app-w-0-talos-config")
            _ = try await scenario.client.mergePatch(StoredSecret.self, key, ["data": ["value": "YQ=="]])
            try await scenario.client.waitFor(StoredSecret.self, key) {
                $0.text() == before[key.name]?.text()
            }
            _ = try await scenario.client.delete(StoredSecret.self, scenario.key("app-kubeconfig"))
            try await scenario.client.waitFor(StoredSecret.self, scenario.key("app-kubeconfig"))
            try await scenario.edit("app", ["workers": []])
            try await scenario.client.waitUntilGone(StoredSecret.self, key)
            #expect(try await scenario.machines().map(\.name) == ["app-cp-0"])
        }
    }

    @Test("an operator that may not make configurations says so, and makes no Machine that would have none")
    func disabled() async throws {
        try await Scenario.run("config-disabled") { scenario in
            try scenario.startOperator()
            try await scenario.create(scenario.configCluster("app"))
            try await scenario.wait(for: "app") {
                $0.verdict("ConfigGenerated") == "False/ManagementDisabled"
                    && $0.verdict("MachinesCreated") == "False/CreationFailed"
            }
            try await scenario.event(about: "app", reason: "ManagementDisabled")
            #expect(try await scenario.machines().isEmpty)
        }
    }
}
