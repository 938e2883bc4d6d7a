// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import StructuredData

/// Which API server to speak to, and how: all that a kubeconfig or a pod's service account says.
///
/// Certificates and tokens are named, not read, because their files change while the program runs.
package struct ClusterConfiguration: Sendable, Hashable {
    /// PEM text from where it was configured.
    package enum PEMSource: Sendable, Hashable {
        case inline([UInt8])
        /// Read again from time to time.
        case file(String)
    }

    /// Which server certificates to accept.
    package enum Trust: Sendable, Hashable {
        case system
        case certificates(PEMSource)
        case insecure
    }

    /// A client certificate and its key.
    package struct Identity: Sendable, Hashable {
        /// The certificate and those that vouch for it.
        package var certificate: PEMSource
        /// The private key.
        package var key: PEMSource

        package init(certificate: PEMSource, key: PEMSource) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// Where the server is.
    package var endpoint: Endpoint
    /// Which server certificates are accepted.
    package var trust: Trust
    /// The client certificate, if there is one.
    package var identity: Identity?
    /// The name to ask for and to verify instead of the endpoint's host.
    package var serverName: String?
    /// The URL of a proxy; nil leaves it to the environment.
    package var proxy: String?
    /// How requests say who we are.
    package var authentication: Authentication
    /// The namespace to work in where none is given.
    package var namespace: String
    /// Where all this comes from, for a log line.
    package var origin: String

    package init(
        endpoint: Endpoint, trust: Trust = .system, identity: Identity? = nil, serverName: String? = nil,
        proxy: String? = nil, authentication: Authentication = .none, namespace: String = "default",
        origin: String
    ) {
        self.endpoint = endpoint
        self.trust = trust
        self.identity = identity
        self.serverName = serverName
        self.proxy = proxy
        self.authentication = authentication
        self.namespace = namespace
        self.origin = origin
    }
}

/// How requests say who we are, besides a client certificate.
package enum Authentication: Sendable, Hashable {
    case none
    case token(String)
    case tokenFile(String)
    case basic(username: String, password: String)
    case plugin(PluginConfiguration)
}

extension Authentication: CustomStringConvertible, CustomDebugStringConvertible {
    /// The kind, without the secret.
    package var description: String {
        switch self {
        case .none: "none"
        case .token: "token"
        case .tokenFile(let path): "token file \(path)"
        case .basic: "basic"
        case .plugin(let plugin): "plugin \(plugin.command)"
        }
    }

    package var debugDescription: String { description }
}

/// A program that prints credentials: `users[].user.exec` of a kubeconfig.
package struct PluginConfiguration: Sendable, Hashable {
    /// What the plugin is told about the cluster if it asks for that.
    package struct Cluster: Sendable, Hashable {
        /// The server's URL as it was configured.
        package var server: String
        package var serverName: String?
        package var trust: ClusterConfiguration.Trust
        package var proxy: String?
        /// The cluster's extension `client.authentication.k8s.io/exec`, passed on as it is.
        package var config: JSONValue?
    }

    /// `client.authentication.k8s.io/v1` or `…/v1beta1`; the plugin must answer with the same.
    package var apiVersion: String
    /// A path, or a bare name to look up in PATH.
    package var command: String
    /// What follows the command.
    package var arguments: [String]
    /// Added to our own environment.
    package var environment: [String: String]
    /// What to tell the user if the program is not there.
    package var installHint: String
    /// The plugin wants to ask a person, and there is none here.
    package var needsTerminal: Bool
    /// Nil if the plugin does not ask for it.
    package var cluster: Cluster?
}
