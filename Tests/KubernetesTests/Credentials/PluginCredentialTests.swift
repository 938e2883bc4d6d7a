// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import StructuredData
import TestSupport
import Testing

@testable import Kubernetes
@testable import Platform

@Suite("Credential plugins")
struct PluginCredentialTests {
    private static let version = "client.authentication.k8s.io/v1"

    private let clock = ManualClock()
    private let notices = Recorder<ClientNotice>()
    private let commands = Recorder<ChildProcess.Command>()

    private static func answer(_ token: String, expires: String? = nil) -> JSONValue {
        var status: JSONObject = ["token": .string(token)]
        status["expirationTimestamp"] = expires.map { .string($0) }
        return ["kind": "ExecCredential", "apiVersion": .string(version), "status": .object(status)]
    }

    private func configuration(
        cluster: PluginConfiguration.Cluster? = nil, needsTerminal: Bool = false
    ) -> PluginConfiguration {
        PluginConfiguration(
            apiVersion: Self.version, command: "login", arguments: ["--now"], environment: ["K": "v"],
            installHint: "get it\u{1B}[31m at x", needsTerminal: needsTerminal, cluster: cluster)
    }

    private func source(
        _ configuration: PluginConfiguration? = nil,
        _ run: @escaping @Sendable (Int) async throws(ChildProcessError) -> ChildProcess.Output
    ) -> PluginCredential {
        let (commands, notices) = (commands, notices)
        return PluginCredential(
            configuration ?? self.configuration(), environment: ["HOME": "/h", "K": "old"],
            read: FileReader(["/ca": "PEM"]), clock: clock,
            runner: PluginRunner { command throws(ChildProcessError) in
                commands.add(command)
                return try await run(commands.values.count)
            },
            timeout: .seconds(2), notice: { notices.add($0) })
    }

    private static func output(_ document: JSONValue) -> ChildProcess.Output {
        ChildProcess.Output(standardOutput: document.encoded())
    }

    private func error(_ source: PluginCredential) async -> String {
        guard case .credentials(let text) = await apiError(source.credential) else { return "no error" }
        return text
    }

    @Test("runs once for a credential that does not expire")
    func once() async throws {
        let source = source { run in Self.output(Self.answer("t\(run)")) }
        #expect(try await source.credential().authorization == "Bearer t1")
        clock.advance(by: .seconds(86_400))
        #expect(try await source.credential().authorization == "Bearer t1")
        #expect(commands.values.count == 1)
    }

    @Test("runs again shortly before the credential expires, and after it was refused")
    func refresh() async throws {
        // The manual clock starts at 2024-01-01T12:00:00Z.
        let source = source { run in Self.output(Self.answer("t\(run)", expires: "2024-01-01T12:10:00Z")) }
        _ = try await source.credential()
        clock.advance(by: .seconds(589))
        #expect(try await source.credential().authorization == "Bearer t1")
        clock.advance(by: .seconds(1))
        let second = try await source.credential()
        #expect(second.authorization == "Bearer t2")
        source.invalidate(Credential(authorization: "Bearer t1"))
        source.invalidate(second)
        #expect(try await source.credential().authorization == "Bearer t3")
        #expect(commands.values.count == 3)
    }

    @Test(
        "a credential of any age is used once and then had anew, or is used on",
        arguments: [
            ("1677-09-21T00:12:44Z", 2), ("1700-01-01T00:00:00Z", 2), ("2262-04-11T23:47:16Z", 1),
        ])
    func anyExpiry(expires: String, runs: Int) async throws {
        let source = source { run in Self.output(Self.answer("t\(run)", expires: expires)) }
        #expect(try await source.credential().authorization == "Bearer t1")
        _ = try await source.credential()
        #expect(commands.values.count == runs)
    }

    @Test("fifty requests at once share one run")
    func singleFlight() async {
        let gate = ScriptedBody()
        let source = source { run in
            do { _ = try await gate.next() } catch {}
            return Self.output(Self.answer("t\(run)"))
        }
        await withTaskGroup(of: String?.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    do { return try await source.credential().authorization } catch { return nil }
                }
            }
            gate.finish()
            for await token in group { #expect(token == "Bearer t1") }
        }
        #expect(commands.values.count == 1)
    }

    @Test("a failure leaves a credential that has not expired in use, and says so")
    func keepsUnexpired() async throws {
        let source = source { run throws(ChildProcessError) in
            if run > 1 { throw .timedOut(.seconds(2)) }
            return Self.output(Self.answer("t", expires: "2024-01-01T12:10:00Z"))
        }
        _ = try await source.credential()
        clock.advance(by: .seconds(595))
        #expect(try await source.credential().authorization == "Bearer t")
        #expect(notices.values.count == 1)
        clock.advance(by: .seconds(5))
        #expect(await error(source).contains("killed after 2.0 seconds"))
    }

    @Test(
        "tells what is wrong with an answer",
        arguments: [
            ("", "is not JSON"), ("{\"token\": 1", "is not JSON"), ("[]", "must be an object"),
            (#"{"kind":"X"}"#, #"kind: must be ExecCredential, not "X""#),
            (
                #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{}}"#,
                #"apiVersion: must be client.authentication.k8s.io/v1, not "client.authentication.k8s.io/v1beta1""#
            ),
            (
                #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}"#,
                "status: is missing"
            ),
            (
                #"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{}}"#,
                "status: must have a token or a client certificate"
            ),
            (
                #"""
                {"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",
                 "status":{"clientCertificateData":"c"}}
                """#, "status.clientKeyData: is missing although there is a certificate"
            ),
            (
                #"""
                {"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"clientKeyData":"k"}}
                """#, "status.clientCertificateData: is missing although there is a key"
            ),
        ])
    func badAnswers(answer: String, problem: String) async {
        let source = source { _ in ChildProcess.Output(standardOutput: Array(answer.utf8)) }
        #expect(await error(source).contains(problem))
    }

    @Test("takes a certificate with its key")
    func certificate() async throws {
        let source = source { _ in
            Self.output([
                "kind": "ExecCredential", "apiVersion": .string(Self.version),
                "status": ["clientCertificateData": "c", "clientKeyData": "k"],
            ])
        }
        let credential = try await source.credential()
        #expect(credential.authorization == nil)
        #expect(credential.identity == .init(certificatePEM: Array("c".utf8), keyPEM: Array("k".utf8)))
    }

    @Test("a program that fails is quoted, without control characters")
    func failedProgram() async {
        let source = source { _ in
            ChildProcess.Output(standardError: Array("no\u{7} login".utf8), status: .exited(3))
        }
        let text = await error(source)
        #expect(text.hasPrefix("credential plugin login: "))
        #expect(text.hasSuffix(": no  login"))
    }

    @Test("gives the installation hint without control characters, and ten times an hour at most")
    func installHint() async {
        let source = source { _ throws(ChildProcessError) in throw .notStarted(SystemError(code: ENOENT)) }
        var hints: [Bool] = []
        for _ in 0..<12 { hints.append(await error(source).hasSuffix(". get it[31m at x")) }
        #expect(hints == Array(repeating: true, count: 10) + [false, false])
        clock.advance(by: .seconds(3600))
        #expect(await error(source).hasSuffix(". get it[31m at x"))
    }

    @Test("a plugin that must ask a person is not run")
    func terminal() async {
        let source = source(configuration(needsTerminal: true)) { _ in Self.output(Self.answer("t")) }
        #expect(await error(source).contains("interactiveMode Always"))
        #expect(commands.values.isEmpty)
    }

    @Test("tells the plugin about the cluster in its environment, and adds its variables to ours")
    func environment() async throws {
        let cluster = PluginConfiguration.Cluster(
            server: "https://h:1", serverName: "n", trust: .certificates(.file("/ca")), proxy: "http://p",
            config: ["audience": "x"])
        let source = source(configuration(cluster: cluster)) { _ in Self.output(Self.answer("t")) }
        _ = try await source.credential()
        let command = try #require(commands.values.first)
        #expect(command.arguments == ["login", "--now"])
        #expect(command.timeout == .seconds(2))
        #expect(command.environment["HOME"] == "/h")
        #expect(command.environment["K"] == "v")
        let information = try JSONValue(json: Array((command.environment["KUBERNETES_EXEC_INFO"] ?? "").utf8))
        #expect(
            information == [
                "kind": "ExecCredential", "apiVersion": .string(Self.version),
                "spec": [
                    "interactive": false,
                    "cluster": [
                        "server": "https://h:1", "tls-server-name": "n", "proxy-url": "http://p",
                        "certificate-authority-data": "UEVN", "config": ["audience": "x"],
                    ],
                ],
            ])
    }

    @Test("a plugin that does not ask for it is told nothing about the cluster")
    func noClusterInformation() async throws {
        let source = source { _ in Self.output(Self.answer("t")) }
        _ = try await source.credential()
        let text = commands.values.first?.environment["KUBERNETES_EXEC_INFO"] ?? ""
        #expect(try JSONValue(json: Array(text.utf8))["spec"] == ["interactive": false])
    }

    @Test("runs a real program, and kills one that does not end")
    func realProgram() async throws {
        let answer = String(decoding: Self.answer("real").encoded(), as: UTF8.self)
        func source(_ script: String, timeout: Duration) -> PluginCredential {
            var configuration = configuration()
            (configuration.command, configuration.arguments) = ("/bin/sh", ["-c", script])
            return PluginCredential(
                configuration, environment: ["ANSWER": answer], read: FileReader([:]), clock: SystemClock(),
                runner: .childProcess, timeout: timeout)
        }
        let good = source(#"printf %s "$ANSWER""#, timeout: .seconds(30))
        #expect(try await good.credential().authorization == "Bearer real")
        #expect(
            await error(source("sleep 1000 & sleep 1000", timeout: .milliseconds(50))).contains(
                "killed after"))
    }
}
