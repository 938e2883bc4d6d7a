// SPDX-License-Identifier: Apache-2.0

/// Why a key or certificate could not be made or read; never holds any part of a key.
package enum PKIError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The text is not what it should be, and why.
    case unreadable(what: String, reason: String)
    /// OpenSSL refused an operation.
    case failed(operation: String, reason: String)
    /// Nobody waits for the result any more.
    case cancelled

    package var description: String {
        switch self {
        case .unreadable(let what, let reason): "\(what) cannot be read: \(reason)"
        case .failed(let operation, let reason): "\(operation) failed: \(reason)"
        case .cancelled: "stopped, since the result is no longer wanted"
        }
    }
}
