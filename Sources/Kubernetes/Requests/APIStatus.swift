// SPDX-License-Identifier: Apache-2.0

/// The API server's own word on a failed request: metav1.Status.
package struct APIStatus: Sendable, Hashable {
    /// One cause of a rejection: a field and what is wrong with it.
    package struct Cause: Sendable, Hashable {
        /// The kind of the fault, as in `FieldValueInvalid`.
        package var reason: String
        package var message: String
        /// The field's path; empty if it is about none.
        package var field: String

        package init(reason: String, message: String, field: String) {
            self.reason = reason
            self.message = message
            self.field = field
        }
    }

    /// The HTTP status code.
    package var code: Int
    /// The machine-readable reason: `NotFound`, `Conflict` …; derived from the code where the server gave none.
    package var reason: String
    /// For people.
    package var message: String
    /// The rejection in detail; often empty.
    package var causes: [Cause]
    /// How long the server asks to wait before the next try.
    package var retryAfter: Duration?

    package init(
        code: Int, reason: String, message: String, causes: [Cause] = [], retryAfter: Duration? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes
        self.retryAfter = retryAfter
    }
}

extension APIStatus {
    /// The server waited for a resource version that lies in its future, and gave up.
    ///
    /// Seen after a restored backup; a retry only waits again, so the caller lists anew without a version.
    package var isTooLargeResourceVersion: Bool {
        causes.contains { $0.reason == "ResourceVersionTooLarge" }
            || (code == 504 && message.hasPrefix("Too large resource version"))
    }

    /// The namespace is being deleted and takes no new objects.
    package var isNamespaceTerminating: Bool {
        causes.contains { $0.reason == "NamespaceTerminating" }
    }
}

extension APIStatus: CustomStringConvertible {
    /// `404 NotFound: machines "x" not found`.
    package var description: String { "\(code) \(reason): \(message)" }
}
