// SPDX-License-Identifier: Apache-2.0
import CCurl
import COpenSSL

/// A libcurl easy handle with the transport's options set once and a request's options set for each.
final class CurlHandle {
    let raw: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private var headerLines: UnsafeMutablePointer<curl_slist>?
    private var connectTo: UnsafeMutablePointer<curl_slist>?

    /// - Throws: `TransportError.invalidConfiguration` for an option libcurl refuses.
    init(_ options: CurlOptions) throws(TransportError) {
        guard let raw = curl_easy_init() else { throw .invalidConfiguration("libcurl is out of memory") }
        self.raw = raw
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        for setting in options.settings { try set(setting) }
        try accept(CURLOPT_ERRORBUFFER, ccurl_set_pointer(raw, CURLOPT_ERRORBUFFER, errorText))
        try accept(
            CURLOPT_HEADERFUNCTION, ccurl_set_data_function(raw, CURLOPT_HEADERFUNCTION, curlHeaderArrived))
        try accept(
            CURLOPT_WRITEFUNCTION, ccurl_set_data_function(raw, CURLOPT_WRITEFUNCTION, curlBodyArrived))
        try accept(CURLOPT_READFUNCTION, ccurl_set_data_function(raw, CURLOPT_READFUNCTION, curlWantsBody))
        try accept(CURLOPT_SEEKFUNCTION, ccurl_set_seek_function(raw, curlWantsBodyAgain))
        try accept(CURLOPT_SOCKOPTFUNCTION, ccurl_set_socket_function(raw, curlSocketOpened))
        try accept(CURLOPT_PREREQFUNCTION, ccurl_set_prerequisite_function(raw, curlMayBegin))
        if let mapping = options.connectTo {
            connectTo = curl_slist_append(nil, mapping)
            try accept(CURLOPT_CONNECT_TO, ccurl_set_list(raw, CURLOPT_CONNECT_TO, connectTo))
        }
    }

    deinit {
        curl_easy_cleanup(raw)
        curl_slist_free_all(headerLines)
        curl_slist_free_all(connectTo)
        errorText.deallocate()
    }

    /// Sets all that differs between requests.
    ///
    /// Idle connections opened longer than `age` ago are not trusted to be alive.
    ///
    /// - Throws: `TransportError.invalidConfiguration` for an option libcurl refuses.
    func prepare(_ transfer: CurlTransfer, youngerThan age: Duration?) throws(TransportError) {
        let request = transfer.exchange.request
        let options = transfer.exchange.destination.options
        errorText[0] = 0
        try set(.text(CURLOPT_URL, options.baseURL + request.target))
        try setMethod(request)
        try setHeaders(request.headers, options)
        let timeout = transfer.exchange.isStream ? nil : request.timeout
        try set(.number(CURLOPT_TIMEOUT_MS, timeout.map { max(1, $0.roundedUpMilliseconds) } ?? 0))
        try set(.number(CURLOPT_IGNORE_CONTENT_LENGTH, request.isGRPC ? 1 : 0))
        try setConnection(ofItsOwn: request.holdsBackServer)
        try set(.number(CURLOPT_MAXLIFETIME_CONN, age.map { max(1, Int($0.components.seconds)) } ?? 0))
        for option in [
            CURLOPT_PRIVATE, CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA,
            CURLOPT_PREREQDATA,
        ] {
            try accept(option, ccurl_set_pointer(raw, option, transfer.context))
        }
    }

    /// Forgets the request, so that no credential stays in an idle handle.
    func clear() {
        ccurl_set_list(raw, CURLOPT_HTTPHEADER, nil)
        curl_slist_free_all(headerLines)
        headerLines = nil
        ccurl_set_pointer(raw, CURLOPT_PRIVATE, nil)
    }

    /// Lets libcurl close the connection under the request once the last request on it is gone.
    func forbidReuse() {
        ccurl_set_long(raw, CURLOPT_FORBID_REUSE, 1)
    }

    /// Lets libcurl receive nothing more of the response, or go on with that.
    func pause(_ isPaused: Bool) {
        curl_easy_pause(raw, isPaused ? CURLPAUSE_RECV : CURLPAUSE_CONT)
    }

    /// libcurl lets requests share a connection if their options for TLS are the same, so these are written in another
    /// way that means the same.
    private func setConnection(ofItsOwn isItsOwn: Bool) throws(TransportError) {
        let versions = Int(CURL_SSLVERSION_TLSv1_2) | Int(CURL_SSLVERSION_MAX_TLSv1_3)
        try set(.number(CURLOPT_SSLVERSION, isItsOwn ? versions : Int(CURL_SSLVERSION_DEFAULT)))
        try set(.number(CURLOPT_FORBID_REUSE, isItsOwn ? 1 : 0))
    }

    private func setMethod(_ request: HTTPRequest) throws(TransportError) {
        // The order matters: each of these options resets some of the others.
        try set(.number(CURLOPT_NOBODY, 0))
        try set(.number(CURLOPT_UPLOAD, 0))
        try set(.number(CURLOPT_HTTPGET, 1))
        if request.method == .head { try set(.number(CURLOPT_NOBODY, 1)) }
        let needsBody = request.method == .post || request.method == .put || request.method == .patch
        if request.body != nil || needsBody {
            try set(.number(CURLOPT_UPLOAD, 1))
            let size = request.body?.count ?? 0
            try accept(
                CURLOPT_INFILESIZE_LARGE, ccurl_set_offset(raw, CURLOPT_INFILESIZE_LARGE, curl_off_t(size)))
        }
        try set(.text(CURLOPT_CUSTOMREQUEST, request.method == .head ? nil : request.method.rawValue))
    }

    private func setHeaders(_ headers: HTTPHeaders, _ options: CurlOptions) throws(TransportError) {
        let acceptsGzip = headers["Accept-Encoding"]?.contains("gzip") == true
        for line in options.headerLines { try addHeader(line) }
        for field in headers.fields where !(acceptsGzip && field.isNamed("Accept-Encoding")) {
            // libcurl's spelling of a header without a value ends in a semicolon.
            try addHeader(field.value.isEmpty ? field.name + ";" : "\(field.name): \(field.value)")
        }
        try set(.text(CURLOPT_ACCEPT_ENCODING, acceptsGzip ? "gzip" : nil))
        try accept(CURLOPT_HTTPHEADER, ccurl_set_list(raw, CURLOPT_HTTPHEADER, headerLines))
    }

    private func addHeader(_ line: String) throws(TransportError) {
        guard let list = curl_slist_append(headerLines, line) else {
            throw .invalidConfiguration("libcurl is out of memory")
        }
        headerLines = list
    }

    private func set(_ setting: CurlOptions.Setting) throws(TransportError) {
        switch setting {
        case .number(let option, let value): try accept(option, ccurl_set_long(raw, option, value))
        case .text(let option, let value): try accept(option, ccurl_set_string(raw, option, value))
        case .blob(let option, let bytes):
            let code = bytes.withUnsafeBytes { ccurl_set_blob(raw, option, $0.baseAddress, $0.count) }
            try accept(option, code)
        }
    }

    private func accept(_ option: CURLoption, _ code: CURLcode) throws(TransportError) {
        guard code != CURLE_OK else { return }
        throw .invalidConfiguration(
            "libcurl refuses option \(option.rawValue): \(String(cString: curl_easy_strerror(code)))")
    }
}

// What libcurl knows of the last request.
extension CurlHandle {
    /// The length of the body that the response head announced; 0 if it did not.
    var contentLength: Int { max(0, offset(CURLINFO_CONTENT_LENGTH_DOWNLOAD_T)) }

    /// Whether the response came over HTTP/1.0 or 1.1.
    var usesHTTP1: Bool {
        let version = long(CURLINFO_HTTP_VERSION)
        return version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1
    }

    /// Whether the connection under the request was agreed to speak HTTP/2; only over TLS.
    var speaksHTTP2: Bool {
        guard let ssl = ccurl_get_ssl(raw) else { return false }
        var (name, length): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
        SSL_get0_alpn_selected(OpaquePointer(ssl), &name, &length)
        return UnsafeBufferPointer(start: name, count: Int(length)).elementsEqual("h2".utf8)
    }

    /// The key of the server at the other end of the connection under the request.
    var serverKey: ServerKeyDigest? {
        guard let ssl = ccurl_get_ssl(raw),
            let certificate = SSL_get1_peer_certificate(OpaquePointer(ssl))
        else { return nil }
        defer { X509_free(certificate) }
        var der: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der)
        defer { CRYPTO_free(der, nil, 0) }
        guard count > 0, let der else { return nil }
        return ServerKeyDigest(ofKey: Array(UnsafeBufferPointer(start: der, count: Int(count))))
    }

    /// This side's port of the connection that carries the request; nil if there is none yet.
    ///
    /// To one server it tells connections apart.
    var localPort: Int? {
        let port = long(CURLINFO_LOCAL_PORT)
        return port > 0 ? port : nil
    }

    /// What libcurl's result means to the caller.
    func error(for code: CURLcode, _ options: CurlOptions) -> TransportError {
        let text = String(cString: errorText)
        var failure = CurlFailure(
            code: code, text: text.isEmpty ? String(cString: curl_easy_strerror(code)) : text)
        failure.wasSent = offset(CURLINFO_PRETRANSFER_TIME_T) > 0
        failure.isFirstOnTLSConnection = !options.isPlainHTTP && long(CURLINFO_NUM_CONNECTS) > 0
        return failure.error
    }

    private func long(_ info: CURLINFO) -> Int {
        var value = 0
        ccurl_get_long(raw, info, &value)
        return value
    }

    private func offset(_ info: CURLINFO) -> Int {
        var value: curl_off_t = 0
        ccurl_get_offset(raw, info, &value)
        return Int(value)
    }
}
