// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import StructuredData

/// What tells one kind of `RawObject` from another.
package protocol RawKind: Sendable {
    static var definition: ResourceDefinition { get }
}

/// An object of any kind, kept as the server sent it but for managedFields.
package struct RawObject<Kind: RawKind>: Resource {
    package static var definition: ResourceDefinition { Kind.definition }
    package let metadata: ObjectMeta
    package let document: JSONValue

    package init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        document = object
    }

    /// The member of `spec`.
    package func spec(_ key: String) -> JSONValue? { document["spec"]?[key] }
}

/// The kind `Namespace`.
package enum NamespaceKind: RawKind {
    package static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "Namespace", plural: "namespaces", isNamespaced: false)
}

/// The kind `ConfigMap`.
package enum ConfigMapKind: RawKind {
    package static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "ConfigMap", plural: "configmaps")
}

/// The kind `StoredEvent`.
package enum StoredEventKind: RawKind {
    package static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "Event", plural: "events")
}

/// The kind `Role`.
package enum RoleKind: RawKind {
    package static let definition = ResourceDefinition(
        group: "rbac.authorization.k8s.io", version: "v1", kind: "Role", plural: "roles")
}

/// The kind `RoleBinding`.
package enum RoleBindingKind: RawKind {
    package static let definition = ResourceDefinition(
        group: "rbac.authorization.k8s.io", version: "v1", kind: "RoleBinding", plural: "rolebindings")
}

/// The kind `CustomResourceDefinition`.
package enum CustomResourceDefinitionKind: RawKind {
    package static let definition = ResourceDefinition(
        group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions", isNamespaced: false)
}

/// The kind `OldIngress`.
package enum OldIngressKind: RawKind {
    package static let definition = ResourceDefinition(
        group: "extensions", version: "v1beta1", kind: "Ingress", plural: "ingresses")
}

/// A kind of our own: `spec` keeps everything, `size` must be 0 or more, status is a subresource.
package enum WidgetKind: RawKind {
    package static let definition = ResourceDefinition(
        group: TestResources.group, version: "v1", kind: "Widget", plural: "widgets")
}

/// A kind that one test installs and removes.
package enum GadgetKind: RawKind {
    package static let definition = ResourceDefinition(
        group: TestResources.group, version: "v1", kind: "Gadget", plural: "gadgets")
}

package typealias Namespace = RawObject<NamespaceKind>
package typealias ConfigMap = RawObject<ConfigMapKind>
package typealias StoredEvent = RawObject<StoredEventKind>
package typealias Role = RawObject<RoleKind>
package typealias RoleBinding = RawObject<RoleBindingKind>
package typealias CustomResourceDefinition = RawObject<CustomResourceDefinitionKind>
package typealias OldIngress = RawObject<OldIngressKind>
package typealias Widget = RawObject<WidgetKind>
package typealias Gadget = RawObject<GadgetKind>

/// Documents that tests send.
package enum TestResources {
    package static let group = "testing.vitistack.io"

    package static let widgets = definition(of: WidgetKind.definition)
    package static let gadgets = definition(of: GadgetKind.definition)

    /// The CRD of a kind of ours.
    private static func definition(of kind: ResourceDefinition) -> JSONValue {
        let schema: JSONValue = [
            "type": "object",
            "properties": [
                "spec": [
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": ["size": ["type": "integer", "minimum": 0]],
                ],
                "status": ["type": "object", "x-kubernetes-preserve-unknown-fields": true],
            ],
        ]
        return [
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": ["name": .string("\(kind.plural).\(kind.group)")],
            "spec": [
                "group": .string(kind.group), "scope": "Namespaced",
                "names": [
                    "kind": .string(kind.kind), "plural": .string(kind.plural),
                    "singular": .string(kind.kind.lowercased()), "listKind": .string("\(kind.kind)List"),
                ],
                "versions": [
                    [
                        "name": .string(kind.version), "served": true, "storage": true,
                        "subresources": ["status": [:]], "schema": ["openAPIV3Schema": schema],
                    ]
                ],
            ],
        ]
    }

    /// A ConfigMap with one entry, `value`.
    package static func configMap(
        _ name: String, value: String = "", labels: [String: String] = [:],
        owner: OwnerReference? = nil
    ) -> JSONValue {
        object(ConfigMapKind.definition, name, labels, owner, ["data": ["value": .string(value)]])
    }

    /// A Widget.
    package static func widget(
        _ name: String, spec: JSONValue = ["size": 1], labels: [String: String] = [:],
        owner: OwnerReference? = nil
    ) -> JSONValue {
        object(WidgetKind.definition, name, labels, owner, ["spec": spec])
    }

    /// An object of a kind of ours with the given members.
    package static func object(
        _ kind: ResourceDefinition, _ name: String, _ labels: [String: String] = [:],
        _ owner: OwnerReference? = nil, _ members: JSONObject = [:]
    ) -> JSONValue {
        var metadata: JSONObject = ["name": .string(name)]
        if !labels.isEmpty {
            metadata["labels"] = .object(
                JSONObject(labels.map { .init(key: $0.key, value: .string($0.value)) }))
        }
        if let owner { metadata["ownerReferences"] = [owner.json] }
        var object = members
        object["apiVersion"] = .string(kind.apiVersion)
        object["kind"] = .string(kind.kind)
        object["metadata"] = .object(metadata)
        return .object(object)
    }
}
