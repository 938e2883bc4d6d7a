// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Platform

/// Whether an event tells of normal work or of something to look at.
package enum EventType: String, Sendable, Hashable {
    case normal = "Normal"
    case warning = "Warning"
}

/// Which object an event is about.
package struct ObjectReference: Sendable, Hashable {
    package var apiVersion: String
    package var kind: String
    /// Empty for an object that lives in no namespace.
    package var namespace: String
    package var name: String
    package var uid: String

    package init(apiVersion: String, kind: String, namespace: String, name: String, uid: String) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.uid = uid
    }

    /// The reference to `object`.
    package init<R: Resource>(_ object: R) {
        self.init(
            apiVersion: R.definition.apiVersion, kind: R.definition.kind,
            namespace: object.metadata.namespace, name: object.metadata.name, uid: object.metadata.uid)
    }
}

/// What somebody wants `kubectl describe` to show about an object.
package struct EventRequest: Sendable, Hashable {
    package var type: EventType
    /// CamelCase, for machines; at most 128 bytes.
    package var reason: String
    /// For people; cut to 1024 bytes.
    package var message: String
    package var regarding: ObjectReference
    /// When it happened.
    package var timestamp: Timestamp

    package init(
        type: EventType, reason: String, message: String, regarding: ObjectReference, timestamp: Timestamp
    ) {
        self.type = type
        self.reason = reason
        self.message = message
        self.regarding = regarding
        self.timestamp = timestamp
    }
}

extension String {
    /// The longest beginning of at most `limit` UTF-8 bytes that splits no character's bytes.
    package func truncated(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: max(limit, 0))
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
