// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An error number of the C library, with its name and text.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The value of `errno`.
    package var code: Int32

    /// The error of that number.
    package init(code: Int32) {
        self.code = code
    }

    /// The error of the call that this thread has just made.
    package static var last: SystemError { SystemError(code: errno) }

    /// The text of the C library and the symbolic name: `No space left on device (ENOSPC)`.
    package var description: String {
        let text = String(cString: strerror(code))
        return Self.names[code].map { "\(text) (\($0))" } ?? "\(text) (error \(code))"
    }

    private static let names: [Int32: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", ESRCH: "ESRCH", EINTR: "EINTR", EIO: "EIO", E2BIG: "E2BIG",
        ENOEXEC: "ENOEXEC", EBADF: "EBADF", EAGAIN: "EAGAIN", ENOMEM: "ENOMEM", EACCES: "EACCES",
        EBUSY: "EBUSY", EEXIST: "EEXIST", EXDEV: "EXDEV", ENOTDIR: "ENOTDIR", EISDIR: "EISDIR",
        EINVAL: "EINVAL", ENFILE: "ENFILE", EMFILE: "EMFILE", ETXTBSY: "ETXTBSY", EFBIG: "EFBIG",
        ENOSPC: "ENOSPC", EROFS: "EROFS", EPIPE: "EPIPE", ENAMETOOLONG: "ENAMETOOLONG",
        ENOTEMPTY: "ENOTEMPTY", ELOOP: "ELOOP", EDQUOT: "EDQUOT", ESTALE: "ESTALE", EADDRINUSE: "EADDRINUSE",
        EADDRNOTAVAIL: "EADDRNOTAVAIL", ECONNRESET: "ECONNRESET", ECONNREFUSED: "ECONNREFUSED",
        ETIMEDOUT: "ETIMEDOUT",
    ]
}

/// Makes a system call again as long as a signal interrupts it.
///
/// - Throws: the error if the call returns a negative number.
@discardableResult
func retrying<Value: SignedInteger>(_ call: () -> Value) throws(SystemError) -> Value {
    while true {
        let value = call()
        if value >= 0 { return value }
        let error = SystemError.last
        if error.code != EINTR { throw error }
    }
}
