// SPDX-License-Identifier: Apache-2.0
import Platform
package import StructuredData

extension Condition {
    /// Reads a condition that anyone may have written.
    ///
    /// Only the type must be there: a status that is neither `True` nor `False` reads as unknown, and a missing
    /// transition time as 1970.
    package init(_ condition: JSONValue) throws(DecodingProblem) {
        let fields = try condition.expectObject()
        self.init(
            type: try fields.requiredString("type"),
            status: try fields.string("status").flatMap(Status.init(rawValue:)) ?? .unknown,
            reason: try fields.string("reason") ?? "",
            message: try fields.string("message") ?? "",
            observedGeneration: try fields.integer("observedGeneration") ?? 0,
            lastTransitionTime: try fields.timestamp("lastTransitionTime")
                ?? Timestamp(nanosecondsSince1970: 0))
    }
}
