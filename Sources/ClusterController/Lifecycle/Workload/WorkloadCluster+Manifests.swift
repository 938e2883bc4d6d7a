// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import StructuredData

extension WorkloadCluster {
    /// Brings the manifests that come with Kubernetes to what Talos has; nothing is ever deleted.
    ///
    /// They are applied in their order, custom kinds and namespaces before what needs them; one that fails does not
    /// keep the others from being applied.
    func sync(_ manifests: [JSONValue]) async throws(APIError) -> ActionResult {
        var served: [String: [ServedResource]] = [:]
        var problems: [String] = []
        for manifest in manifests.filter(\.comesFirst) + manifests.filter({ !$0.comesFirst }) {
            guard let apiVersion = manifest["apiVersion"]?.string, let kind = manifest["kind"]?.string,
                let name = manifest["metadata"]?["name"]?.string
            else {
                problems.append("a manifest has no kind or no name")
                continue
            }
            if served[apiVersion]?.contains(where: { $0.kind == kind }) != true {
                served[apiVersion] = try await client.resources(inGroupVersion: apiVersion)
            }
            let resource = served[apiVersion]?.first { $0.kind == kind && !$0.name.contains("/") }
            guard let resource else {
                problems.append("\(kind) \(name): the server has no \(kind) in \(apiVersion)")
                continue
            }
            if let problem = try await apply(manifest, resource, apiVersion, name) {
                problems.append("\(kind) \(name): \(problem)")
            }
        }
        return problems.isEmpty ? .done : .notNow(problems.prefix(3).joined(separator: "; "))
    }

    /// Why the server does not take it; nil if it does.
    private func apply(
        _ manifest: JSONValue, _ resource: ServedResource, _ apiVersion: String, _ name: String
    ) async throws(APIError) -> String? {
        let parts = apiVersion.split(separator: "/", maxSplits: 1).map(String.init)
        let definition = ResourceDefinition(
            group: parts.count == 2 ? parts[0] : "", version: parts.last ?? "", kind: resource.kind,
            plural: resource.name, isNamespaced: resource.isNamespaced)
        let namespace = manifest["metadata"]?["namespace"]?.string ?? "default"
        let key = ObjectKey(namespace: resource.isNamespaced ? namespace : "", name: name)
        do {
            try await client.applyDocument(definition, key, manifest.withNamespace(of: key))
            return nil
        } catch {
            guard let status = error.status else { throw error }
            // What the server says about a Secret may quote it.
            return resource.kind == "Secret" ? "\(status.code) \(status.reason)" : "\(error)"
        }
    }
}

extension JSONValue {
    /// Whether other objects of a set may need this one.
    fileprivate var comesFirst: Bool {
        ["Namespace", "CustomResourceDefinition"].contains(self["kind"]?.string ?? "")
    }

    /// The object with its namespace written out, as server-side apply wants it.
    fileprivate func withNamespace(of key: ObjectKey) -> JSONValue {
        guard !key.namespace.isEmpty, var object, var metadata = object["metadata"]?.object else {
            return self
        }
        metadata["namespace"] = .string(key.namespace)
        object["metadata"] = .object(metadata)
        return .object(object)
    }
}
