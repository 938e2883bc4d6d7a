// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import StructuredData
import TestSupport
import Testing

@testable import Kubernetes

@Suite("APIError")
struct APIErrorTests {
    @Test(
        "says what happened",
        arguments: [
            (
                .status(APIStatus(code: 404, reason: "NotFound", message: "no a")), "404 NotFound: no a"
            ),
            (.transport(.connectFailed("refused")), "cannot connect: refused"),
            (.transport(.tlsFailed("x")), "TLS handshake failed: x"),
            (.transport(.timedOut), "no response in time"),
            (.transport(.interrupted("reset")), "connection broken: reset"),
            (.transport(.responseTooLarge(limit: 7)), "response larger than 7 bytes"),
            (.transport(.cancelled), "cancelled"),
            (.transport(.invalidConfiguration("x")), "unusable configuration: x"),
            (.undecodable("x"), "unreadable answer: x"), (.invalidRequest("x"), "invalid request: x"),
            (.credentials("x"), "no credentials: x"),
            (.fenced, "not sent, since this process may no longer be the leader"),
        ] as [(APIError, String)])
    func description(error: APIError, text: String) {
        #expect("\(error)" == text)
    }

    @Test("a redirect is an error and is not followed")
    func redirect() async {
        let fixture = ClientFixture(
            ScriptedTransport(.text(302, "", headers: ["Location": "https://elsewhere/"])),
            credentials: FixedCredential.token("t"))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.get(Gadget.self, .a)
        }
        #expect(error?.status?.code == 302)
        #expect(fixture.transport.requests.count == 1)
    }
}

@Suite("Secrets")
struct SecretTests {
    private static let secret = "c4n4ry"

    /// Everything that a client with such credentials says about `answers`.
    private func words(
        _ authentication: Authentication, _ answers: ScriptedTransport.Answer...
    ) async -> String {
        let files = FakeFiles(["/token": Self.secret])
        let notices = Recorder<ClientNotice>()
        let plugin = PluginRunner { _ throws(ChildProcessError) in throw .timedOut(.seconds(1)) }
        let configuration = ClusterConfiguration(
            endpoint: .test, authentication: authentication, origin: "test")
        let clock = ManualClock()
        let source = configuration.credentialSource(
            environment: ["SECRET": Self.secret], read: FileReader(files), clock: clock, runner: plugin
        ) { notices.add($0) }
        var words = "\(configuration) \(authentication)"
        for answer in answers {
            let fixture = ClientFixture(ScriptedTransport(answer), credentials: source, retry: .never)
            let error = await apiError { () async throws(APIError) in
                try await fixture.client.get(Gadget.self, .a)
            }
            files.set("/token", nil)
            clock.advance(by: .seconds(60))
            words += " \(String(describing: error)) \(fixture.notices.values) \(fixture.observed.values)"
        }
        return words + " \(notices.values)"
    }

    @Test(
        "never appear in errors, notices and observations",
        arguments: [
            .token(secret), .tokenFile("/token"), .basic(username: "u", password: secret),
            .plugin(
                PluginConfiguration(
                    apiVersion: "v", command: "login", arguments: [], environment: ["S": secret],
                    installHint: "", needsTerminal: false)),
        ] as [Authentication])
    func canary(authentication: Authentication) async {
        let words = await words(
            authentication, .failure(401, reason: "Unauthorized"), .failure(403, reason: "Forbidden"),
            .failure(.tlsFailed("bad certificate")), .text(200, "<html>"), .text(500, "no"))
        #expect(!words.contains(Self.secret))
        #expect(words.contains(authentication.description))
    }
}
