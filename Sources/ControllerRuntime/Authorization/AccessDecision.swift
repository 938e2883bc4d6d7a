// SPDX-License-Identifier: Apache-2.0
import Kubernetes

/// What becomes of a request that bears a token.
package enum AccessDecision: Sendable, Hashable {
    case allowed
    /// The API server does not know the token, or no longer.
    case unauthenticated
    /// It knows whose token it is, and no role allows it.
    case forbidden(user: String)
    /// The API server cannot be asked now; the reason is for the log.
    case unavailable(String)
    /// The API server does not let us ask; the reason is for the log.
    case failed(String)

    /// Whether it holds for a while; that nobody could decide does not.
    var isFinal: Bool {
        switch self {
        case .allowed, .unauthenticated, .forbidden: true
        case .unavailable, .failed: false
        }
    }
}

extension AccessDecision {
    /// Nobody is allowed because of an error: some pass, and others somebody has to mend.
    init(_ error: APIError) {
        switch error {
        case .status(let status) where status.code == 429 || status.code >= 500:
            self = .unavailable("\(error)")
        case .transport, .credentials: self = .unavailable("\(error)")
        case .status, .undecodable, .invalidRequest, .fenced: self = .failed("\(error)")
        }
    }
}
