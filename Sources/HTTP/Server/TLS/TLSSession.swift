// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import Glibc

/// TLS on one client's socket; no call waits.
///
/// Reading makes the handshake too: until it is done, nothing is there to read.
final class TLSSession {
    /// What `poll` has to report before reading can go on: usually input, room for output in a handshake.
    private(set) var readInterest = POLLIN
    /// What `poll` has to report before sending can go on.
    private(set) var writeInterest = POLLOUT
    private let session: OpaquePointer
    /// After a fatal error OpenSSL must not be called again.
    private var isBroken = false

    /// Takes the session over.
    init(_ session: OpaquePointer) {
        self.session = session
    }

    deinit {
        SSL_free(session)
    }

    /// Whether there are decrypted bytes, of which `poll` knows nothing.
    var hasPending: Bool { SSL_pending(session) > 0 }

    /// Reads what has arrived, up to the size of `buffer`.
    func receive(into buffer: inout [UInt8]) -> Sockets.Transfer {
        guard !isBroken else { return .failed }
        let wasHandshaking = SSL_is_init_finished(session) == 0
        OpenSSLErrors.clear()
        var count = 0
        let result = SSL_read_ex(session, &buffer, buffer.count, &count)
        guard result <= 0 else { return .done(count) }
        let transfer = outcome(of: result, &readInterest)
        return transfer == .failed && wasHandshaking ? handshakeFailure : transfer
    }

    /// Sends what there is room for, at most a record.
    func send(_ bytes: ArraySlice<UInt8>) -> Sockets.Transfer {
        guard !isBroken else { return .failed }
        guard !bytes.isEmpty else { return .done(0) }
        OpenSSLErrors.clear()
        var count = 0
        let result = bytes.withUnsafeBytes { SSL_write_ex(session, $0.baseAddress, $0.count, &count) }
        return result > 0 ? .done(count) : outcome(of: result, &writeInterest)
    }

    /// Tells the client that nothing more will come; `.wouldBlock` if there is no room for that.
    func finish() -> Sockets.Transfer {
        guard !isBroken, SSL_is_init_finished(session) == 1 else { return .failed }
        OpenSSLErrors.clear()
        let result = SSL_shutdown(session)
        // 0: ours is sent and the client's has not come, which nobody waits for.
        return result >= 0 ? .done(0) : outcome(of: result, &writeInterest)
    }

    private var handshakeFailure: Sockets.Transfer {
        OpenSSLErrors.lastReason == SSL_R_HTTP_REQUEST ? .plainHTTP : .handshakeFailed
    }

    private func outcome(of result: Int32, _ interest: inout Int32) -> Sockets.Transfer {
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ:
            interest = POLLIN
            return .wouldBlock
        case SSL_ERROR_WANT_WRITE:
            interest = POLLOUT
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .end
        default:
            isBroken = true
            return .failed
        }
    }
}
