// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@testable import Talos

@Suite("Importing secrets")
struct SecretsImportTests {
    private static func fixture() throws -> SecretsBundle {
        try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
    }

    /// A control plane machine's configuration with the fixture's secrets.
    private static func configuration() throws -> String {
        let bundle = try fixture()
        func pair(_ pair: KeyAndCertificate) -> String {
            "{crt: \(Base64.encode(pair.crt)), key: \(Base64.encode(pair.key))}"
        }
        return """
            version: v1alpha1
            machine:
                type: controlplane
                token: \(bundle.trustdToken)
                ca: \(pair(bundle.os))
            cluster:
                id: \(bundle.cluster.id)
                secret: \(bundle.cluster.secret)
                token: \(bundle.bootstrapToken)
                secretboxEncryptionSecret: \(bundle.secretboxEncryptionSecret ?? "")
                ca: \(pair(bundle.kubernetes))
                aggregatorCA: \(pair(bundle.aggregator))
                serviceAccount: {key: \(Base64.encode(bundle.serviceAccountKey))}
                etcd: {ca: \(pair(bundle.etcd))}

            """
    }

    @Test("a bundle and a control plane machine's configuration give the same")
    func forms() throws {
        let wanted = try Self.fixture()
        #expect(try SecretsBundle.importing(text: SecretsFixture.yaml, source: "f") == wanted)
        let configuration = try Self.configuration()
        #expect(try SecretsBundle.importing(text: configuration, source: "f") == wanted)
        let others = "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n---\n"
        #expect(try SecretsBundle.importing(text: others + configuration + "---\n", source: "f") == wanted)
        let read = try MachineConfiguration(
            reading: configuration, source: "f", version: TalosVersion(minor: 12))
        #expect(try SecretsBundle(controlPlaneConfig: read) == wanted)
    }

    @Test(
        "the official configurations give the official bundle", .enabled(if: TalosReference.isThere),
        arguments: ["v1.5", "v1.7", "v1.12"])
    func official(version: String) throws {
        let golden = try #require(TalosReference.directory) + "/golden"
        let configuration = try TalosReference.text(of: "\(golden)/\(version)/base-controlplane.yaml")
        let bundle = try SecretsBundle.importing(text: configuration, source: "f")
        #expect(
            try bundle == SecretsBundle(yaml: TalosReference.text(of: "\(golden)/secrets.yaml"), source: "f"))
        let worker = try TalosReference.text(of: "\(golden)/\(version)/base-worker.yaml")
        #expect(throws: ConfigProblems.self) { try SecretsBundle.importing(text: worker, source: "f") }
    }

    @Test(
        "the Secrets of Kubernetes that people keep bundles in are opened",
        arguments: ["value", "secrets.bundle", "bundle"])
    func secrets(key: String) throws {
        let data = Base64.encode(Array(SecretsFixture.yaml.utf8))
        let secret = "apiVersion: v1\nkind: Secret\ndata:\n    other: YQ==\n    \(key): \(data)\n"
        #expect(try SecretsBundle.importing(text: secret, source: "f") == Self.fixture())
        let error = #expect(throws: ConfigProblems.self) {
            try SecretsBundle.importing(
                text: "kind: Secret\nstringData:\n    \(key): |\n        cluster: {id: []}\n", source: "f")
        }
        #expect(error?.description == "f (\(key)), line 1: cluster.id: must be a string, not a list")
    }

    @Test(
        "what has no secrets says what it is",
        arguments: [
            ("sops: {}\ncluster: {id: a}", "f: is encrypted with SOPS: decrypt it first"),
            ("contexts: {}", "f: is a talosconfig or kubeconfig, which has no secrets of the cluster"),
            (
                "kind: Secret\ndata: {a: b}",
                "f: data: must have one of value, secrets.bundle, bundle, secrets.yaml, controlplane.yaml"
            ),
            ("kind: Secret\ndata: {value: '?'}", "f: data.value: must be Base64"),
            ("kind: Secret\nstringData: {value: 'kind: Secret'}", "f (value): is no secrets bundle"),
            (
                "machine:\n    type: worker\n    token: canary",
                "f, line 2: machine.type: must be controlplane: no other machine's configuration has all of a cluster's secrets"
            ),
            ("---\nkind: X\n---\nmachine: {}", "f, document 2: machine.type: must be controlplane"),
            ("a: b", "f: is no secrets bundle: it has none of cluster, secrets, trustdinfo, certs"),
        ])
    func others(text: String, problem: String) {
        let error = #expect(throws: ConfigProblems.self) {
            try SecretsBundle.importing(text: text, source: "f")
        }
        let description = error?.description ?? ""
        #expect(description.hasPrefix(problem))
        #expect(!description.contains("canary"))
    }

    @Test("everything that a configuration lacks is told at once")
    func missing() {
        let error = #expect(throws: ConfigProblems.self) {
            try SecretsBundle.importing(
                text: "machine: {type: controlplane}\ncluster: {ca: {key: ''}}", source: "f")
        }
        let paths = error?.problems.map(\.path.description)
        #expect(
            paths == [
                "machine.token", "machine.ca.crt", "machine.ca.key", "cluster.id", "cluster.secret",
                "cluster.token",
                "cluster.ca.crt", "cluster.ca.key", "cluster.aggregatorCA.crt", "cluster.aggregatorCA.key",
                "cluster.serviceAccount.key", "cluster.etcd.ca.crt", "cluster.etcd.ca.key",
            ])
        #expect(error?.problems.first?.problem == "is missing, and a secrets bundle needs it")
    }
}
