// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

enum StoredSecretKind: RawKind {
    static let definition = ClusterSecret.definition
}

/// A Secret with everything that the API server has of it.
typealias StoredSecret = RawObject<StoredSecretKind>

extension RawObject<StoredSecretKind> {
    /// The text below `value`, or below another key.
    func text(_ key: String = ClusterSecret.valueKey) -> String {
        let bytes = document["data"]?[key]?.string.flatMap { Base64.decode($0) } ?? []
        return String(decoding: bytes, as: UTF8.self)
    }

    var version: ResourceVersion { metadata.resourceVersion }
}

/// Clusters whose configurations an operator makes.
extension Scenario {
    /// Lets the shipped account make configurations in the namespace.
    func grantConfigManagement(in namespace: String? = nil) async throws {
        try await controlPlane.kubectl(
            "apply", "--namespace", namespace ?? self.namespace, "-f",
            "\(Repository.root)/config/rbac/namespaced/config-management.yaml")
    }

    /// Starts an operator that makes configurations; the layers for all clusters are in `layers`, or in the namespace.
    @discardableResult
    func startConfigOperator(
        layers: String? = nil, flags: [String] = [], environment: [String: String] = [:]
    ) async throws -> OperatorProcess {
        try await grantConfigManagement()
        if let layers { try await grantConfigManagement(in: layers) }
        return try startOperator(
            flags: ["--config-management", "--layer-namespace", layers ?? namespace] + flags,
            environment: environment)
    }

    /// A cluster with one control plane Machine and one worker; Talos 1.5, whose keys cost next to nothing.
    func configCluster(_ name: String, _ more: JSONValue = [:]) -> ClusterDocument {
        var document = ClusterDocument(name, workers: [("w", 1)])
        document.more = more.mergePatched(with: ["management": "Config"])
        return document
    }

    /// Waits until the configurations of a cluster are made and all else is done.
    @discardableResult
    func configured(_ name: String) async throws -> StoredCluster {
        try await wait(for: name) {
            $0.isComplete && $0.verdict("ConfigGenerated") == "True/ConfigSucceeded"
        }
    }

    func secret(_ name: String) async throws -> StoredSecret {
        try await client.get(StoredSecret.self, key(name))
    }

    /// The Secrets of clusters, by name.
    func secrets() async throws -> [String: StoredSecret] {
        let selection = ObjectSelection(
            namespace: namespace, labelSelector: "cluster.vitistack.io/cluster-name")
        let items = try await client.list(StoredSecret.self, selection).items
        return Dictionary(uniqueKeysWithValues: items.map { ($0.name, $0) })
    }

    /// The names of those Secrets whose versions differ.
    func changes(since former: [String: StoredSecret]) async throws -> [String] {
        let now = try await secrets()
        return Set(former.keys).union(now.keys).filter { former[$0]?.version != now[$0]?.version }.sorted()
    }

    /// Writes a ConfigMap with one layer.
    func putLayer(_ name: String, _ text: String, in namespace: String? = nil, labels: JSONValue = [:])
        async throws
    {
        let namespace = namespace ?? self.namespace
        let document: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": [
                "name": .string(name),
                "labels": labels.mergePatched(with: ["cluster.vitistack.io/layer": ""]),
            ],
            "data": ["layer.yaml": .string(text)],
        ]
        _ = try await client.apply(ConfigMap.self, ObjectKey(namespace: namespace, name: name), document)
    }

    /// Writes a Secret with these texts.
    @discardableResult
    func putSecret(_ name: String, _ texts: [String: String], labels: JSONValue) async throws -> StoredSecret
    {
        let data = texts.map {
            JSONObject.Member(key: $0.key, value: .string(Base64.encode(Array($0.value.utf8))))
        }
        return try await client.create(
            StoredSecret.self,
            [
                "apiVersion": "v1", "kind": "Secret", "metadata": ["name": .string(name), "labels": labels],
                "data": .object(JSONObject(data)),
            ], namespace: namespace)
    }
}

/// OpenSSL's own program.
enum OpenSSLProgram {
    /// What `openssl verify` says about a client's certificate; both are Base64 of PEM.
    static func verify(_ certificate: String?, authority: String?) async throws -> [String] {
        let directory = try TemporaryDirectory()
        for (name, text) in [("ca.pem", authority), ("crt.pem", certificate)] {
            let bytes = try #require(text.flatMap { Base64.decode($0) })
            try FileSystem.replace("\(directory.path)/\(name)", with: bytes)
        }
        let program = try Subprocess([
            "/usr/bin/openssl", "verify", "-purpose", "sslclient", "-CAfile", "\(directory.path)/ca.pem",
            "\(directory.path)/crt.pem",
        ])
        #expect(await program.ending() == .exited(0))
        return program.lines.map { line in line.split(separator: " ").last.map(String.init) ?? line }
    }
}
