// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import StructuredData

/// The Kubernetes of one managed cluster.
struct WorkloadCluster: Sendable {
    let client: KubernetesClient

    /// All nodes.
    func nodes() async throws(APIError) -> [WorkloadNode] {
        try await all(WorkloadNode.self, ObjectSelection())
    }

    /// The pods on a node that a drain has to see to, those that are on their way out included.
    func evictablePods(on node: String) async throws(APIError) -> [WorkloadPod] {
        let selection = ObjectSelection(fieldSelector: "spec.nodeName=\(node)")
        return try await all(WorkloadPod.self, selection).filter { !$0.isLeftByDrain }
    }

    /// The pods of Kubernetes' own components on all nodes.
    func componentPods() async throws(APIError) -> [WorkloadPod] {
        let names = KubernetesComponent.allCases.filter { $0 != .kubelet }.map(\.rawValue)
        let selection = ObjectSelection(
            namespace: "kube-system",
            labelSelector: "\(WorkloadPod.componentLabel) in (\(names.joined(separator: ",")))")
        return try await all(WorkloadPod.self, selection)
    }

    /// A list in which an object that cannot be read is not passed over as if it were not there.
    private func all<R: Resource>(
        _ type: R.Type, _ selection: ObjectSelection
    ) async throws(APIError) -> [R] {
        let page = try await client.list(type, selection)
        if let problem = page.undecodable.first { throw .undecodable("\(problem)") }
        return page.items
    }

    /// What CoreDNS and kube-proxy lack, where they are there; nil if nothing.
    func addonsProblem() async throws(APIError) -> String? {
        let deployment = ResourceDefinition(
            group: "apps", version: "v1", kind: "Deployment", plural: "deployments")
        let daemonSet = ResourceDefinition(
            group: "apps", version: "v1", kind: "DaemonSet", plural: "daemonsets")
        let dns = try await client.document(
            deployment, ObjectKey(namespace: "kube-system", name: "coredns"))
        let proxy = try await client.document(
            daemonSet, ObjectKey(namespace: "kube-system", name: "kube-proxy"))
        return Self.lack(
            "CoreDNS", wanted: dns?["spec"]?["replicas"]?.integer ?? 1, dns?["status"]?["availableReplicas"],
            isThere: dns != nil)
            ?? Self.lack(
                "kube-proxy", wanted: proxy?["status"]?["desiredNumberScheduled"]?.integer ?? 0,
                proxy?["status"]?["numberReady"], isThere: proxy != nil)
    }

    private static func lack(
        _ name: String, wanted: Int64, _ ready: JSONValue?, isThere: Bool
    ) -> String? {
        let ready = ready?.integer ?? 0
        return isThere && ready < wanted ? "\(name) has \(ready) of \(wanted) pods ready" : nil
    }
}

extension WorkloadCluster {
    /// Makes a node unschedulable and notes that it was us; one that somebody else has cordoned stays theirs.
    func cordon(_ name: String) async throws(APIError) -> ActionResult {
        guard let node = try await node(name) else { return .alreadyDone }
        guard !node.isUnschedulable else { return .alreadyDone }
        return try await patch(node, unschedulable: true, .string(APINames.fieldManager))
    }

    /// Makes a node schedulable that we have made unschedulable.
    ///
    /// From one that was seen to be schedulable only our mark is taken: if it is not any more, that was somebody else.
    func uncordon(_ name: String, isSchedulable: Bool) async throws(APIError) -> ActionResult {
        guard let node = try await node(name), node.isCordonedByUs else { return .alreadyDone }
        return try await patch(node, unschedulable: isSchedulable ? nil : .null, .null)
    }

    /// Deletes the Node object; the kubelet of a node that still runs would make it anew.
    func deleteNode(_ name: String) async throws(APIError) -> ActionResult {
        guard let node = try await node(name) else { return .alreadyDone }
        _ = try await client.delete(
            WorkloadNode.self, node.key, preconditions: Preconditions(uid: node.metadata.uid))
        return .done
    }

    private func node(_ name: String) async throws(APIError) -> WorkloadNode? {
        do {
            return try await client.get(WorkloadNode.self, ObjectKey(namespace: "", name: name))
        } catch  where error.isNotFound {
            return nil
        }
    }

    private func patch(
        _ node: WorkloadNode, unschedulable: JSONValue?, _ by: JSONValue
    ) async throws(APIError) -> ActionResult {
        var patch: JSONObject = [
            "metadata": [
                "resourceVersion": .string(node.metadata.resourceVersion.text),
                "annotations": .object([WorkloadNode.cordonedBy: by]),
            ]
        ]
        patch["spec"] = unschedulable.map { ["unschedulable": $0] }
        _ = try await client.mergePatch(WorkloadNode.self, node.key, .object(patch))
        return .done
    }
}
