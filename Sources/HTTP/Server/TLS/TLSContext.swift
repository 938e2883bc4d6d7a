// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import Glibc

/// What a server's handshakes are made with: a certificate, its key, and the rules.
///
/// TLS 1.3, or 1.2 with forward secrecy and authenticated encryption; HTTP/1.1 by ALPN; no renegotiation, no
/// compression, no early data. Sessions are resumed by tickets, whose keys live and die with the context.
final class TLSContext {
    /// When the certificate ends, in seconds since 1970.
    let expiry: Int64
    private let context: OpaquePointer

    /// Takes both files' content, and their names for the errors.
    init(_ pair: KeyPairContent) throws(CertificateError) {
        OpenSSLErrors.clear()
        let paths = pair.paths
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw .unusable(path: paths.certificate, reason: OpenSSLErrors.lastText)
        }
        do throws(CertificateError) {
            try Self.setRules(of: context, paths)
            expiry = try Self.use(certificates: pair.certificate, in: context, paths)
            try Self.use(key: pair.key, in: context, paths)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        self.context = context
    }

    deinit {
        SSL_CTX_free(context)
    }

    /// A session on a connected socket, to begin with the client's greeting; nil without memory.
    func session(on descriptor: Int32) -> TLSSession? {
        guard let session = SSL_new(context) else { return nil }
        guard SSL_set_fd(session, descriptor) == 1 else {
            SSL_free(session)
            return nil
        }
        SSL_set_accept_state(session)
        return TLSSession(session)
    }

    // MARK: - Rules

    private static let ciphersOfTLS12 = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"

    private static func setRules(
        of context: OpaquePointer, _ paths: KeyPairPaths
    ) throws(CertificateError) {
        guard copenssl_set_minimum_version(context, TLS1_2_VERSION) == 1,
            SSL_CTX_set_cipher_list(context, ciphersOfTLS12) == 1
        else { throw .unusable(path: paths.certificate, reason: OpenSSLErrors.lastText) }
        let options =
            copenssl_option_no_renegotiation() | copenssl_option_no_compression()
            | copenssl_option_server_preference() | copenssl_option_ignore_unexpected_eof()
        SSL_CTX_set_options(context, options)
        // The rest of an answer may be sent later and from elsewhere; an idle connection keeps no buffers.
        copenssl_set_mode(
            context,
            Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)
                | Int(SSL_MODE_RELEASE_BUFFERS))
        // Otherwise one call would go on for as long as a client sends records without data.
        copenssl_clear_mode(context, Int(SSL_MODE_AUTO_RETRY))
        copenssl_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_alpn_select_cb(context, selectProtocol, nil)
    }

    // MARK: - Certificate and key

    /// The certificate itself first, then those that lead to the authority; the result is when the first ends.
    private static func use(
        certificates content: [UInt8], in context: OpaquePointer, _ paths: KeyPairPaths
    ) throws(CertificateError) -> Int64 {
        let path = paths.certificate
        let input = try PEMInput(content, path)
        guard let leaf = try input.nextCertificate() else { throw .noCertificate(path: path) }
        defer { X509_free(leaf) }
        guard SSL_CTX_use_certificate(context, leaf) == 1 else {
            throw .unusable(path: path, reason: OpenSSLErrors.lastText)
        }
        while let next = try input.nextCertificate() {
            guard copenssl_add_chain_certificate(context, next) == 1 else {
                X509_free(next)
                throw .unusable(path: path, reason: OpenSSLErrors.lastText)
            }
        }
        var end = tm()
        guard ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) == 1 else {
            throw .malformedCertificate(path: path, reason: "it has no end")
        }
        return Int64(timegm(&end))
    }

    private static func use(
        key content: [UInt8], in context: OpaquePointer, _ paths: KeyPairPaths
    ) throws(CertificateError) {
        let key = try PEMInput(content, paths.key).privateKey()
        defer { EVP_PKEY_free(key) }
        OpenSSLErrors.clear()
        guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
            throw [X509_R_KEY_VALUES_MISMATCH, X509_R_KEY_TYPE_MISMATCH].contains(OpenSSLErrors.lastReason)
                ? .mismatch(certificate: paths.certificate, key: paths.key)
                : .unusable(path: paths.key, reason: OpenSSLErrors.lastText)
        }
    }
}

/// PEM text that OpenSSL reads block after block.
private final class PEMInput {
    private let source: OpaquePointer
    private let path: String

    init(_ content: [UInt8], _ path: String) throws(CertificateError) {
        self.path = path
        guard let source = BIO_new(BIO_s_mem()) else {
            throw .unusable(path: path, reason: OpenSSLErrors.lastText)
        }
        self.source = source
        // A copy: the array may move. OpenSSL wipes it with the rest.
        _ = BIO_write(source, content, Int32(clamping: content.count))
    }

    deinit {
        BIO_free_all(source)
    }

    /// The next certificate, which the caller frees; nil at the end.
    func nextCertificate() throws(CertificateError) -> OpaquePointer? {
        OpenSSLErrors.clear()
        if let certificate = PEM_read_bio_X509(source, nil, noPassword, nil) { return certificate }
        guard OpenSSLErrors.lastReason == PEM_R_NO_START_LINE else {
            throw .malformedCertificate(path: path, reason: OpenSSLErrors.lastText)
        }
        return nil
    }

    /// The first private key, which the caller frees.
    func privateKey() throws(CertificateError) -> OpaquePointer {
        OpenSSLErrors.clear()
        guard let key = PEM_read_bio_PrivateKey(source, nil, noPassword, nil) else {
            throw .noPrivateKey(path: path, reason: OpenSSLErrors.lastText)
        }
        return key
    }
}

/// Without it, OpenSSL would ask for the password of an encrypted key on the terminal.
private func noPassword(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isForWriting: Int32,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    -1
}

/// ALPN: HTTP/1.1 if the client offers it; a client that offers only other protocols is turned away.
private func selectProtocol(
    _ session: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ count: UInt32,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    let wanted = Array("http/1.1".utf8)
    let names = UnsafeBufferPointer(start: offered, count: Int(count))
    var index = names.startIndex
    // Each name follows its length; OpenSSL has checked that they fill the list.
    while index < names.endIndex {
        let (start, end) = (index + 1, index + 1 + Int(names[index]))
        guard end <= names.endIndex else { break }
        if names[start..<end].elementsEqual(wanted) {
            chosen?.pointee = offered.map { $0 + start }
            chosenCount?.pointee = UInt8(wanted.count)
            return SSL_TLSEXT_ERR_OK
        }
        index = end
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
