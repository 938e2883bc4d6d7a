// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import StructuredData

/// A Node of a managed cluster, as far as a cluster's life is concerned.
struct WorkloadNode: Resource, Hashable {
    static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "Node", plural: "nodes", isNamespaced: false)
    /// Annotation of a Node: who has made it unschedulable; what others have cordoned is theirs to uncordon.
    static let cordonedBy = "cluster.vitistack.io/cordoned-by"

    var metadata: ObjectMeta
    var isReady: Bool
    var isUnschedulable: Bool
    var kubeletVersion: Release?
    var internalIP: String?

    /// Whether it is marked as cordoned by us.
    ///
    /// The mark counts on a node that is schedulable again too: left there, it would make ours what somebody else
    /// cordons next.
    var isCordonedByUs: Bool { metadata.annotations[Self.cordonedBy] == APINames.fieldManager }

    init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        let status = object["status"]
        isReady = status?["conditions"].holds("Ready") ?? false
        isUnschedulable = object["spec"]?["unschedulable"]?.bool ?? false
        kubeletVersion = status?["nodeInfo"]?["kubeletVersion"]?.string.flatMap { Release($0) }
        internalIP = status?["addresses"]?.array?.first { $0["type"] == "InternalIP" }?["address"]?.string
    }

    /// What the planner is told; of its pods nothing yet.
    var observation: KubernetesNode {
        var node = KubernetesNode(
            isReady: isReady, isUnschedulable: isUnschedulable, kubeletVersion: kubeletVersion)
        node.isCordonedByUs = isCordonedByUs
        node.internalIP = internalIP
        return node
    }
}

/// A pod of a managed cluster.
struct WorkloadPod: Resource, Hashable {
    static let definition = ResourceDefinition(group: "", version: "v1", kind: "Pod", plural: "pods")
    /// The label of the pods of Kubernetes' own components.
    static let componentLabel = "k8s-app"
    private static let mirror = "kubernetes.io/config.mirror"
    private static let configVersion = "talos.dev/config-version"

    var metadata: ObjectMeta
    var node: String
    var isReady: Bool
    /// Whether it has run to its end.
    var isFinished: Bool
    var images: [String]

    init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        let (spec, status) = (object["spec"], object["status"])
        node = spec?["nodeName"]?.string ?? ""
        isReady = status?["conditions"].holds("Ready") ?? false
        isFinished = ["Succeeded", "Failed"].contains(status?["phase"]?.string ?? "")
        images = (spec?["containers"]?.array ?? []).compactMap { $0["image"]?.string }
    }

    /// Whether a drain leaves it where it is: a DaemonSet would make it anew, a static pod belongs to the node, and one
    /// that has finished disturbs nobody.
    var isLeftByDrain: Bool {
        isFinished || metadata.annotations[Self.mirror] != nil || metadata.controller?.kind == "DaemonSet"
    }

    /// The version of Talos' resource that a static pod was made from.
    var configVersion: String? { metadata.annotations[Self.configVersion] }

    var component: KubernetesComponent? {
        metadata.labels[Self.componentLabel].flatMap { KubernetesComponent(rawValue: $0) }
    }

    /// The image of the component itself.
    var componentImage: String? {
        guard let component else { return nil }
        return images.first { ImageReference($0).name == component.rawValue } ?? images.first
    }
}

extension JSONValue? {
    /// Whether a list of conditions has one of that type with the status True.
    fileprivate func holds(_ type: JSONValue) -> Bool {
        self?.array?.first { $0["type"] == type }?["status"] == "True"
    }
}
