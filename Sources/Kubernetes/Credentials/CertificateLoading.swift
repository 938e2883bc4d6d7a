// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import Platform

extension ClusterConfiguration {
    /// The certificates as their files are now.
    ///
    /// A client certificate that a plugin printed goes before the configured one. Whether a key belongs to its
    /// certificate shows in the first handshake only.
    ///
    /// - Throws: `invalid` if a file cannot be read or holds no certificate, as while it is being written.
    package func tlsConfiguration(
        with credential: Credential, read: FileReader
    ) throws(ConfigurationError) -> TLSConfiguration {
        var tls = TLSConfiguration(trust: try currentTrust(read), serverName: serverName)
        if let identity = credential.identity {
            tls.identity = identity
        } else {
            tls.identity = try currentIdentity(read)
        }
        return tls
    }

    private func currentTrust(_ read: FileReader) throws(ConfigurationError) -> TLSConfiguration.Trust {
        switch trust {
        case .system: .system
        case .insecure: .insecure
        case .certificates(let source):
            .certificates(pem: try Self.certificates(source, read, "certificate authority"))
        }
    }

    private func currentIdentity(
        _ read: FileReader
    ) throws(ConfigurationError) -> TLSConfiguration.Identity? {
        guard let identity else { return nil }
        let key: [UInt8]
        do {
            key = try identity.key.bytes(read)
        } catch {
            throw .invalid([error.description])
        }
        guard !key.isEmpty else { throw .invalid(["client key: is empty"]) }
        return TLSConfiguration.Identity(
            certificatePEM: try Self.certificates(identity.certificate, read, "client certificate"),
            keyPEM: key)
    }

    private static func certificates(
        _ source: PEMSource, _ read: FileReader, _ what: String
    ) throws(ConfigurationError) -> [UInt8] {
        let bytes: [UInt8]
        do {
            bytes = try source.bytes(read)
        } catch {
            throw .invalid([error.description])
        }
        guard PEM.holdsCertificates(bytes) else {
            throw .invalid(["\(what)\(source.place): holds no certificate"])
        }
        return bytes
    }
}

extension ClusterConfiguration.PEMSource {
    /// The text as it is now.
    package func bytes(_ read: FileReader) throws(FileError) -> [UInt8] {
        switch self {
        case .inline(let bytes): bytes
        case .file(let path): try read(path)
        }
    }

    fileprivate var place: String {
        switch self {
        case .inline: ""
        case .file(let path): " \(path)"
        }
    }
}
