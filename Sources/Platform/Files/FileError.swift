// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A file operation that failed: what, on which path, and why.
package struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was tried; the raw value completes "cannot …".
    package enum Operation: String, Sendable, Hashable {
        case open, read, write, list, remove, examine
        case makeDirectory = "make directory"
    }

    /// Why it failed.
    package enum Cause: Sendable, Hashable {
        case system(SystemError)
        case largerThan(limit: Int)
        case notRegularFile
        /// The name is empty, `.`, `..`, or contains a slash or NUL.
        case invalidName
    }

    package var operation: Operation
    package var path: String
    package var cause: Cause

    package init(_ operation: Operation, _ path: String, _ cause: Cause) {
        self.operation = operation
        self.path = path
        self.cause = cause
    }

    /// The error number, if the system refused the operation.
    package var code: Int32? {
        if case .system(let error) = cause { error.code } else { nil }
    }

    /// Whether the file, or a directory on the way to it, does not exist.
    package var isNotFound: Bool { code == ENOENT }

    package var description: String {
        let reason =
            switch cause {
            case .system(let error): error.description
            case .largerThan(let limit): "larger than the limit of \(limit) bytes"
            case .notRegularFile: "not a regular file"
            case .invalidName: "not a file name"
            }
        return "cannot \(operation.rawValue) \(path): \(reason)"
    }
}
