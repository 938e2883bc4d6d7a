// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

/// Which connection to use, and when to make another.
extension RotatingTransport {
    /// The current connection, after a look at the certificates where one is due.
    func active() async throws(TransportError) -> ConnectionGeneration {
        let credential = try await pluginCredential()
        let now = clock.now
        let isShutDown = state.withLock { $0.isShutDown }
        guard !isShutDown else { throw .cancelled }
        let current = state.withLock { state -> ConnectionGeneration? in
            guard let current = state.current else { return nil }
            let hasNewIdentity = credential.identity != nil && credential.identity != current.tls.identity
            if now < state.nextCheck, !hasNewIdentity { return current }
            // The others go on with the current one while this caller looks.
            state.nextCheck = now + interval
            return nil
        }
        if let current { return current }
        return try await check()
    }

    /// The connection for another try after `error`.
    ///
    /// - Throws: `error` where there is none, or another try is not safe.
    func replacement(
        for generation: ConnectionGeneration, after error: TransportError
    ) async throws(TransportError) -> ConnectionGeneration {
        switch error {
        case .tlsFailed, .invalidConfiguration: break
        case .cancelled where generation.isRetired && !Task.isCancelled: break
        case .interrupted where generation.tls.identity != nil:
            // Perhaps the server did not like the certificate, which TLS 1.3 does not tell apart; look before the
            // next request.
            state.withLock { $0.nextCheck = clock.now }
            throw error
        default: throw error
        }
        guard let next = await otherConnection(than: generation) else { throw error }
        return next
    }

    /// A connection with other certificates: newer ones if there are any, else those before; nil if there is none.
    func otherConnection(than failed: ConnectionGeneration) async -> ConnectionGeneration? {
        let now = clock.now
        let (current, mayCheck) = state.withLock { state in
            let mayCheck = now >= state.nextForcedCheck
            if mayCheck { state.nextForcedCheck = now + .seconds(1) }
            return (state.current, mayCheck)
        }
        if let current, current !== failed { return current }
        if mayCheck {
            do {
                let fresh = try await check()
                if fresh !== failed { return fresh }
            } catch {
                notice(.keepingCertificates(reason: "\(error)"))
            }
        }
        return goBack(from: failed)
    }

    /// Notes that the certificates are good: the server has answered to them.
    func confirm(_ generation: ConnectionGeneration, _ status: Int) {
        if status == 401, generation.tls.identity != nil { return }
        let previous = state.withLock { state -> ConnectionGeneration? in
            guard state.current === generation else { return nil }
            defer { state.previous = nil }
            return state.previous
        }
        guard let previous else { return }
        notice(.certificatesRotated)
        // Watches on trusted connections may run on; those under an old name may not.
        if previous.tls.identity != generation.tls.identity { previous.retire() }
    }

    private func goBack(from failed: ConnectionGeneration) -> ConnectionGeneration? {
        let previous = state.withLock { state -> ConnectionGeneration? in
            guard state.current === failed, let previous = state.previous else { return nil }
            (state.current, state.previous, state.refused) = (previous, nil, failed.tls)
            return previous
        }
        guard let previous else { return nil }
        failed.retire()
        notice(.keepingCertificates(reason: "the server does not accept the new ones"))
        return previous
    }

    private func check() async throws(TransportError) -> ConnectionGeneration {
        do {
            return try await flight.run { () async throws(APIError) in try await self.load() }
        } catch {
            if case .transport(let error) = error { throw error }
            throw .invalidConfiguration("\(error)")
        }
    }

    /// Reads the certificates and makes a connection of them if they have changed.
    private func load() async throws(APIError) -> ConnectionGeneration {
        let credential: Credential
        do {
            credential = try await pluginCredential()
        } catch {
            throw .transport(error)
        }
        let (current, refused) = state.withLock { ($0.current, $0.refused) }
        let tls: TLSConfiguration
        do {
            tls = try configuration.tlsConfiguration(with: credential, read: read)
        } catch {
            return try keep(current, because: .invalidConfiguration(error.description))
        }
        if let current, tls == current.tls || tls == refused { return current }
        do {
            let generation = ConnectionGeneration(try make(transportConfiguration(tls)), tls)
            install(generation)
            return generation
        } catch {
            state.withLock { $0.refused = tls }
            return try keep(current, because: error)
        }
    }

    private func keep(
        _ current: ConnectionGeneration?, because error: TransportError
    ) throws(APIError) -> ConnectionGeneration {
        guard let current else { throw .transport(error) }
        notice(.keepingCertificates(reason: error.description))
        return current
    }

    /// Makes `generation` the current one and keeps the last one that the server has answered to.
    private func install(_ generation: ConnectionGeneration) {
        let dropped = state.withLock { state -> ConnectionGeneration? in
            let replaced = state.current
            state.current = generation
            if state.nextCheck <= clock.now { state.nextCheck = clock.now + interval }
            guard state.previous != nil else {
                state.previous = replaced
                return nil
            }
            return replaced
        }
        dropped?.retire()
    }

    private func transportConfiguration(_ tls: TLSConfiguration) -> TransportConfiguration {
        var transport = base
        transport.endpoint = configuration.endpoint
        transport.proxy = configuration.proxy
        transport.tls = tls
        return transport
    }

    /// What the plugin says, if there is one: its certificate may be another than a moment ago.
    private func pluginCredential() async throws(TransportError) -> Credential {
        guard case .plugin = configuration.authentication, configuration.endpoint.scheme == .https else {
            return .none
        }
        do {
            return try await credentials.credential()
        } catch {
            if case .transport(let error) = error { throw error }
            throw .connectFailed("\(error)")
        }
    }
}
