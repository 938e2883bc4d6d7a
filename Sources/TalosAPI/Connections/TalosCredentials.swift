// SPDX-License-Identifier: Apache-2.0
package import HTTP
import PKI
package import Talos

/// Whom to trust and who we are to the nodes of one cluster.
package struct TalosCredentials: Sendable, Hashable {
    /// The certificates of Talos' authority, in PEM.
    package let authority: [UInt8]
    /// Our certificate and key in PEM, with labels that OpenSSL knows.
    package let identity: TLSConfiguration.Identity
    /// Stands for all of it without telling any.
    let digest: SHA256Digest

    /// Takes PEM text as Talos writes it, the key labelled `ED25519 PRIVATE KEY` too.
    ///
    /// - Throws: `TransportError.invalidConfiguration`, which names what is missing or unreadable.
    package init(authority: [UInt8], client: KeyAndCertificate) throws(TalosError) {
        guard !authority.isEmpty else { throw Self.unusable("ca: there is none") }
        guard !client.crt.isEmpty else { throw Self.unusable("crt: there is none") }
        guard !client.key.isEmpty else { throw Self.unusable("key: there is none") }
        self.authority = authority
        let key: [PEMBlock]
        do throws(PKIError) {
            key = try PEMBlock.blocks(in: client.key, what: "key")
        } catch {
            throw Self.unusable("\(error)")
        }
        guard !key.isEmpty else { throw Self.unusable("key: it has no PEM block") }
        identity = TLSConfiguration.Identity(
            certificatePEM: client.crt, keyPEM: key.flatMap(\.textForOpenSSL))
        digest = SHA256Digest(of: [authority, client.crt, client.key].flatMap { [0] + $0 })
    }

    /// What a context of a talosconfig holds.
    package init(_ context: TalosClientConfiguration.Context) throws(TalosError) {
        try self.init(authority: context.authority, client: context.client)
    }

    private static func unusable(_ reason: String) -> TalosError {
        .transport(.invalidConfiguration("client configuration of Talos: \(reason)"))
    }
}

extension PEMBlock {
    /// The block under a name that OpenSSL has for the same bytes: it has none of its own for Ed25519 keys.
    fileprivate var textForOpenSSL: [UInt8] {
        label == "ED25519 PRIVATE KEY" ? PEMBlock(label: "PRIVATE KEY", bytes: bytes).text : text
    }
}

extension TalosCredentials {
    package static func == (left: TalosCredentials, right: TalosCredentials) -> Bool {
        left.digest == right.digest
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(digest)
    }
}

/// Keys stay out of whatever prints credentials.
extension TalosCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "TalosCredentials(redacted)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
