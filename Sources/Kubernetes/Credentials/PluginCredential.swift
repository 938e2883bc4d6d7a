// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
package import Platform
import StructuredData

/// Credentials that a program prints: `users[].user.exec` of a kubeconfig.
///
/// It runs when there is no credential, shortly before one expires, and after a 401; never twice at once, however
/// many requests wait. A credential that has not expired stays in use while its successor is fetched, and if that
/// fails. The program gets no terminal, and is killed with all its children after `timeout`.
package final class PluginCredential: CredentialSource {
    private struct State {
        var credential: Credential?
        var expires: Timestamp?
        var refreshAt: Timestamp?
        /// When the installation hint was given, at most ten times an hour.
        var hints: [Instant] = []
    }

    private let configuration: PluginConfiguration
    private let environment: [String: String]
    private let read: FileReader
    private let clock: any Clock
    private let timeout: Duration
    private let notice: @Sendable (ClientNotice) -> Void
    private let runner: PluginRunner
    private let flight = SingleFlight<Credential>()
    private let state = Locked(State())

    /// Credentials of a plugin that is first run when they are first needed.
    ///
    /// `environment` is what the plugin's own variables are added to.
    package init(
        _ configuration: PluginConfiguration, environment: [String: String], read: FileReader,
        clock: any Clock, runner: PluginRunner, timeout: Duration = .seconds(30),
        notice: @escaping @Sendable (ClientNotice) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.environment = environment
        self.read = read
        self.clock = clock
        self.runner = runner
        self.timeout = timeout
        self.notice = notice
    }

    package func credential() async throws(APIError) -> Credential {
        let current = unexpired()
        if let current, !current.isAging || flight.isBusy { return current.credential }
        do {
            return try await flight.run { () async throws(APIError) in
                if let fresh = self.unexpired(), !fresh.isAging { return fresh.credential }
                return try await self.refresh()
            }
        } catch {
            guard let current, !error.isCancelled else { throw error }
            notice(.keepingCredentials(reason: "\(error)"))
            return current.credential
        }
    }

    package func invalidate(_ credential: Credential) {
        state.withLock { state in
            if state.credential == credential { state.credential = nil }
        }
    }

    private func unexpired() -> (credential: Credential, isAging: Bool)? {
        let now = clock.timestamp
        return state.withLock { state in
            guard let credential = state.credential else { return nil }
            if let expires = state.expires, expires <= now { return nil }
            return (credential, state.refreshAt.map { $0 <= now } ?? false)
        }
    }

    private func refresh() async throws(APIError) -> Credential {
        let answer = try await answer()
        let now = clock.timestamp
        state.withLock { state in
            state.credential = answer.credential
            state.expires = answer.expires
            state.refreshAt = answer.expires.map { Self.refreshTime(now: now, expires: $0) }
        }
        return answer.credential
    }

    /// Ten seconds before the end, or a tenth of the whole time where that is less.
    private static func refreshTime(now: Timestamp, expires: Timestamp) -> Timestamp {
        // Between the ends of the range of times lies more than fits.
        let (lifetime, overflow) = expires.nanosecondsSince1970.subtractingReportingOverflow(
            now.nanosecondsSince1970)
        let isPast = expires < now
        let margin: Int64 = isPast ? 0 : overflow ? 10_000_000_000 : min(10_000_000_000, lifetime / 10)
        return Timestamp(nanosecondsSince1970: expires.nanosecondsSince1970 - margin)
    }

    private func answer() async throws(APIError) -> PluginAnswer {
        guard !configuration.needsTerminal else {
            throw failure("wants to ask a person (interactiveMode Always), and there is no terminal here")
        }
        let output = try await output()
        let document: JSONValue
        do {
            document = try JSONValue(json: output)
        } catch {
            throw failure("its answer is not JSON: \(error)")
        }
        do {
            return try PluginAnswer(document, apiVersion: configuration.apiVersion)
        } catch {
            throw failure("its answer cannot be used: \(error)")
        }
    }

    /// Standard output of a run that went well.
    private func output() async throws(APIError) -> [UInt8] {
        let command = ChildProcess.Command(
            [configuration.command] + configuration.arguments, environment: try fullEnvironment(),
            timeout: timeout)
        let output: ChildProcess.Output
        do {
            output = try await runner(command)
        } catch {
            throw apiError(error)
        }
        guard output.status == .exited(0) else {
            throw failure("\(output.status): \(Self.excerpt(of: output.standardError))")
        }
        return output.standardOutput
    }

    private func apiError(_ error: ChildProcessError) -> APIError {
        switch error {
        case .cancelled: .transport(.cancelled)
        case .notStarted(let cause) where cause.code == ENOENT: failure("there is no such program" + hint())
        case .notStarted, .timedOut, .outputTooLarge, .lost: failure(error.description)
        }
    }

    /// The beginning of what the program complained of, fit for a log line.
    private static func excerpt(of bytes: [UInt8]) -> String {
        let printable = bytes.prefix(512).map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
        return printable.isEmpty ? "it said nothing" : String(decoding: printable, as: UTF8.self)
    }

    private func failure(_ problem: String) -> APIError {
        .credentials("credential plugin \(configuration.command): \(problem)")
    }

    /// The hint, unless it has been given often enough; it comes from a file, so control characters go.
    private func hint() -> String {
        let text = configuration.installHint.unicodeScalars.filter {
            $0 == "\n" || $0.properties.generalCategory != .control
        }
        let now = clock.now
        let isDue = state.withLock { state in
            state.hints.removeAll { now - $0 >= .seconds(3600) }
            guard state.hints.count < 10 else { return false }
            state.hints.append(now)
            return true
        }
        return text.isEmpty || !isDue ? "" : ". \(String(String.UnicodeScalarView(text)))"
    }
}

extension PluginCredential {
    private func fullEnvironment() throws(APIError) -> [String: String] {
        var all = environment.merging(configuration.environment) { _, own in own }
        all["KUBERNETES_EXEC_INFO"] = String(decoding: try information().encoded(), as: UTF8.self)
        return all
    }

    /// The plugin's input, in a variable because standard input is the user's.
    private func information() throws(APIError) -> JSONValue {
        var spec: JSONObject = ["interactive": false]
        if let cluster = configuration.cluster { spec["cluster"] = .object(try description(of: cluster)) }
        return [
            "kind": "ExecCredential", "apiVersion": .string(configuration.apiVersion), "spec": .object(spec),
        ]
    }

    private func description(of cluster: PluginConfiguration.Cluster) throws(APIError) -> JSONObject {
        var object: JSONObject = ["server": .string(cluster.server)]
        object["tls-server-name"] = cluster.serverName.map { .string($0) }
        object["proxy-url"] = cluster.proxy.map { .string($0) }
        object["config"] = cluster.config
        switch cluster.trust {
        case .system: break
        case .insecure: object["insecure-skip-tls-verify"] = true
        case .certificates(let source):
            do {
                object["certificate-authority-data"] = .string(Base64.encode(try source.bytes(read)))
            } catch {
                throw failure(error.description)
            }
        }
        return object
    }
}
