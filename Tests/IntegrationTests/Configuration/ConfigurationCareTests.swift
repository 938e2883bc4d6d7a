// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos
import TestSupport
import Testing

@Suite("Operator: care for secrets", .timeLimit(.minutes(15)))
struct ConfigurationCareTests {
    @Test("a restart writes nothing, and neither does the next leader")
    func restart() async throws {
        try await Scenario.run("config-restart") { scenario in
            let lease = ["--leader-elect", "--leader-election-namespace", scenario.namespace]
            let first = try await scenario.startConfigOperator(flags: lease)
            await first.logLine("Leading")
            let second = try await scenario.startConfigOperator(flags: lease)
            await second.logLine("Waiting for leadership")
            try await scenario.create(scenario.configCluster("app"))
            try await scenario.configured("app")
            let before = try await scenario.secrets()
            #expect(await first.stop() == .exited(0))
            await second.logLine("Leading")
            // Something to do for the next leader tells that it has looked at the cluster.
            try await scenario.edit("app", ["workers": ClusterDocument.workers([("w", 2)])])
            try await scenario.configured("app")
            try await scenario.waitForMachines { $0.count == 3 }
            #expect(try await scenario.changes(since: before) == ["app-w-1-talos-config"])
            #expect(await second.stop() == .exited(0))
            let third = try await scenario.startConfigOperator(flags: lease)
            await third.logLine("Leading")
            try await scenario.create(scenario.configCluster("later"))
            try await scenario.configured("later")
            let old = Set(try await scenario.changes(since: before).filter { $0.hasPrefix("app-") })
            #expect(old == ["app-w-1-talos-config"])
        }
    }

    @Test("two operators that know nothing of each other make one set of keys")
    func rivals() async throws {
        try await Scenario.run("config-rivals") { scenario in
            try await scenario.startConfigOperator()
            try await scenario.startConfigOperator()
            let names = (0..<6).map { "app-\($0)" }
            for name in names { try await scenario.create(scenario.configCluster(name)) }
            for name in names {
                try await scenario.configured(name)
                let bundle = try await scenario.secret("\(name)-talos-secrets")
                let secrets = try SecretsBundle(yaml: bundle.text(), source: name)
                #expect(bundle.metadata.resourceVersion == (try await scenario.secret(bundle.name)).version)
                #expect(
                    try await scenario.secret("\(name)-cp-0-talos-config").text().contains(
                        secrets.trustdToken))
            }
        }
    }

    @Test("no secret of a bundle, a layer or a specification gets anywhere but into the Secrets")
    func canaries() async throws {
        try await Scenario.run("canaries") { scenario in
            var bundle = try SecretsBundle.generate(
                for: TalosVersion(minor: 5), at: SystemClock().timestamp)
            bundle.trustdToken = "canary.canarycanary0001"
            bundle.bootstrapToken = "canary.canarycanary0002"
            let labels: JSONValue = ["cluster.vitistack.io/cluster-name": "app"]
            try await scenario.putSecret("app-talos-secrets", ["value": bundle.yaml], labels: labels)
            let layer: JSONValue = ["cluster.vitistack.io/layer": ""]
            try await scenario.putSecret(
                "private", ["a.yaml": "machine: {env: {PASSWORD: canary-layer}}"], labels: layer)
            let process = try await scenario.startConfigOperator()
            try await scenario.create(
                scenario.configCluster(
                    "app",
                    [
                        "talosConfig": ["machine": ["token": "canary.canarycanary0003"]],
                        "patches": [["secretRef": ["name": "private"]]],
                    ]))
            try await scenario.configured("app")
            let config = try await scenario.secret("app-cp-0-talos-config").text()
            for canary in ["canarycanary0002", "canarycanary0003", "canary-layer"] {
                #expect(config.contains(canary))
            }
            // Errors are where secrets leak.
            for text in [
                "machine: {install: {wipe: canary-bad}}", "machine: {canary-bad", "canary-bad: 1\n- x",
            ] {
                _ = try await scenario.client.mergePatch(
                    StoredSecret.self, scenario.key("private"),
                    ["data": ["a.yaml": .string(Base64.encode(Array(text.utf8)))]])
                try await scenario.wait(for: "app") { $0.verdict("ConfigGenerated") == "False/ConfigInvalid" }
                _ = try await scenario.client.mergePatch(
                    StoredSecret.self, scenario.key("private"),
                    [
                        "data": [
                            "a.yaml": .string(Base64.encode(Array("machine: {env: {A: canary-layer}}".utf8)))
                        ]
                    ])
                try await scenario.configured("app")
            }
            _ = try await scenario.client.mergePatch(
                StoredSecret.self, scenario.key("app-talos-secrets"),
                ["data": ["value": .string(Base64.encode(Array("cluster: {id: canary-bad".utf8)))]])
            try await scenario.wait(for: "app") { $0.verdict("ConfigGenerated") == "False/ConfigInvalid" }
            try await expectNoCanary(scenario, process, bundle)
        }
    }

    private func expectNoCanary(
        _ scenario: Scenario, _ process: OperatorProcess, _ bundle: SecretsBundle
    ) async throws {
        var places: [(String, String)] = []
        places += process.process.lines.map { ("log", $0) }
        places.append(("metrics", try await process.metrics()))
        places.append(("status", try await scenario.cluster("app").status.flat))
        places += try await scenario.machines().map { ("Machine", $0.document.flat) }
        places += try await scenario.events(about: "app").map { ("Event", $0.document.flat) }
        for (name, manifest) in try process.manifests(in: "app") { places.append((name, manifest.flat)) }
        #expect(places.count > 10)
        let key = String(decoding: bundle.os.key, as: UTF8.self).split(separator: "\n")[1]
        let forbidden = ["canary", String(key), bundle.cluster.secret, "PRIVATE KEY"]
        for (place, text) in places {
            for word in forbidden { #expect(!text.contains(word), "\(word) in \(place)") }
        }
    }
}

extension JSONValue {
    fileprivate var flat: String { String(decoding: encoded(), as: UTF8.self) }
}
