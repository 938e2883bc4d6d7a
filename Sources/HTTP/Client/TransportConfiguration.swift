// SPDX-License-Identifier: Apache-2.0

/// Where a server is: the parts of its URL.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// `http` carries no credentials; see `Kubernetes`.
    package enum Scheme: String, Sendable { case https, http }

    package var scheme: Scheme
    /// A DNS name, an IPv4 address or an IPv6 address without brackets.
    package var host: String
    package var port: UInt16
    /// What stands before every request's path: empty, or `/prefix` without a trailing slash.
    package var pathPrefix: String

    package init(scheme: Scheme, host: String, port: UInt16, pathPrefix: String = "") {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.pathPrefix = pathPrefix
    }

    /// `https://host:port/prefix`, IPv6 in brackets.
    package var description: String {
        "\(scheme.rawValue)://\(authority)\(pathPrefix)"
    }

    /// `host:port`, IPv6 in brackets: the Host header.
    package var authority: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// Whom to trust and who we are, as PEM text in memory.
package struct TLSConfiguration: Sendable, Hashable {
    /// Which server certificates are accepted.
    package enum Trust: Sendable, Hashable {
        /// Those that the machine's own CA bundle vouches for.
        case system
        /// Those that these CA certificates vouch for, and no others.
        case certificates(pem: [UInt8])
        /// The one with this key, whatever it says and whoever signed it.
        case pinned(ServerKeyDigest)
        /// All of them; only when the user said so, or where nothing secret is said.
        case insecure
    }

    /// A client certificate with its private key.
    package struct Identity: Sendable, Hashable {
        package var certificatePEM: [UInt8]
        package var keyPEM: [UInt8]

        package init(certificatePEM: [UInt8], keyPEM: [UInt8]) {
            self.certificatePEM = certificatePEM
            self.keyPEM = keyPEM
        }
    }

    package var trust: Trust
    package var identity: Identity?
    /// The name to ask for (SNI) and to verify, if it is not the endpoint's host.
    package var serverName: String?

    package init(trust: Trust = .system, identity: Identity? = nil, serverName: String? = nil) {
        self.trust = trust
        self.identity = identity
        self.serverName = serverName
    }
}

/// What a transport needs to know; it never changes, so new credentials mean a new transport.
package struct TransportConfiguration: Sendable, Hashable {
    package var endpoint: Endpoint
    package var tls: TLSConfiguration
    /// `http://`, `https://` or `socks5://` URL of a proxy; nil leaves it to `HTTPS_PROXY` and `NO_PROXY`.
    package var proxy: String?
    /// The value of the User-Agent header.
    package var userAgent: String
    /// The longest that name look-up, TCP and TLS may take together.
    package var connectTimeout: Duration
    /// How many connections may be open to the server, besides one for each open stream (`HTTPTransport.open`);
    /// one carries up to 100 HTTP/2 streams.
    package var maximumConnections: Int

    package init(
        endpoint: Endpoint, tls: TLSConfiguration = TLSConfiguration(), proxy: String? = nil,
        userAgent: String, connectTimeout: Duration = .seconds(10), maximumConnections: Int = 2
    ) {
        self.endpoint = endpoint
        self.tls = tls
        self.proxy = proxy
        self.userAgent = userAgent
        self.connectTimeout = connectTimeout
        self.maximumConnections = maximumConnections
    }
}

/// The private key stays out of whatever prints a configuration.
extension TLSConfiguration.Identity: CustomStringConvertible, CustomReflectable {
    /// How long the certificate is, and no word of the key.
    package var description: String { "client certificate of \(certificatePEM.count) bytes" }
    /// Shows the key to no reflection either.
    package var customMirror: Mirror {
        Mirror(
            self, children: ["certificatePEM": certificatePEM, "keyPEM": "[redacted]"], displayStyle: .struct)
    }
}

/// A proxy's user and password stay out of whatever prints a configuration.
extension TransportConfiguration: CustomStringConvertible, CustomReflectable {
    /// The server's URL and whether a proxy is configured.
    package var description: String { "\(endpoint)\(proxy == nil ? "" : " through a proxy")" }
    /// Shows the proxy's URL to no reflection either.
    package var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "endpoint": endpoint, "tls": tls, "proxy": proxy == nil ? "none" : "[redacted]",
                "userAgent": userAgent, "connectTimeout": connectTimeout,
                "maximumConnections": maximumConnections,
            ], displayStyle: .struct)
    }
}
