// SPDX-License-Identifier: Apache-2.0
package import HTTP

/// Why a request to the API server failed.
package enum APIError: Error, Sendable, Hashable {
    /// The server answered, and refused.
    case status(APIStatus)
    /// No answer arrived.
    case transport(TransportError)
    /// The server answered with something that is not what was asked for.
    case undecodable(String)
    /// The request is wrong in itself and was not sent.
    case invalidRequest(String)
    /// Credentials could not be had: token file unreadable, exec plugin failed.
    case credentials(String)
    /// The write was refused here because this process may no longer be the leader.
    case fenced
}

extension APIError {
    /// The server's status, if it answered with one.
    package var status: APIStatus? {
        if case .status(let status) = self { status } else { nil }
    }

    /// The API says that there is no such object.
    package var isNotFound: Bool { status?.reason == "NotFound" }
    /// Nobody serves the path, which says nothing about the object: an unknown kind, or a server that has only just
    /// started and has not read the CRDs yet.
    package var isUnserved: Bool { status?.reason == APIStatus.unservedReason }
    /// There is an object of that name.
    package var isAlreadyExists: Bool { status?.reason == "AlreadyExists" }
    /// The object has changed since, or another manager owns the field.
    package var isConflict: Bool { status?.reason == "Conflict" }
    /// RBAC, or an admission check, does not allow it.
    package var isForbidden: Bool { has(reason: "Forbidden", code: 403) }
    /// The object breaks the rules of its kind.
    package var isInvalid: Bool { has(reason: "Invalid", code: 422) }
    /// The requested resource version is gone (`Gone`, `Expired`, 410).
    package var isExpired: Bool { has(reason: "Expired", code: 410) || has(reason: "Gone", code: 410) }
    /// The task was cancelled, which is no failure of the request.
    package var isCancelled: Bool { self == .transport(.cancelled) }
    /// The answer, or one event of a watch, was larger than is accepted.
    package var isTooLarge: Bool {
        if case .transport(.responseTooLarge) = self { true } else { false }
    }

    private func has(reason: String, code: Int) -> Bool {
        guard let status else { return false }
        return status.reason == reason || status.code == code
    }
}

extension APIError: CustomStringConvertible {
    /// What happened, fit for a log line.
    package var description: String {
        switch self {
        case .status(let status): status.description
        case .transport(let error): error.description
        case .undecodable(let problem): "unreadable answer: \(problem)"
        case .invalidRequest(let problem): "invalid request: \(problem)"
        case .credentials(let problem): "no credentials: \(problem)"
        case .fenced: "not sent, since this process may no longer be the leader"
        }
    }
}
