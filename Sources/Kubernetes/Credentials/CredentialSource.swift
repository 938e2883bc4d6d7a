// SPDX-License-Identifier: Apache-2.0
package import HTTP

/// Who we are, as one request says it.
package struct Credential: Sendable, Hashable {
    /// The value of the Authorization header.
    package var authorization: String?
    /// A client certificate that came with it; `RotatingTransport` puts it to use.
    package var identity: TLSConfiguration.Identity?

    package init(authorization: String? = nil, identity: TLSConfiguration.Identity? = nil) {
        self.authorization = authorization
        self.identity = identity
    }

    /// No credential: the server sees an anonymous request.
    package static let none = Credential()
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible {
    /// Says what there is and not what it is, so that no log can give it away.
    package var description: String {
        let parts = [authorization.map { _ in "authorization" }, identity.map { _ in "client certificate" }]
        let names = parts.compactMap { $0 }
        return names.isEmpty ? "no credential" : names.joined(separator: " and ")
    }

    package var debugDescription: String { description }
}

/// Where credentials come from; asked for each request, so that what it gives is never older than it says.
package protocol CredentialSource: Sendable {
    /// The credential to use now.
    ///
    /// - Throws: `APIError.credentials`, or `.transport(.cancelled)`.
    func credential() async throws(APIError) -> Credential

    /// The server has refused `credential` with 401: the next one must be had anew, if that is possible.
    func invalidate(_ credential: Credential)
}

/// A credential that never changes: an inline token, a name and password, or none at all.
package struct FixedCredential: CredentialSource {
    private let fixed: Credential

    package init(_ credential: Credential) {
        fixed = credential
    }

    /// A source of no credential.
    package static let none = FixedCredential(.none)

    /// A bearer token.
    package static func token(_ token: String) -> FixedCredential {
        FixedCredential(Credential(authorization: "Bearer \(token)"))
    }

    package func credential() -> Credential { fixed }

    package func invalidate(_ credential: Credential) {}
}
