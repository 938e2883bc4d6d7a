// SPDX-License-Identifier: Apache-2.0
package import Platform

/// The certificate that a server shows, read again from its files when they change.
///
/// Nothing watches the files: whoever needs the certificate looks, at most every ten seconds, so that an idle
/// server does nothing. A pair takes effect for new connections; those that are open go on. While the files
/// hold no pair that belongs together, as in the middle of a change, the last good one is served.
package final class ServerCertificate: Sendable {
    /// What happened at a look at the files.
    package enum Notice: Sendable, Hashable {
        /// Another certificate is served from now on.
        case rotated(expiry: Int64)
        /// The files cannot be used, so the last pair stays; said at each look, new or for the same reason.
        case kept(CertificateError, isNews: Bool)
    }

    private struct State {
        var context: TLSContext
        /// What the context was made of.
        var digests: [SHA256Digest]
        /// Why the files could not be used the last time.
        var problem: CertificateError?
        var nextLook: Instant
    }

    /// Kubernetes takes up to a minute to bring a changed Secret to a pod.
    package static let interval = Duration.seconds(10)

    private let paths: KeyPairPaths
    private let clock: any Clock
    private let notice: @Sendable (Notice) -> Void
    private let state: Locked<State>

    /// Reads the pair for the first time.
    ///
    /// - Throws: if it cannot be served with; later that is a notice.
    package init(
        _ paths: KeyPairPaths, clock: any Clock, notice: @escaping @Sendable (Notice) -> Void = { _ in }
    ) throws(CertificateError) {
        self.paths = paths
        self.clock = clock
        self.notice = notice
        let content = try KeyPairContent(paths)
        state = Locked(
            State(
                context: try TLSContext(content), digests: content.digests,
                nextLook: clock.now + Self.interval))
    }

    /// When the certificate that is served ends, in seconds since 1970.
    package var expiry: Int64 {
        look()
        return state.withLock { $0.context.expiry }
    }

    /// A session for a new connection; nil without memory.
    func session(on descriptor: Int32) -> TLSSession? {
        look()
        return state.withLock { $0.context.session(on: descriptor) }
    }

    // MARK: - Rotation

    /// Takes up a new pair if it is time to look and there is one.
    private func look() {
        let now = clock.now
        let isDue = state.withLock { state in
            guard now >= state.nextLook else { return false }
            state.nextLook = now + Self.interval
            return true
        }
        guard isDue else { return }
        do throws(CertificateError) {
            do throws(CertificateError) {
                try readAgain()
            } catch .mismatch {
                // The files may have been exchanged between the one and the other.
                try readAgain()
            }
        } catch {
            keep(because: error)
        }
    }

    private func readAgain() throws(CertificateError) {
        let content = try KeyPairContent(paths)
        let digests = content.digests
        let isKnown = state.withLock { state in
            guard digests == state.digests else { return false }
            state.problem = nil
            return true
        }
        guard !isKnown else { return }
        let context = try TLSContext(content)
        let expiry = context.expiry
        state.withLock { state in
            state = State(context: context, digests: digests, nextLook: state.nextLook)
        }
        notice(.rotated(expiry: expiry))
    }

    private func keep(because error: CertificateError) {
        let isNews = state.withLock { state in
            defer { state.problem = error }
            return state.problem != error
        }
        notice(.kept(error, isNews: isNews))
    }
}
