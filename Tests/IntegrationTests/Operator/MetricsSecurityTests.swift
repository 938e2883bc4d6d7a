// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Glibc
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Operator: securing the metrics", .serialized, .timeLimit(.minutes(20)))
struct MetricsSecurityTests {
    /// Tests stop its API server, so it is their own.
    private static let ownControlPlane = Task {
        let controlPlane = try await ControlPlane.start("metrics-security")
        try await controlPlane.installOperatorResources()
        return controlPlane
    }

    /// Lets the operator ask about tokens; repeated by every test that needs it.
    private func allowReviews(_ controlPlane: ControlPlane) async throws {
        try await controlPlane.kubectl("apply", "-f", "\(Repository.root)/config/rbac/metrics-auth.yaml")
    }

    /// Takes that away, and returns when the API server knows.
    private func forbidReviews(_ controlPlane: ControlPlane) async throws {
        try await controlPlane.kubectl(
            "delete", "--ignore-not-found", "clusterrolebinding", "talos-operator-metrics-auth")
        let client = try controlPlane.operatorClient()
        try await eventually {
            do throws(APIError) {
                _ = try await client.reviewToken("none")
                return false
            } catch {
                return error.isForbidden
            }
        }
    }

    // MARK: Accounts

    /// A service account, and a token of it.
    private func makeAccount(_ name: String, in scenario: Scenario) async throws -> String {
        let controlPlane = scenario.controlPlane
        try await controlPlane.kubectl(
            "create", "serviceaccount", name, "--namespace", scenario.namespace)
        let request = "\(controlPlane.stateDirectory)/token-request.json"
        try FileSystem.replace(
            request,
            with: Array("{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\"}".utf8))
        let answer = try await controlPlane.kubectl(
            "create", "--raw", "/api/v1/namespaces/\(scenario.namespace)/serviceaccounts/\(name)/token", "-f",
            request)
        let document = try JSONValue(json: Array(answer.joined(separator: "\n").utf8))
        return try #require(document["status"]?["token"]?.string)
    }

    private func user(_ name: String, _ scenario: Scenario) -> String {
        "system:serviceaccount:\(scenario.namespace):\(name)"
    }

    /// Lets an account read metrics.
    private func bindReader(_ name: String, in scenario: Scenario) async throws {
        try await scenario.controlPlane.kubectl(
            "create", "clusterrolebinding", "\(scenario.namespace)-\(name)",
            "--clusterrole=talos-operator-metrics-reader", "--user=\(user(name, scenario))")
    }

    private func unbindReader(_ name: String, in scenario: Scenario) async throws {
        try await scenario.controlPlane.kubectl(
            "delete", "clusterrolebinding", "\(scenario.namespace)-\(name)")
    }

    // MARK: Scraping

    /// A certificate in a directory, and the authority to trust.
    private struct Certificates {
        let pki: TestPKI
        let directory: TemporaryDirectory

        init() async throws {
            pki = try await TestPKI()
            directory = try TemporaryDirectory()
            try await pki.sign("server", names: "IP:127.0.0.1")
            try put(pki)
        }

        /// Puts the certificate of an authority in place, the key first.
        func put(_ pki: TestPKI) throws {
            try FileSystem.replace("\(directory.path)/tls.key", with: pki.pem("server.key"))
            try FileSystem.replace("\(directory.path)/tls.crt", with: pki.pem("server.crt"))
        }

        var flags: [String] { ["--metrics-secure", "--metrics-cert-path", directory.path] }
    }

    private func scrape(
        _ process: OperatorProcess, _ pki: TestPKI, token: String? = nil
    ) async throws -> (status: Int, text: String) {
        let tls = TLSConfiguration(trust: .certificates(pem: try pki.pem("ca.crt")))
        let endpoint = Endpoint(scheme: .https, host: "127.0.0.1", port: process.metricsPort)
        let transport = try CurlTransport(
            TransportConfiguration(endpoint: endpoint, tls: tls, userAgent: "tests"))
        defer { transport.shutdown() }
        var headers = HTTPHeaders()
        headers["Authorization"] = token.map { "Bearer \($0)" }
        let response = try await transport.send(
            HTTPRequest(method: .get, target: "/metrics", headers: headers, timeout: .seconds(60)))
        return (response.head.status, String(decoding: response.body, as: UTF8.self))
    }

    /// Scrapes until the answer has this status: RBAC learns of changes a little later, and decisions hold for a while.
    private func waitForStatus(
        _ status: Int, _ process: OperatorProcess, _ pki: TestPKI, token: String
    ) async throws {
        try await eventually { try await scrape(process, pki, token: token).status == status }
    }

    @Test("whoever has the role reads the page by HTTPS, others do not, and probes are as ever")
    func roles() async throws {
        let controlPlane = try await Self.ownControlPlane.value
        try await forbidReviews(controlPlane)
        try await Scenario.run("metrics-roles", on: controlPlane) { scenario in
            let certificates = try await Certificates()
            let process = try scenario.startOperator(flags: certificates.flags + ["--metrics-authorization"])
            await process.logLine("Caches are filled")
            let reader = try await makeAccount("reader", in: scenario)
            let stranger = try await makeAccount("stranger", in: scenario)
            try await bindReader("reader", in: scenario)

            // The operator itself may not ask yet.
            #expect(try await scrape(process, certificates.pki, token: reader).status == 500)
            let line = await process.logLine("Cannot decide on access")
            #expect(line?.contains("403") == true, "\(line ?? "")")
            try await allowReviews(controlPlane)
            try await waitForStatus(200, process, certificates.pki, token: reader)

            let page = try await scrape(process, certificates.pki, token: reader)
            #expect(
                page.text.contains(
                    "talos_operator_certificate_expiry_timestamp_seconds{certificate=\"metrics\"} "))
            #expect(try await scrape(process, certificates.pki, token: stranger).status == 403)
            let refusal = await process.logLine("Access refused")
            #expect(refusal?.contains(user("stranger", scenario)) == true)
            #expect(try await scrape(process, certificates.pki).status == 401)
            #expect(try await scrape(process, certificates.pki, token: "garbage").status == 401)
            #expect(
                try await scrape(process, certificates.pki, token: String(reader.dropLast())).status == 401)
            #expect(try await process.probe("/readyz") == (200, "ok"))
            // In the clear there is nothing.
            #expect(try await process.metrics() == "400 Bad Request: this port speaks HTTPS\n")
            #expect(
                !process.process.lines.contains {
                    $0.contains(reader.suffix(40)) || $0.contains("PRIVATE KEY")
                })
        }
    }

    @Test("a certificate of another authority is served without a restart")
    func rotation() async throws {
        try await Scenario.run("metrics-rotation") { scenario in
            let certificates = try await Certificates()
            let next = try await TestPKI()
            try await next.sign("server", names: "IP:127.0.0.1", days: 90)
            let process = try scenario.startOperator(flags: certificates.flags)
            await process.logLine("Caches are filled")
            #expect(try await scrape(process, certificates.pki).status == 200)
            try certificates.put(next)
            // Looking is what makes the operator look.
            try await eventually {
                do {
                    return try await scrape(process, next).status == 200
                } catch TransportError.tlsFailed {
                    return false
                }
            }
            await process.logLine("Certificate exchanged")
            await #expect(throws: TransportError.self) { try await scrape(process, certificates.pki) }
        }
    }

    @Test("without a certificate, or with one that is broken, the operator does not start and says why")
    func start() async throws {
        try await Scenario.run("metrics-start") { scenario in
            let certificates = try await Certificates()
            try FileSystem.replace(
                "\(certificates.directory.path)/tls.key", with: certificates.pki.pem("ca.key"))
            let process = try scenario.startOperator(flags: certificates.flags, mayEnd: true)
            #expect(await process.process.ending() == .exited(1))
            let line = process.process.lines.first { $0.contains("Cannot start") }
            #expect(
                line?.contains("--metrics-cert-path") == true && line?.contains("is not the key of") == true)
            let other = try scenario.startOperator(flags: ["--metrics-authorization"], mayEnd: true)
            #expect(await other.process.ending() == .exited(2))
            #expect(other.process.lines.contains { $0.contains("must be false without --metrics-secure") })
        }
    }

    // MARK: Time

    /// Runs `body` beside an authorizer that asks the API server as the operator, by a clock that the test moves.
    private func withAuthorizer(
        _ scenario: Scenario, _ clock: ManualClock, _ body: (TokenAuthorizer) async throws -> Void
    ) async throws {
        let client = try scenario.controlPlane.operatorClient()
        let logger = Logger(sink: RecordingLogSink(), level: .debug, format: .json, clock: clock)
        let authorizer = TokenAuthorizer(
            clock: clock, logger: logger, review: TokenAuthorizer.reviews(by: client, path: "/metrics"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await authorizer.run() }
            defer { group.cancelAll() }
            try await body(authorizer)
        }
    }

    private func decision(_ authorizer: TokenAuthorizer, _ token: String) async -> AccessDecision {
        await withCheckedContinuation { continuation in
            let known = authorizer.decide(token) { continuation.resume(returning: $0) }
            if let known { continuation.resume(returning: known) }
        }
    }

    /// Asks until the API server itself decides so.
    private func waitForAccess(_ isAllowed: Bool, _ token: String, _ scenario: Scenario) async throws {
        try await eventually {
            guard let user = try await scenario.client.reviewToken(token) else { return !isAllowed }
            return try await scenario.client.reviewAccess(of: user, verb: "get", nonResourcePath: "/metrics")
                == isAllowed
        }
    }

    @Test("a role or an account that is taken away counts for a minute more")
    func revocation() async throws {
        let controlPlane = try await Self.ownControlPlane.value
        try await allowReviews(controlPlane)
        try await Scenario.run("metrics-revocation", on: controlPlane) { scenario in
            let clock = ManualClock()
            let token = try await makeAccount("reader", in: scenario)
            try await bindReader("reader", in: scenario)
            try await waitForAccess(true, token, scenario)
            try await withAuthorizer(scenario, clock) { authorizer in
                while await decision(authorizer, token) != .allowed { clock.advance(by: .seconds(10)) }
                try await unbindReader("reader", in: scenario)
                try await waitForAccess(false, token, scenario)
                clock.advance(by: .seconds(59))
                #expect(await decision(authorizer, token) == .allowed)
                clock.advance(by: .seconds(1))
                #expect(await decision(authorizer, token) == .forbidden(user: user("reader", scenario)))

                try await bindReader("reader", in: scenario)
                try await waitForAccess(true, token, scenario)
                #expect(await decision(authorizer, token) == .forbidden(user: user("reader", scenario)))
                clock.advance(by: .seconds(10))
                #expect(await decision(authorizer, token) == .allowed)

                try await controlPlane.kubectl(
                    "delete", "serviceaccount", "reader", "--namespace", scenario.namespace)
                try await waitForAccess(false, token, scenario)
                #expect(await decision(authorizer, token) == .allowed)
                clock.advance(by: .seconds(60))
                #expect(await decision(authorizer, token) == .unauthenticated)
            }
        }
    }

    @Test("while the API server is down an allowance holds for its minute, and nobody new is let in")
    func outage() async throws {
        let controlPlane = try await Self.ownControlPlane.value
        try await allowReviews(controlPlane)
        try await Scenario.run("metrics-outage", on: controlPlane) { scenario in
            let clock = ManualClock()
            let known = try await makeAccount("known", in: scenario)
            let unknown = try await makeAccount("unknown", in: scenario)
            for name in ["known", "unknown"] { try await bindReader(name, in: scenario) }
            try await waitForAccess(true, known, scenario)
            try await waitForAccess(true, unknown, scenario)
            let certificates = try await Certificates()
            let process = try scenario.startOperator(flags: certificates.flags + ["--metrics-authorization"])
            await process.logLine("Caches are filled")
            try await withAuthorizer(scenario, clock) { authorizer in
                while await decision(authorizer, known) != .allowed { clock.advance(by: .seconds(10)) }
                try await controlPlane.signal("apiserver", SIGKILL)
                try await eventually {
                    do {
                        try await scenario.client.checkAvailability()
                        return false
                    } catch {
                        return true
                    }
                }
                // The program has not seen it either.
                try await waitForStatus(503, process, certificates.pki, token: unknown)
                #expect(await decision(authorizer, known) == .allowed)
                guard case .unavailable = await decision(authorizer, unknown) else {
                    Issue.record("let in")
                    return
                }
                clock.advance(by: .seconds(60))
                guard case .unavailable = await decision(authorizer, known) else {
                    Issue.record("let in")
                    return
                }
                try await controlPlane.restartAPIServer()
                try await waitForAccess(true, known, scenario)
                while await decision(authorizer, known) != .allowed { clock.advance(by: .seconds(1)) }
                try await waitForStatus(200, process, certificates.pki, token: unknown)
            }
        }
    }
}
