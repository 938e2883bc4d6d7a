// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// The thread's queue of OpenSSL errors.
///
/// Calls only ever add to it, so it is emptied before a call whose error is wanted. What it holds are constant
/// texts and codes, never a part of a key.
enum OpenSSLErrors {
    /// Forgets what earlier calls have left.
    static func clear() {
        ERR_clear_error()
    }

    /// The reason code of the newest error; 0 if there is none.
    static var lastReason: Int32 {
        ERR_GET_REASON(ERR_peek_last_error())
    }

    /// The newest error in words, such as `key values mismatch`.
    static var lastText: String {
        let code = ERR_peek_last_error()
        guard let text = ERR_reason_error_string(code) else { return "OpenSSL error \(code)" }
        return String(cString: text)
    }
}
