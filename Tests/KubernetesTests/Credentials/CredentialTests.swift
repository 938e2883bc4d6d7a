// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Token files")
struct TokenFileCredentialTests {
    private let files = FakeFiles(["/token": "\u{FEFF} first \r\n"])
    private let clock = ManualClock()
    private let notices = Recorder<ClientNotice>()

    private func source() -> TokenFileCredential {
        let notices = notices
        return TokenFileCredential(path: "/token", read: FileReader(files), clock: clock) { notices.add($0) }
    }

    @Test("trims the token and reads it again after less than a minute")
    func rereads() throws {
        let source = source()
        #expect(try source.credential().authorization == "Bearer first")
        files.set("/token", "second\n")
        clock.advance(by: .seconds(49))
        #expect(try source.credential().authorization == "Bearer first")
        clock.advance(by: .seconds(1))
        #expect(try source.credential().authorization == "Bearer second")
        #expect(files.readCount == 2)
    }

    @Test("reads it at once after it was refused")
    func refused() throws {
        let source = source()
        let first = try source.credential()
        files.set("/token", "second")
        source.invalidate(first)
        #expect(try source.credential().authorization == "Bearer second")
    }

    @Test("a file that cannot be read at first is an error", arguments: [nil, "", " \n\t"])
    func unreadable(content: String?) {
        files.set("/token", content)
        let source = source()
        #expect(throws: APIError.self) { try source.credential() }
        #expect(notices.values.isEmpty)
    }

    @Test("a file that cannot be read later leaves the last token in use, and says so", arguments: [nil, ""])
    func keeps(content: String?) throws {
        let source = source()
        _ = try source.credential()
        files.set("/token", content)
        clock.advance(by: .seconds(60))
        #expect(try source.credential().authorization == "Bearer first")
        #expect(try source.credential().authorization == "Bearer first")
        #expect(notices.values.count == 1)
    }
}

@Suite("Credentials of the client")
struct ClientCredentialTests {
    private let files = FakeFiles(["/token": "a"])

    private func fixture(_ transport: ScriptedTransport, endpoint: Endpoint = .test) -> ClientFixture {
        let clock = ManualClock()
        let source = TokenFileCredential(path: "/token", read: FileReader(files), clock: clock)
        return ClientFixture(transport, endpoint: endpoint, credentials: source)
    }

    private func sent(_ fixture: ClientFixture) -> [String?] {
        fixture.transport.requests.map { $0.headers["Authorization"] }
    }

    @Test("each request carries the token of the moment, watches too")
    func perRequest() async throws {
        let fixture = fixture(ScriptedTransport(.json(.gadget("a")), .watch(ScriptedBody([]))))
        _ = try await fixture.client.get(Gadget.self, .a)
        _ = try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(1))
        #expect(sent(fixture) == ["Bearer a", "Bearer a"])
    }

    @Test("a refused token is read again, and the request repeated within the call, whatever it is")
    func refreshed() async throws {
        let files = files
        let fixture = fixture(
            ScriptedTransport { request in
                if request.headers["Authorization"] == "Bearer b" { return .json(201, .gadget("a")) }
                files.set("/token", "b")
                return .failure(401, reason: "Unauthorized")
            })
        let gadget: Gadget = try await fixture.client.create(
            Gadget.self, ["metadata": ["generateName": "a"]], namespace: "ns")
        #expect(gadget.key == .a)
        #expect(sent(fixture) == ["Bearer a", "Bearer b"])
        #expect(fixture.observed.values.map(\.statusCode) == [401, 201])
    }

    @Test("a watch is opened with the new token")
    func refreshedWatch() async throws {
        let files = files
        let fixture = fixture(
            ScriptedTransport { request in
                if request.headers["Authorization"] == "Bearer b" { return .watch(ScriptedBody([])) }
                files.set("/token", "b")
                return .failure(401, reason: "Unauthorized")
            })
        var stream = try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(1))
        #expect(try await stream.next() == nil)
    }

    @Test("the same token again is not tried again")
    func unchanged() async {
        let fixture = fixture(ScriptedTransport { _ in .failure(401, reason: "Unauthorized") })
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.get(Gadget.self, .a)
        }
        #expect(error?.status?.code == 401)
        #expect(sent(fixture) == ["Bearer a"])
    }

    @Test("another token is tried once and no more")
    func refusedTwice() async {
        let files = files
        let fixture = fixture(
            ScriptedTransport { _ in
                files.set("/token", "b")
                return .failure(401, reason: "Unauthorized")
            })
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.get(Gadget.self, .a)
        }
        #expect(error?.status?.code == 401)
        #expect(sent(fixture) == ["Bearer a", "Bearer b"])
    }

    @Test("nothing is sent in the clear")
    func plainHTTP() async throws {
        let fixture = fixture(
            ScriptedTransport(.json(.gadget("a"))), endpoint: Endpoint(scheme: .http, host: "h", port: 80))
        _ = try await fixture.client.get(Gadget.self, .a)
        #expect(sent(fixture) == [nil])
        #expect(files.readCount == 0)
    }

    @Test("credentials that cannot be had are an error of their own, and nothing is sent")
    func unavailable() async {
        files.set("/token", nil)
        let fixture = fixture(ScriptedTransport())
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.get(Gadget.self, .a)
        }
        #expect(error == .credentials("cannot open /token: No such file or directory (ENOENT)"))
        #expect(sent(fixture).isEmpty)
    }

    @Test(
        "each kind of authentication has its header",
        arguments: [
            (.none, nil), (.token("t"), "Bearer t"), (.tokenFile("/token"), "Bearer a"),
            (.basic(username: "Aladdin", password: "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] as [(Authentication, String?)])
    func headers(authentication: Authentication, header: String?) async throws {
        let configuration = ClusterConfiguration(
            endpoint: .test, authentication: authentication, origin: "test")
        let source = configuration.credentialSource(
            environment: [:], read: FileReader(files), clock: ManualClock())
        #expect(try await source.credential().authorization == header)
    }
}
