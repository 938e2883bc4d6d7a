// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// Something of OpenSSL's that is given back when it is no longer needed, also on the way out of an error.
struct Owned<Pointer>: ~Copyable {
    let pointer: Pointer
    private let free: (Pointer?) -> Void

    /// Takes what a call has made; throws what OpenSSL says if that is nothing.
    init(
        _ operation: String, free: @escaping (Pointer?) -> Void, _ make: () -> Pointer?
    ) throws(PKIError) {
        OpenSSL.clearErrors()
        guard let pointer = make() else { throw OpenSSL.failure(operation) }
        self.pointer = pointer
        self.free = free
    }

    deinit {
        free(pointer)
    }
}

/// OpenSSL's conventions in Swift.
enum OpenSSL {
    /// Calls only ever add to the thread's queue of errors, so it is emptied before a call whose error is wanted.
    static func clearErrors() {
        ERR_clear_error()
    }

    /// The newest error of the thread's queue, which is empty after.
    ///
    /// Its words are constants of OpenSSL's and never hold a part of what it was given.
    static func failure(_ operation: String) -> PKIError {
        .failed(operation: operation, reason: takeReason())
    }

    /// The same for input that cannot be read.
    static func unreadable(_ what: String) -> PKIError {
        .unreadable(what: what, reason: takeReason())
    }

    /// Throws what OpenSSL says unless a call succeeds, which most of them say with 1.
    static func check(_ operation: String, _ call: () -> Bool) throws(PKIError) {
        clearErrors()
        guard call() else { throw failure(operation) }
    }

    private static func takeReason() -> String {
        defer { clearErrors() }
        let code = ERR_peek_last_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "OpenSSL does not say why" }
        return String(cString: text)
    }

    /// The bytes that one of the `i2d` functions writes; its buffer is overwritten before it is freed.
    static func encode(
        _ operation: String, _ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>) -> Int32
    ) throws(PKIError) -> [UInt8] {
        clearErrors()
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = write(&buffer)
        guard count > 0, let start = buffer else { throw failure(operation) }
        defer { CRYPTO_clear_free(start, Int(count), #file, #line) }
        return Array(UnsafeBufferPointer(start: start, count: Int(count)))
    }

    /// What one of the `d2i` functions reads, which must be all of `bytes`.
    static func decode<Pointer>(
        _ what: String, _ bytes: [UInt8], free: @escaping (Pointer?) -> Void,
        _ read: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> Pointer?
    ) throws(PKIError) -> Owned<Pointer> {
        clearErrors()
        let (pointer, rest) = bytes.withUnsafeBufferPointer { buffer in
            var place = buffer.baseAddress
            let pointer = read(&place, buffer.count)
            let read = place.flatMap { place in buffer.baseAddress.map { place - $0 } } ?? 0
            return (pointer, buffer.count - read)
        }
        guard let pointer else { throw unreadable(what) }
        let owned = try Owned(what, free: free) { pointer }
        guard rest == 0 else { throw .unreadable(what: what, reason: "bytes follow the end of it") }
        return owned
    }
}
