// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@testable import Observability

@Suite("Health checks")
struct HealthChecksTests {
    private let sink = RecordingLogSink()
    private let brokenReason = Locked<String?>("no leader")

    /// Two checks that pass and one that fails as long as it has a reason.
    private func checks() -> HealthChecks {
        let checks = HealthChecks(logger: Logger(sink: sink, clock: ManualClock()))
        let reason = brokenReason
        checks.add("caches-synced", to: .readiness) { .healthy }
        checks.add("api", to: .readiness) { .healthy }
        checks.add("leader", to: .readiness) {
            reason.withLock { $0.map(HealthResult.unhealthy) ?? .healthy }
        }
        checks.add("watchdog", to: .liveness) { .healthy }
        return checks
    }

    @Test(
        "answers byte for byte",
        arguments: [
            ("/healthz", [], 200, "ok"), ("/healthz/", [], 200, "ok"),
            ("/healthz", ["verbose"], 200, "[+]watchdog ok\nhealthz check passed\n"),
            (
                "/readyz", [], 500,
                "[+]api ok\n[+]caches-synced ok\n[-]leader failed: reason withheld\nhealthz check failed\n"
            ),
            ("/readyz", ["exclude=leader"], 200, "ok"),
            (
                "/readyz/", ["verbose=1", "exclude=leader", "exclude=api"], 200,
                "[+]api excluded: ok\n[+]caches-synced ok\n[+]leader excluded: ok\nhealthz check passed\n"
            ),
            ("/healthz", ["exclude=z"], 200, "ok"),
            (
                "/healthz", ["exclude=z", "verbose", "exclude=y", "exclude=z"], 200,
                "[+]watchdog ok\nwarn: some health checks cannot be excluded: no matches for \"y\",\"z\"\n"
                    + "healthz check passed\n"
            ),
            (
                "/healthz", ["exclude=a\n[+]\"b", "verbose"], 200,
                "[+]watchdog ok\nwarn: some health checks cannot be excluded: no matches for \"a\\n[+]\\\"b\"\n"
                    + "healthz check passed\n"
            ),
            ("/readyz/api", [], 200, "ok"), ("/readyz/api/", ["verbose"], 200, "ok"),
            ("/readyz/leader", [], 500, "internal server error: no leader\n"),
            ("/readyz/watchdog", [], 404, "404 page not found\n"),
            ("/readyz/api/x", [], 404, "404 page not found\n"),
        ] as [(String, [String], Int, String)])
    func answers(path: String, query: [String], status: Int, body: String) {
        let items = query.map { item in
            let pair = item.split(separator: "=").map(String.init)
            return (name: pair[0], value: pair.count > 1 ? pair[1] : "")
        }
        #expect(checks().report(path: path, query: items) == HealthReport(statusCode: status, body: body))
    }

    @Test(
        "leaves other paths alone", arguments: ["/", "/metrics", "/healthzz", "/healthz2/a", "healthz", ""])
    func otherPaths(path: String) {
        #expect(checks().report(path: path) == nil)
    }

    @Test("an endpoint without checks answers for the ping")
    func ping() {
        let checks = HealthChecks(logger: Logger(sink: sink, clock: ManualClock()))
        #expect(checks.report(path: "/healthz")?.body == "ok")
        #expect(
            checks.report(path: "/readyz", query: [("verbose", "")])?.body
                == "[+]ping ok\nhealthz check passed\n")
        #expect(checks.report(path: "/readyz/ping")?.statusCode == 200)
    }

    @Test("a check replaces the one of its name")
    func replacement() {
        let checks = checks()
        checks.add("leader", to: .readiness) { .healthy }
        #expect(checks.report(path: "/readyz")?.body == "ok")
    }

    @Test("logs the reason once a failure, and the recovery")
    func logging() {
        let checks = checks()
        for _ in 0..<3 { _ = checks.report(path: "/readyz") }
        brokenReason.withLock { $0 = nil }
        for _ in 0..<3 { _ = checks.report(path: "/readyz") }
        let fields = #""check":"leader","endpoint":"/readyz""#
        let time = #""timestamp":"2024-01-01T12:00:00.000Z""#
        #expect(
            sink.lines == [
                #"{"level":"warn",\#(time),"message":"Health check fails",\#(fields),"reason":"no leader"}"#,
                #"{"level":"info",\#(time),"message":"Health check passes again",\#(fields)}"#,
            ])
    }
}
