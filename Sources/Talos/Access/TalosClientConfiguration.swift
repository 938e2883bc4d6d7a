// SPDX-License-Identifier: Apache-2.0
package import PKI
package import Platform

/// A talosconfig: where clusters are, and as whom to speak with them.
package struct TalosClientConfiguration: Sendable, Hashable {
    /// One cluster of it.
    package struct Context: Sendable, Hashable {
        /// The name that `context` refers to.
        package var name: String
        /// Nodes to connect to: a host, a host and port, or an `https` URL.
        package var endpoints: [String]
        /// Nodes to ask by default.
        package var nodes: [String]
        /// The PEM text of the authority of Talos' API; empty if there is none.
        package var authority: [UInt8]
        /// The client's certificate and key; empty if there are none.
        package var client: KeyAndCertificate
        /// What proxies want: user and password, or an identity.
        package var authentication: Authentication?
        /// The cluster behind a proxy.
        package var cluster: String

        package init(
            name: String, endpoints: [String] = [], nodes: [String] = [], authority: [UInt8] = [],
            client: KeyAndCertificate = KeyAndCertificate(), authentication: Authentication? = nil,
            cluster: String = ""
        ) {
            self.name = name
            self.endpoints = endpoints
            self.nodes = nodes
            self.authority = authority
            self.client = client
            self.authentication = authentication
            self.cluster = cluster
        }
    }

    /// Other ways to say who one is than a certificate.
    package enum Authentication: Sendable, Hashable {
        case basic(username: String, password: String)
        case siderov1(identity: String)
    }

    /// How long talosctl makes its certificates good for: 8760 hours.
    package static let talosctlLifetime = Duration.seconds(8760 * 3600)
    /// How long those are good that are renewed by themselves: 24 hours.
    package static let shortLifetime = Duration.seconds(24 * 3600)
    /// The role that may do everything.
    package static let administrator = "os:admin"

    /// The name of the context in use.
    package var context: String
    package var contexts: [Context]

    package init(context: String, contexts: [Context]) {
        self.context = context
        self.contexts = contexts
    }

    /// The context in use, if it is there.
    package var current: Context? { contexts.first { $0.name == context } }

    /// When the certificate of the context in use ends; the beginning of all time if it has none that can be read.
    package var expiry: Timestamp {
        let certificate = current.flatMap { context in
            switch Result(catching: { () throws(PKIError) in
                try Certificate(pem: context.client.crt, what: "crt")
            }) {
            case .success(let certificate): certificate as Certificate?
            case .failure: nil  // Unreadable is as good as ended.
            }
        }
        return certificate?.notAfter ?? Timestamp(nanosecondsSince1970: .min)
    }

    /// A configuration with a new key and certificate, signed by the authority of the bundle.
    ///
    /// Takes seconds where that is an RSA key: see `KeyThread`.
    package static func make(
        _ bundle: SecretsBundle, clusterName: String, endpoints: [String], nodes: [String] = [],
        roles: [String] = [administrator], at now: Timestamp, lifetime: Duration
    ) throws(PKIError) -> TalosClientConfiguration {
        let authority = try CertificateAuthority(crt: bundle.os.crt, key: bundle.os.key, what: "certs.os")
        var generator = SystemRandomNumberGenerator()
        let key = try PrivateKey.generate(authority.key.algorithm)
        let certificate = try authority.issue(
            .talos(roles: roles, now: now, lifetime: lifetime), for: key,
            serialNumber: RandomText.serialNumber(using: &generator))
        let client = KeyAndCertificate(crt: certificate.pem, key: try key.pem())
        let context = Context(
            name: clusterName, endpoints: endpoints, nodes: nodes, authority: bundle.os.crt, client: client)
        return TalosClientConfiguration(context: clusterName, contexts: [context])
    }

    /// The configuration as talosctl writes it.
    package var yaml: String {
        let context = "context: \(GoYAMLScalar.text(context))\n"
        guard !contexts.isEmpty else { return context + "contexts: {}\n" }
        return context + "contexts:\n"
            + contexts.sorted { GoYAMLKeys.precedes($0.name, $1.name) }.map(\.yaml).joined()
    }
}

extension TalosClientConfiguration.Context {
    fileprivate var yaml: String {
        var text = "    \(GoYAMLScalar.text(name)):\n"
        text += endpoints.isEmpty ? "        endpoints: []\n" : list("endpoints", endpoints)
        if !nodes.isEmpty { text += list("nodes", nodes) }
        text += line("ca", Base64.encode(authority)) + line("crt", Base64.encode(client.crt))
        text += line("key", SecretsBundle.text(ofKey: client.key))
        switch authentication {
        case nil: break
        case .basic(let username, let password):
            text += "        auth:\n            basic:\n"
            text += "                username: \(GoYAMLScalar.text(username))\n"
            text += "                password: \(GoYAMLScalar.text(password))\n"
        case .siderov1(let identity):
            text += "        auth:\n            siderov1:\n"
            text += "                identity: \(GoYAMLScalar.text(identity))\n"
        }
        return text + line("cluster", cluster)
    }

    private func list(_ key: String, _ elements: [String]) -> String {
        "        \(key):\n" + elements.map { "            - \(GoYAMLScalar.text($0))\n" }.joined()
    }

    private func line(_ key: String, _ value: String) -> String {
        value.isEmpty ? "" : "        \(key): \(GoYAMLScalar.text(value))\n"
    }
}

extension TalosClientConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "TalosClientConfiguration(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension TalosClientConfiguration.Context: CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    package var description: String { "TalosClientConfiguration.Context(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension TalosClientConfiguration.Authentication: CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    package var description: String { "TalosClientConfiguration.Authentication(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
