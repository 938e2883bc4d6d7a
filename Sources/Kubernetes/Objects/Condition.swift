// SPDX-License-Identifier: Apache-2.0
package import Platform
package import StructuredData

/// One observation about an object: metav1.Condition.
package struct Condition: Sendable, Hashable {
    /// Yes, no, or nobody knows yet.
    package enum Status: String, Sendable {
        case `true` = "True"
        case `false` = "False"
        case unknown = "Unknown"
    }

    /// What is observed: `Ready`; unique within an object.
    package var type: String
    /// Whether it is so.
    package var status: Status
    /// CamelCase, for machines; required.
    package var reason: String
    /// For people; may be empty.
    package var message: String
    /// The generation of the spec that the observation is about.
    package var observedGeneration: Int64
    /// When `status` last changed; it stays while only reason and message do.
    package var lastTransitionTime: Timestamp

    package init(
        type: String, status: Status, reason: String, message: String, observedGeneration: Int64,
        lastTransitionTime: Timestamp
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.observedGeneration = observedGeneration
        self.lastTransitionTime = lastTransitionTime
    }

    /// Whether the status is `True`; unknown is not.
    package var isTrue: Bool { status == .true }

    /// The condition as the API writes it.
    package var json: JSONValue {
        [
            "type": .string(type), "status": .string(status.rawValue), "reason": .string(reason),
            "message": .string(message), "observedGeneration": .integer(observedGeneration),
            "lastTransitionTime": .string(lastTransitionTime.rfc3339()),
        ]
    }
}
