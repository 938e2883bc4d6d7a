// SPDX-License-Identifier: Apache-2.0
import CCurl
import Platform

/// A `TransportConfiguration` as libcurl wants it: option by option, decided before any handle exists.
struct CurlOptions: Sendable {
    /// One `curl_easy_setopt` call.
    enum Setting: Sendable, Hashable {
        case number(CURLoption, Int)
        /// Nil takes away what libcurl was built with.
        case text(CURLoption, String?)
        case blob(CURLoption, [UInt8])
    }

    /// What every request has in common.
    let settings: [Setting]
    /// What a request's target is put behind to make its URL.
    let baseURL: String
    /// Header lines that every request carries besides its own.
    let headerLines: [String]
    /// `host:port:address:port`, if the URL's host is a name to verify rather than one to look up.
    let connectTo: String?
    let maximumConnections: Int
    let isPlainHTTP: Bool
    /// Whether the response head tells the server's key.
    let tellsServerKey: Bool

    /// - Throws: `TransportError.invalidConfiguration` for what would make a different URL or trust nobody.
    init(_ configuration: TransportConfiguration) throws(TransportError) {
        let endpoint = configuration.endpoint
        var named = endpoint
        named.host = configuration.tls.serverName ?? endpoint.host
        try Self.check(endpoint)
        try Self.check(named)
        let isRenamed = named.host != endpoint.host
        baseURL = named.description
        headerLines = ["Expect:"] + (isRenamed ? ["Host: \(endpoint.authority)"] : [])
        connectTo = isRenamed ? "\(named.authority):\(endpoint.authority)" : nil
        maximumConnections = max(1, configuration.maximumConnections)
        isPlainHTTP = endpoint.scheme == .http
        tellsServerKey =
            switch configuration.tls.trust {
            case .insecure, .pinned: !isPlainHTTP
            case .system, .certificates: false
            }
        settings =
            try Self.connection(configuration) + Self.trust(configuration.tls.trust)
            + Self.identity(configuration.tls.identity) + Self.proxy(configuration)
    }

    /// An address as it is must come out of libcurl's URL parser again.
    private static func check(_ endpoint: Endpoint) throws(TransportError) {
        let isHost = endpoint.host.utf8.allSatisfy { byte in
            (33...126).contains(byte) && !"/?#@%[]\\\"<>^`{|}".utf8.contains(byte)
        }
        guard !endpoint.host.isEmpty, isHost else {
            throw .invalidConfiguration("server: '\(endpoint.host)' is no host name or address")
        }
        let isPath = endpoint.pathPrefix.utf8.allSatisfy {
            (33...126).contains($0) && !"?#".utf8.contains($0)
        }
        guard endpoint.pathPrefix.isEmpty || endpoint.pathPrefix.utf8.first == UInt8(ascii: "/"), isPath
        else {
            throw .invalidConfiguration("server: '\(endpoint.pathPrefix)' is no path")
        }
    }

    private static func connection(_ configuration: TransportConfiguration) -> [Setting] {
        [
            .text(CURLOPT_USERAGENT, configuration.userAgent),
            .text(CURLOPT_PROTOCOLS_STR, configuration.endpoint.scheme.rawValue),
            .number(CURLOPT_FOLLOWLOCATION, 0),
            .number(CURLOPT_PATH_AS_IS, 1),
            // A proxy's answer to CONNECT is not the response.
            .number(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1),
            .number(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS),
            // Wait for a connection that turns out to take many streams rather than open one more.
            .number(CURLOPT_PIPEWAIT, 1),
            .number(CURLOPT_CONNECTTIMEOUT_MS, max(1, configuration.connectTimeout.roundedUpMilliseconds)),
            .number(CURLOPT_NOSIGNAL, 1),
            // A transfer that ends during a name look-up does not hold up the others until the resolver answers.
            .number(CURLOPT_QUICK_EXIT, 1),
            .number(CURLOPT_BUFFERSIZE, 16 << 10),
            .number(CURLOPT_UPLOAD_BUFFERSIZE, 16 << 10),
            .number(CURLOPT_TCP_KEEPALIVE, 1),
            .number(CURLOPT_TCP_KEEPIDLE, 30),
            .number(CURLOPT_TCP_KEEPINTVL, 10),
        ]
    }

    /// A proxy reached over TLS is trusted on the same terms as the server, as client-go does.
    private static func trust(_ trust: TLSConfiguration.Trust) throws(TransportError) -> [Setting] {
        switch trust {
        case .system:
            return []
        case .certificates(let pem):
            guard !pem.isEmpty else { throw .invalidConfiguration("certificate authority: no certificate") }
            // libcurl trusts the machine's directory of CA certificates besides the given ones if it is left in.
            return [
                .text(CURLOPT_CAINFO, nil), .text(CURLOPT_CAPATH, nil), .blob(CURLOPT_CAINFO_BLOB, pem),
                .text(CURLOPT_PROXY_CAINFO, nil), .text(CURLOPT_PROXY_CAPATH, nil),
                .blob(CURLOPT_PROXY_CAINFO_BLOB, pem),
            ]
        case .pinned(let key):
            // libcurl looks at the pinned key with verification off too.
            return unverified + [.text(CURLOPT_PINNEDPUBLICKEY, "sha256//\(key.base64)")]
        case .insecure:
            return unverified
        }
    }

    private static let unverified: [Setting] = [
        .number(CURLOPT_SSL_VERIFYPEER, 0), .number(CURLOPT_SSL_VERIFYHOST, 0),
        .number(CURLOPT_PROXY_SSL_VERIFYPEER, 0), .number(CURLOPT_PROXY_SSL_VERIFYHOST, 0),
    ]

    private static func identity(_ identity: TLSConfiguration.Identity?) throws(TransportError) -> [Setting] {
        guard let identity else { return [] }
        guard !identity.certificatePEM.isEmpty, !identity.keyPEM.isEmpty else {
            throw .invalidConfiguration("client certificate: certificate and key are both needed")
        }
        return [
            .text(CURLOPT_SSLCERTTYPE, "PEM"), .blob(CURLOPT_SSLCERT_BLOB, identity.certificatePEM),
            .text(CURLOPT_SSLKEYTYPE, "PEM"), .blob(CURLOPT_SSLKEY_BLOB, identity.keyPEM),
        ]
    }

    private static func proxy(_ configuration: TransportConfiguration) throws(TransportError) -> [Setting] {
        guard let proxy = configuration.proxy else {
            return configuration.endpoint.isLoopback ? [.text(CURLOPT_NOPROXY, "*")] : []
        }
        guard let end = proxy.utf8.firstIndex(of: UInt8(ascii: ":")),
            !proxy.utf8.contains(where: { $0 <= 32 })
        else { throw .invalidConfiguration("proxy: not a URL") }
        let scheme = proxy[..<end].lowercased()
        guard ["http", "https", "socks5", "socks5h"].contains(scheme) else {
            throw .invalidConfiguration("proxy: scheme '\(scheme)' is not http, https or socks5")
        }
        // The proxy looks names up, as it does for HTTP; a configured proxy is for every host.
        let url = scheme == "socks5" ? "socks5h" + proxy[end...] : proxy
        return [
            .text(CURLOPT_PROXY, url), .text(CURLOPT_NOPROXY, ""),
            .number(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1),
        ]
    }
}

extension Endpoint {
    /// Whether the host is this machine by its very name.
    fileprivate var isLoopback: Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}

extension Duration {
    /// Whole milliseconds, never less than the duration, from 0 to the most libcurl takes (24 days).
    var roundedUpMilliseconds: Int {
        let nanoseconds = max(0, clampedNanoseconds)
        let milliseconds = nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1)
        return Int(min(milliseconds, Int64(Int32.max)))
    }
}
