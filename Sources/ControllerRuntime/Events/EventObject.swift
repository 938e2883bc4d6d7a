// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import Platform
package import StructuredData

/// The core/v1 Event, which this program writes and never reads.
package struct CoreEvent: Resource {
    package static let definition = ResourceDefinition(
        group: "", version: "v1", kind: "Event", plural: "events")

    package let metadata: ObjectMeta

    package init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = ObjectMeta(
            name: object["metadata"]?["name"]?.string ?? "",
            namespace: object["metadata"]?["namespace"]?.string ?? "")
    }
}

/// Who reports: the names that event objects carry.
package struct EventSource: Sendable, Hashable {
    /// The controller, as in `talos-operator`.
    package var component: String
    /// The process, as in the host name; cut to the 128 bytes that the API takes.
    package var instance: String

    package init(component: String, instance: String) {
        self.component = component
        self.instance = instance.truncated(toBytes: 128)
    }
}

extension CorrelatedEvent {
    private static let messageLimit = 1024
    private static let reasonLimit = 128
    /// The longest DNS subdomain.
    private static let nameLimit = 253

    /// The namespace an event object lives in; those about cluster-wide objects are kept in `default`.
    var namespace: String {
        request.regarding.namespace.isEmpty ? "default" : request.regarding.namespace
    }

    /// `<object>.<hex>`, or the bare number if that is too long for a name.
    func name(suffix: UInt64) -> String {
        let hex = String(suffix, radix: 16)
        let name = "\(request.regarding.name).\(hex)"
        return name.utf8.count <= Self.nameLimit && !request.regarding.name.isEmpty ? name : "event.\(hex)"
    }

    /// The object to create.
    func object(named name: String, from source: EventSource) -> JSONValue {
        let regarding = request.regarding
        return [
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "involvedObject": [
                "apiVersion": .string(regarding.apiVersion), "kind": .string(regarding.kind),
                "namespace": .string(regarding.namespace), "name": .string(regarding.name),
                "uid": .string(regarding.uid),
            ],
            "type": .string(request.type.rawValue),
            "reason": .string(request.reason.truncated(toBytes: Self.reasonLimit)),
            "message": .string(request.message.truncated(toBytes: Self.messageLimit)),
            "source": ["component": .string(source.component)],
            "reportingComponent": .string(source.component),
            "reportingInstance": .string(source.instance),
            "firstTimestamp": .string(firstTimestamp.rfc3339()),
            "lastTimestamp": .string(request.timestamp.rfc3339()),
            "count": .integer(Int64(count)),
        ]
    }

    /// The merge patch that counts once more.
    var patch: JSONValue {
        [
            "count": .integer(Int64(count)),
            "message": .string(request.message.truncated(toBytes: Self.messageLimit)),
            "lastTimestamp": .string(request.timestamp.rfc3339()),
        ]
    }
}
