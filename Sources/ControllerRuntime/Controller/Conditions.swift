// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Platform

extension [Condition] {
    /// The longest message that the API takes, in bytes.
    private static var messageLimit: Int { 32_768 }

    /// The condition of this type.
    package func condition(_ type: String) -> Condition? {
        first { $0.type == type }
    }

    /// These conditions with one set to what was observed.
    ///
    /// Its transition time moves only if the status changes. The others stay as they are, whoever set them; so
    /// does the order, and a new condition comes last. If nothing differs, the result is equal.
    package func setting(
        _ type: String, _ status: Condition.Status, reason: String, message: String,
        observedGeneration: Int64, at now: Timestamp
    ) -> [Condition] {
        let known = firstIndex { $0.type == type }
        let hasFlipped = known.map { self[$0].status != status } ?? true
        let condition = Condition(
            type: type, status: status, reason: reason,
            message: message.truncated(toBytes: Self.messageLimit), observedGeneration: observedGeneration,
            lastTransitionTime: known.flatMap { hasFlipped ? nil : self[$0].lastTransitionTime } ?? now)
        guard let known else { return self + [condition] }
        var conditions = self
        conditions[known] = condition
        return conditions
    }
}
