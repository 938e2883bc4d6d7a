// SPDX-License-Identifier: Apache-2.0
import Platform

/// What a health check found.
package enum HealthResult: Sendable, Hashable {
    case healthy
    /// The reason is for the log and for who asks for this one check; never a secret.
    case unhealthy(String)
}

/// Which question a probe asks.
package enum HealthEndpoint: Sendable, Hashable, CaseIterable {
    /// `/healthz`: is the program beyond help and to be restarted?
    case liveness
    /// `/readyz`: does the program do its work?
    case readiness

    /// Where probes ask.
    package var path: String {
        switch self {
        case .liveness: "/healthz"
        case .readiness: "/readyz"
        }
    }
}

/// The answer to a probe: plain text in UTF-8.
package struct HealthReport: Sendable, Hashable {
    /// 200, 500 or, for a check that does not exist, 404.
    package var statusCode: Int
    package var body: String
}

/// Named checks behind `/healthz` and `/readyz`, answered byte for byte as controller-runtime does.
///
/// Checks run one after the other on the thread that serves the probe, so each must be quick: it reads
/// state that others keep, and neither waits nor asks the API server.
package final class HealthChecks: Sendable {
    private struct Check {
        var name: String
        var run: @Sendable () -> HealthResult
    }

    private struct State {
        var checks: [HealthEndpoint: [Check]] = [:]
        var failing: [HealthEndpoint: Set<String>] = [:]
    }

    private let state = Locked(State())
    private let logger: Logger

    /// Probes are told that a check fails; why, they are not: the reason goes to `logger`, once a failure.
    package init(logger: Logger) {
        self.logger = logger
    }

    /// Adds a check; one of the same name at the same endpoint gives way to it.
    package func add(
        _ name: String, to endpoint: HealthEndpoint, _ check: @escaping @Sendable () -> HealthResult
    ) {
        state.withLock { state in
            var checks = state.checks[endpoint, default: []].filter { $0.name != name }
            checks.append(Check(name: name, run: check))
            state.checks[endpoint] = checks.sorted { $0.name < $1.name }
        }
    }

    /// Answers a request for `path`.
    ///
    /// - Parameters:
    ///   - path: percent-decoded: `/healthz`, `/readyz/`, `/readyz/caches-synced` …
    ///   - query: `verbose` lists the checks, each `exclude` names one to leave out.
    /// - Returns: the answer, or nil if the path belongs to no health endpoint.
    package func report(path: String, query: [(name: String, value: String)] = []) -> HealthReport? {
        for endpoint in HealthEndpoint.allCases where path.hasPrefix(endpoint.path) {
            let rest = path.dropFirst(endpoint.path.count)
            guard rest.isEmpty || rest.hasPrefix("/") else { continue }
            let name = rest.drop { $0 == "/" }
            return name.isEmpty
                ? aggregate(endpoint, query)
                : single(endpoint, name.hasSuffix("/") ? name.dropLast() : name)
        }
        return nil
    }

    /// An endpoint without checks answers for the one thing it proves: that the server runs.
    private func checks(of endpoint: HealthEndpoint) -> [Check] {
        let checks = state.withLock { $0.checks[endpoint, default: []] }
        return checks.isEmpty ? [Check(name: "ping") { .healthy }] : checks
    }

    private func aggregate(_ endpoint: HealthEndpoint, _ query: [(name: String, value: String)])
        -> HealthReport
    {
        let checks = checks(of: endpoint)
        let excluded = Set(query.filter { $0.name == "exclude" }.map(\.value))
        var text = ""
        var isHealthy = true
        for check in checks {
            if excluded.contains(check.name) {
                text += "[+]\(check.name) excluded: ok\n"
            } else if case .healthy = run(check, endpoint) {
                text += "[+]\(check.name) ok\n"
            } else {
                text += "[-]\(check.name) failed: reason withheld\n"
                isHealthy = false
            }
        }
        text += Self.warning(unmatched: excluded.subtracting(checks.map(\.name)))
        if isHealthy && !query.contains(where: { $0.name == "verbose" }) {
            return HealthReport(statusCode: 200, body: "ok")
        }
        text += isHealthy ? "healthz check passed\n" : "healthz check failed\n"
        return HealthReport(statusCode: isHealthy ? 200 : 500, body: text)
    }

    private func single(_ endpoint: HealthEndpoint, _ name: Substring) -> HealthReport {
        guard let check = checks(of: endpoint).first(where: { $0.name == name }) else {
            return HealthReport(statusCode: 404, body: "404 page not found\n")
        }
        switch run(check, endpoint) {
        case .healthy: return HealthReport(statusCode: 200, body: "ok")
        case .unhealthy(let reason):
            return HealthReport(statusCode: 500, body: "internal server error: \(reason)\n")
        }
    }

    private static func warning(unmatched names: Set<String>) -> String {
        guard !names.isEmpty else { return "" }
        // Escaped, since the names are the client's: one must not pass for a line of the report.
        let quoted = names.sorted().map(\.debugDescription).joined(separator: ",")
        return "warn: some health checks cannot be excluded: no matches for \(quoted)\n"
    }

    /// Runs a check outside the lock and logs when it starts to fail and when it is well again.
    private func run(_ check: Check, _ endpoint: HealthEndpoint) -> HealthResult {
        let result = check.run()
        let fields: LogFields = ["check": .string(check.name), "endpoint": .string(endpoint.path)]
        switch result {
        case .healthy:
            let hasRecovered = state.withLock { $0.failing[endpoint]?.remove(check.name) != nil }
            if hasRecovered { logger.info("Health check passes again", fields) }
        case .unhealthy(let reason):
            let isNew = state.withLock { $0.failing[endpoint, default: []].insert(check.name).inserted }
            if isNew {
                logger.warning("Health check fails", fields.merging(["reason": .string(reason)]))
            }
        }
        return result
    }
}
