// SPDX-License-Identifier: Apache-2.0
package import Platform

/// A bearer token in a file that somebody else keeps fresh, as kubelet does for service accounts.
///
/// The file is opened anew by its path at most every 50 seconds, so a token is never used for more than a minute
/// after it was replaced, and at once after a 401. If it cannot be read, the last token stays in use.
package final class TokenFileCredential: CredentialSource {
    private struct State {
        var token: String?
        var readAt: Instant?
    }

    private static let lifetime = Duration.seconds(50)

    private let path: String
    private let read: FileReader
    private let clock: any Clock
    private let notice: @Sendable (ClientNotice) -> Void
    private let state = Locked(State())

    package init(
        path: String, read: FileReader, clock: any Clock,
        notice: @escaping @Sendable (ClientNotice) -> Void = { _ in }
    ) {
        self.path = path
        self.read = read
        self.clock = clock
        self.notice = notice
    }

    package func credential() throws(APIError) -> Credential {
        let now = clock.now
        let (known, isFresh) = state.withLock { state in
            (state.token, state.readAt.map { now - $0 < Self.lifetime } ?? false)
        }
        if let known, isFresh { return Self.bearer(known) }
        let token = try freshToken(or: known)
        state.withLock { $0 = State(token: token, readAt: now) }
        return Self.bearer(token)
    }

    package func invalidate(_ credential: Credential) {
        state.withLock { $0.readAt = nil }
    }

    private func freshToken(or known: String?) throws(APIError) -> String {
        let problem: String
        do {
            if let token = Self.token(in: try read(path)) { return token }
            problem = "\(path): is empty"
        } catch {
            problem = error.description
        }
        guard let known else { throw .credentials(problem) }
        notice(.keepingCredentials(reason: problem))
        return known
    }

    private static func bearer(_ token: String) -> Credential {
        Credential(authorization: "Bearer \(token)")
    }

    /// The text of a one-line file without the white space around it; nil if that leaves nothing.
    static func token(in bytes: [UInt8]) -> String? {
        let blanks = Set("\u{FEFF} \t\r\n".unicodeScalars)
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.drop { blanks.contains($0) }
        guard let last = text.lastIndex(where: { !blanks.contains($0) }) else { return nil }
        return String(text[...last])
    }
}
