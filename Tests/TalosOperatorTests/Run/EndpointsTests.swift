// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Observability
import Platform
import TestSupport
import Testing

@testable import TalosOperator

@Suite("Endpoints")
struct EndpointsTests {
    private let registry = MetricRegistry()
    private let checks = HealthChecks(
        logger: Logger(sink: RecordingLogSink(), level: .info, format: .json, clock: ManualClock()))

    /// Starts `server`, asks it once over loopback, and stops it.
    private func get(
        _ target: String, from server: HTTPServer, accept: String? = nil
    ) async throws -> HTTPResponse {
        try server.start()
        let port = try #require(server.boundPort)
        let transport = try CurlTransport(
            TransportConfiguration(
                endpoint: Endpoint(scheme: .http, host: "127.0.0.1", port: port), userAgent: "tests"))
        defer { transport.shutdown() }
        var headers = HTTPHeaders()
        if let accept { headers["Accept"] = accept }
        let response = try await transport.send(
            HTTPRequest(method: .get, target: target, headers: headers, timeout: .seconds(60)))
        await server.stop()
        return response
    }

    /// Asks an endpoint whose authorizer decides by the token, which is the name of the decision.
    private func get(_ target: String, authorization: [String]) async throws -> HTTPResponse {
        let logger = Logger(
            sink: RecordingLogSink(), level: .info, format: .json, clock: ManualClock())
        let authorizer = TokenAuthorizer(clock: ManualClock(), logger: logger) { token in
            switch token {
            case "allowed": .allowed
            case "forbidden": .forbidden(user: "canary")
            case "unavailable": .unavailable("canary")
            case "failed": .failed("canary")
            default: .unauthenticated
            }
        }
        let server = Endpoints.metrics(
            registry, on: try loopback(), authorizer: authorizer, clock: ManualClock())
        try server.start()
        let transport = try CurlTransport(
            TransportConfiguration(
                endpoint: Endpoint(scheme: .http, host: "127.0.0.1", port: try #require(server.boundPort)),
                userAgent: "tests"))
        defer { transport.shutdown() }
        var headers = HTTPHeaders()
        for field in authorization { headers.append("Authorization", field) }
        let request = HTTPRequest(
            method: .get, target: target, headers: headers, timeout: .seconds(60))
        let response = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await authorizer.run() }
            defer { group.cancelAll() }
            return try await transport.send(request)
        }
        await server.stop()
        return response
    }

    @Test(
        "the page is for those who are allowed to get it, and others learn why it is not for them",
        arguments: [
            (["Bearer allowed"], 200, "things_total"), (["bearer   allowed"], 200, "things_total"),
            (["Bearer forbidden"], 403, "no role allows"), (["Bearer other"], 401, "not good"),
            (["Bearer unavailable"], 503, "now"), (["Bearer failed"], 500, "see the log"),
            ([], 401, "is needed"), (["Basic allowed"], 401, "is needed"), (["Bearer"], 401, "is needed"),
            (["Bearer allowed", "Bearer allowed"], 401, "is needed"),
            (["allowed"], 401, "is needed"), (["Bearer allowed x"], 401, "is needed"),
            (["Bearer all\u{e9}"], 401, "is needed"),
        ] as [([String], Int, String)])
    func authorization(fields: [String], status: Int, text: String) async throws {
        registry.counter(.counter("things_total", help: "Things.")).labels().increment()
        let response = try await get("/metrics", authorization: fields)
        let body = String(decoding: response.body, as: UTF8.self)
        #expect(response.head.status == status)
        #expect(body.contains(text), "\(body)")
        #expect(body.contains("things_total") == (status == 200))
        #expect(!body.contains("canary"))
        let challenge = response.head.headers["WWW-Authenticate"]
        #expect((challenge?.hasPrefix("Bearer") == true) == (status == 401))
    }

    @Test("what is not there is not there for anybody")
    func nothingElse() async throws {
        #expect(try await get("/", authorization: ["Bearer allowed"]).head.status == 404)
        #expect(try await get("/", authorization: []).head.status == 404)
    }

    private func loopback() throws -> BindAddress {
        try #require(BindAddress(parsing: "127.0.0.1:0"))
    }

    @Test("metrics are there in the text format, with its content type")
    func metrics() async throws {
        registry.counter(.counter("things_total", help: "Things.")).labels().increment()
        let response = try await get("/metrics", from: Endpoints.metrics(registry, on: loopback()))
        #expect(response.head.status == 200)
        #expect(response.head.headers["Content-Type"] == ExpositionFormat.prometheusText.contentType)
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == "# HELP things_total Things.\n# TYPE things_total counter\nthings_total 1\n")
    }

    @Test("metrics by HTTPS tell when their certificate ends, as it is at that moment")
    func certificate() async throws {
        let clock = ManualClock()
        let pki = try await TestPKI()
        let paths = KeyPairPaths(certificate: pki.path("tls.crt"), key: pki.path("tls.key"))
        let sink = RecordingLogSink()
        let logger = Logger(sink: sink, level: .info, format: .json, clock: clock)
        try await pki.sign("tls", names: "IP:127.0.0.1")
        let certificate = try ServedCertificate.load(
            "metrics", paths, clock: clock, registry: registry, logger: logger)
        let server = Endpoints.metrics(registry, on: try loopback(), certificate: certificate)
        try server.start()
        let tls = TLSConfiguration(trust: .certificates(pem: try pki.pem("ca.crt")))
        let transport = try CurlTransport(
            TransportConfiguration(
                endpoint: Endpoint(
                    scheme: .https, host: "127.0.0.1", port: try #require(server.boundPort)),
                tls: tls, userAgent: "tests"))
        defer { transport.shutdown() }
        func page() async throws -> [Substring] {
            let response = try await transport.send(
                HTTPRequest(method: .get, target: "/metrics", timeout: .seconds(60)))
            return String(decoding: response.body, as: UTF8.self).split(separator: "\n")
        }
        let name = CertificateMetricTable.expiry.name
        let labels = "{certificate=\"metrics\"}"
        #expect(try await page().contains("\(name)\(labels) \(certificate.expiry)"))
        // The scrape is on the old connection, and tells of the new certificate all the same.
        let before = certificate.expiry
        try await pki.sign("tls", names: "IP:127.0.0.1", days: 60)
        clock.advance(by: ServerCertificate.interval)
        let line = try #require(try await page().first { $0.hasPrefix("\(name){") })
        #expect(Int64(line.split(separator: " ").last ?? "") ?? 0 > before)
        #expect(sink.lines.filter { $0.contains("\"message\":\"Certificate exchanged\"") }.count == 1)
        // One broken file: a line in the log, and a count for each look.
        try FileSystem.replace(paths.key, with: pki.pem("ca.key"))
        for count in 1...2 {
            clock.advance(by: ServerCertificate.interval)
            let name = CertificateMetricTable.reloadErrors.name
            #expect(try await page().contains("\(name)\(labels) \(count)"))
        }
        let kept = sink.lines.filter { $0.contains("\"message\":\"Keeping the last certificate\"") }
        #expect(kept.count == 1 && kept.first?.contains(paths.key) == true, "\(kept)")
        await server.stop()
    }

    @Test("a scraper that wants OpenMetrics gets it")
    func openMetrics() async throws {
        let response = try await get(
            "/metrics", from: Endpoints.metrics(registry, on: loopback()),
            accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        #expect(response.head.headers["Content-Type"] == ExpositionFormat.openMetrics.contentType)
        #expect(response.body == Array("# EOF\n".utf8))
    }

    @Test("nothing but metrics is there", arguments: ["/", "/metrics/", "/healthz", "/debug/pprof"])
    func onlyMetrics(path: String) async throws {
        #expect(
            try await get(path, from: Endpoints.metrics(registry, on: loopback())).head.status == 404)
    }

    @Test(
        "probes answer for all checks and for each",
        arguments: [
            ("/healthz", 200), ("/readyz", 500), ("/readyz?exclude=broken", 200), ("/readyz/broken", 500),
            ("/readyz/works", 200), ("/readyz/nothing", 404), ("/metrics", 404), ("/healthzz", 404),
        ])
    func probes(target: String, status: Int) async throws {
        checks.add("works", to: .readiness) { .healthy }
        checks.add("broken", to: .readiness) { .unhealthy("not today") }
        let response = try await get(target, from: Endpoints.probes(checks, on: loopback()))
        #expect(response.head.status == status)
    }

    @Test("a port that is taken is an error that names the address")
    func taken() async throws {
        let first = Endpoints.metrics(registry, on: try loopback())
        try first.start()
        let port = try #require(first.boundPort)
        let address = try #require(BindAddress(parsing: "127.0.0.1:\(port)"))
        #expect(throws: HTTPServerError.self) { try Endpoints.probes(checks, on: address).start() }
        await first.stop()
    }
}
