// SPDX-License-Identifier: Apache-2.0
package import HTTP

/// Why a call to a node failed.
package enum TalosError: Error, Sendable, Hashable {
    /// The node refused, or could not do it; in its own words.
    case status(GRPCStatus)
    /// One of several nodes behind the answer failed, while the call itself did not.
    case node(hostname: String, GRPCStatus)
    /// No answer arrived, or not all of it.
    case transport(TransportError)
    /// The answer arrived and is not what it should be; what was wrong, without its content.
    case decoding(String)
}

extension TalosError {
    /// The node's status, if it gave one.
    package var grpcStatus: GRPCStatus? {
        switch self {
        case .status(let status), .node(_, let status): status
        case .transport, .decoding: nil
        }
    }

    /// The code of the node's status, if it gave one.
    package var code: GRPCStatus.Code? { grpcStatus?.code }

    /// Whether the node is not to be reached or not ready to answer, so that the same call may succeed later.
    ///
    /// A certificate that is not trusted is not among these: see `isUntrusted`.
    package var isUnavailable: Bool {
        switch self {
        case .transport(let error):
            switch error {
            case .connectFailed, .timedOut, .interrupted, .tooLate: true
            case .tlsFailed, .responseTooLarge, .cancelled, .invalidConfiguration: false
            }
        case .status, .node: [.unavailable, .deadlineExceeded, .cancelled].contains(code)
        case .decoding: false
        }
    }

    /// Whether the TLS handshake failed: another authority, another key than the pinned one, a wrong name.
    package var isUntrusted: Bool {
        if case .transport(.tlsFailed) = self { true } else { false }
    }

    /// Whether the node does not know the call: another version, a worker, or maintenance mode.
    package var isUnimplemented: Bool { code == .unimplemented }

    /// Whether what should be made is there already.
    package var isAlreadyExists: Bool { code == .alreadyExists }

    /// Whether what was asked for is not there.
    package var isNotFound: Bool { code == .notFound }

    /// Whether the certificate's role may not do it.
    package var isPermissionDenied: Bool { code == .permissionDenied }

    /// Whether the node is in no state to do it.
    package var isFailedPrecondition: Bool { code == .failedPrecondition }

    /// Whether our own task was cancelled.
    package var isCancellation: Bool { self == .transport(.cancelled) }

    /// Whether the node may have done what was asked although it did not say so: its answer may be lost, so
    /// look before asking again.
    ///
    /// False means that the node has not acted. A status that Talos gives for an error of its own work, UNKNOWN above
    /// all, counts as its answer.
    package var mayHaveBeenProcessed: Bool {
        switch self {
        case .transport(let error): error.mayHaveBeenProcessed
        case .status, .node:
            switch code {
            case .cancelled, .deadlineExceeded, .unavailable, .internal: true
            default: false
            }
        case .decoding: true
        }
    }
}

extension TalosError: CustomStringConvertible {
    /// What failed, fit for a log line or a condition; holds nothing that was sent.
    package var description: String {
        switch self {
        case .status(let status): "\(status)"
        case .node(let hostname, let status): "\(hostname): \(status)"
        case .transport(let error): "\(error)"
        case .decoding(let reason): "unusable answer: \(reason)"
        }
    }
}
