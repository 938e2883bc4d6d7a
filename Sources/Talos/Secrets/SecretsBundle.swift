// SPDX-License-Identifier: Apache-2.0

/// A certificate and its private key, both as PEM text, as Talos keeps them.
package struct KeyAndCertificate: Sendable, Hashable {
    /// The certificate's PEM text; empty if there is none.
    package var crt: [UInt8]
    /// The key's PEM text; empty if there is none, ``SecretsBundle/redactionMarker`` if it was taken out.
    package var key: [UInt8]

    package init(crt: [UInt8] = [], key: [UInt8] = []) {
        self.crt = crt
        self.key = key
    }
}

/// All secrets that a Talos cluster is made of: what `talosctl gen secrets` writes.
///
/// Whoever has it owns the cluster. Printing one, in a log or a debugger, shows nothing of it.
package struct SecretsBundle: Sendable, Hashable {
    /// What members of the cluster find each other with.
    package struct Cluster: Sendable, Hashable {
        /// 32 random bytes in URL-safe Base64 where talosctl made it.
        package var id: String
        /// 32 random bytes in Base64 where talosctl made it.
        package var secret: String

        package init(id: String = "", secret: String = "") {
            self.id = id
            self.secret = secret
        }
    }

    /// What stands for a key in a bundle that was redacted.
    package static let redactionMarker = Array("******".utf8)

    package var cluster = Cluster()
    /// Kubernetes' bootstrap token, `xxxxxx.xxxxxxxxxxxxxxxx`: `cluster.token` of a machine configuration.
    package var bootstrapToken = ""
    /// The key with which etcd's contents are encrypted since Talos 1.3.
    package var secretboxEncryptionSecret: String?
    /// The same of clusters born under older versions; a bundle has one of the two.
    package var aescbcEncryptionSecret: String?
    /// Talos' own join token, of the same form: `machine.token` of a machine configuration.
    package var trustdToken = ""
    package var etcd = KeyAndCertificate()
    package var kubernetes = KeyAndCertificate()
    /// The front proxy's CA.
    package var aggregator = KeyAndCertificate()
    /// The CA of Talos' API.
    package var os = KeyAndCertificate()
    /// The key that signs service accounts' tokens, as PEM text.
    package var serviceAccountKey: [UInt8] = []

    /// A bundle with nothing in it.
    package init() {}
}

// What print, dump, string interpolation and a debugger show: nothing.
extension SecretsBundle: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "SecretsBundle(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension SecretsBundle.Cluster: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "SecretsBundle.Cluster(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension KeyAndCertificate: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "KeyAndCertificate(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
