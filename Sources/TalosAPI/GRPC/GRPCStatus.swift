// SPDX-License-Identifier: Apache-2.0

/// How a gRPC call ended, in the server's words.
package struct GRPCStatus: Sendable, Hashable {
    /// The codes of gRPC.
    package enum Code: Int, Sendable, Hashable, CaseIterable {
        case ok = 0
        case cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
        case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, `internal`
        case unavailable, dataLoss, unauthenticated
    }

    package var code: Code
    /// For people; may be empty.
    package var message: String

    package init(_ code: Code, _ message: String = "") {
        self.code = code
        self.message = message
    }
}

extension GRPCStatus.Code: CustomStringConvertible {
    /// As gRPC writes it, such as `FAILED_PRECONDITION`.
    package var description: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }
}

extension GRPCStatus: CustomStringConvertible {
    /// As in `NOT_FOUND: member not found`.
    package var description: String { message.isEmpty ? "\(code)" : "\(code): \(message)" }
}
