// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import TestSupport
import Testing

@testable import Kubernetes

@Suite("RotatingTransport")
struct RotatingTransportTests {
    /// Servers that answer by the certificates a connection was made with.
    private final class Network: Sendable {
        struct State {
            var made: [TransportConfiguration] = []
            var transports: [ScriptedTransport] = []
            var closed: [Int] = []
            var refusesToMake: @Sendable (TLSConfiguration) -> Bool = { _ in false }
        }

        typealias Answer = @Sendable (TLSConfiguration) -> ScriptedTransport.Answer?

        let state = Locked(State())
        /// Apart from the transports, which refer to it.
        private let answer = Locked<Answer> { _ in .text(200, "ok") }

        var made: [TLSConfiguration] { state.withLock { $0.made.map(\.tls) } }
        var closed: [Int] { state.withLock { $0.closed } }
        var requestCounts: [Int] { state.withLock { $0.transports }.map(\.requests.count) }

        func answer(_ answer: @escaping Answer) {
            self.answer.withLock { $0 = answer }
        }

        func connect(
            _ configuration: TransportConfiguration
        ) throws(TransportError) -> RotatingTransport.Connection {
            if state.withLock({ $0.refusesToMake })(configuration.tls) {
                throw .invalidConfiguration("bad PEM")
            }
            let transport = ScriptedTransport { [answer] _ in answer.withLock { $0 }(configuration.tls) }
            let index = state.withLock { state in
                state.made.append(configuration)
                state.transports.append(transport)
                return state.made.count - 1
            }
            return RotatingTransport.Connection(transport: transport) { [self] in
                state.withLock { $0.closed.append(index) }
            }
        }
    }

    private let files = FakeFiles(["/ca": pem("AA"), "/crt": pem("C1"), "/key": "k1"])
    private let clock = ManualClock()
    private let network = Network()
    private let notices = Recorder<ClientNotice>()
    private let request = HTTPRequest(method: .get, target: "/")

    private func transport(
        hasIdentity: Bool = true, credentials: any CredentialSource = FixedCredential.none,
        authentication: Authentication = .none
    ) -> RotatingTransport {
        let configuration = ClusterConfiguration(
            endpoint: .test, trust: .certificates(.file("/ca")),
            identity: hasIdentity ? .init(certificate: .file("/crt"), key: .file("/key")) : nil,
            serverName: "name", proxy: "http://p", authentication: authentication, origin: "test")
        let base = TransportConfiguration(
            endpoint: Endpoint(scheme: .http, host: "", port: 1), userAgent: "tester")
        let (network, notices) = (network, notices)
        return RotatingTransport(
            configuration, base: base, credentials: credentials, read: FileReader(files), clock: clock,
            notice: { notices.add($0) },
            make: { configuration throws(TransportError) in try network.connect(configuration) })
    }

    private static func identity(_ tls: TLSConfiguration) -> String {
        String(decoding: tls.identity?.keyPEM ?? [], as: UTF8.self)
    }

    @Test("connects with what the configuration and its files say")
    func first() async throws {
        let transport = transport()
        #expect(try await transport.send(request).head.status == 200)
        let made = network.state.withLock { $0.made }
        #expect(
            made == [
                TransportConfiguration(
                    endpoint: .test,
                    tls: TLSConfiguration(
                        trust: .certificates(pem: Array(pem("AA").utf8)),
                        identity: .init(certificatePEM: Array(pem("C1").utf8), keyPEM: Array("k1".utf8)),
                        serverName: "name"),
                    proxy: "http://p", userAgent: "tester")
            ])
    }

    @Test("files that are the same keep the connection, and are read every five minutes only")
    func unchanged() async throws {
        let transport = transport()
        for _ in 0..<10 {
            _ = try await transport.send(request)
            clock.advance(by: .seconds(60))
        }
        #expect(network.made.count == 1)
        #expect(files.readCount == 6)
    }

    @Test("a new client certificate closes the old connections once it has proven good")
    func newIdentity() async throws {
        let transport = transport()
        _ = try await transport.send(request)
        files.set("/key", "k2")
        clock.advance(by: .seconds(300))
        _ = try await transport.send(request)
        #expect(network.made.map(Self.identity) == ["k1", "k2"])
        #expect(network.closed == [0])
        #expect(notices.values == [.certificatesRotated])
        _ = try await transport.send(request)
        #expect(network.requestCounts == [1, 2])
    }

    @Test("a new CA lets what runs on the old connection come to its end")
    func newAuthority() async throws {
        let transport = transport()
        _ = try await transport.send(request)
        files.set("/ca", pem("BB"))
        clock.advance(by: .seconds(300))
        _ = try await transport.send(request)
        #expect(network.made.count == 2)
        #expect(network.closed.isEmpty)
        #expect(notices.values == [.certificatesRotated])
    }

    @Test("a failed handshake reads the files at once and repeats the request")
    func handshake() async throws {
        let transport = transport(hasIdentity: false)
        let old = TLSConfiguration.Trust.certificates(pem: Array(pem("AA").utf8))
        network.answer { $0.trust == old ? .failure(.tlsFailed("unknown CA")) : .text(200, "ok") }
        await #expect(throws: TransportError.tlsFailed("unknown CA")) { try await transport.send(request) }
        files.set("/ca", pem("BB"))
        clock.advance(by: .seconds(1))
        #expect(try await transport.send(request).head.status == 200)
        #expect(network.requestCounts == [2, 1])
    }

    @Test("files that did not change do not help after a failed handshake, and are not read in a loop")
    func noLoop() async {
        let transport = transport()
        network.answer { _ in .failure(.tlsFailed("no")) }
        for _ in 0..<5 {
            await #expect(throws: TransportError.tlsFailed("no")) { try await transport.send(request) }
        }
        #expect(network.made.count == 1)
        #expect(files.readCount == 6)
    }

    @Test("a certificate whose key is not there yet is given up, and the complete pair taken later")
    func halfWrittenPair() async throws {
        let transport = transport()
        network.answer { tls in
            let isPair =
                tls.identity?.certificatePEM == Array(pem(Self.identity(tls) == "k1" ? "C1" : "C2").utf8)
            return isPair ? .text(200, "ok") : .failure(.invalidConfiguration("key does not match"))
        }
        _ = try await transport.send(request)
        files.set("/crt", pem("C2"))
        clock.advance(by: .seconds(300))
        #expect(try await transport.send(request).head.status == 200)
        #expect(notices.values == [.keepingCertificates(reason: "the server does not accept the new ones")])
        clock.advance(by: .seconds(300))
        _ = try await transport.send(request)
        #expect(network.made.count == 2)
        files.set("/key", "k2")
        clock.advance(by: .seconds(300))
        _ = try await transport.send(request)
        #expect(network.made.map(Self.identity) == ["k1", "k1", "k2"])
        #expect(network.closed == [1, 0])
    }

    @Test(
        "files that cannot be used leave the connection as it is, and that is said",
        arguments: [nil, "garbage"])
    func unusableFiles(content: String?) async throws {
        let transport = transport()
        _ = try await transport.send(request)
        files.set("/ca", content)
        clock.advance(by: .seconds(300))
        #expect(try await transport.send(request).head.status == 200)
        #expect(network.made.count == 1)
        guard case .keepingCertificates = notices.values.first else {
            Issue.record("got \(notices.values)")
            return
        }
    }

    @Test("certificates that no connection can be made of leave the last one in use")
    func unusableMaterial() async throws {
        let transport = transport()
        _ = try await transport.send(request)
        network.state.withLock { $0.refusesToMake = { _ in true } }
        files.set("/key", "k2")
        clock.advance(by: .seconds(300))
        #expect(try await transport.send(request).head.status == 200)
        clock.advance(by: .seconds(300))
        #expect(try await transport.send(request).head.status == 200)
        #expect(notices.values == [.keepingCertificates(reason: "unusable configuration: bad PEM")])
    }

    @Test("without any connection an unusable file is an error")
    func unusableAtFirst() async {
        files.set("/ca", "garbage")
        let transport = transport()
        await #expect(
            throws: TransportError.invalidConfiguration("certificate authority /ca: holds no certificate")
        ) {
            try await transport.send(request)
        }
    }

    @Test("a 401 to a client certificate looks for a newer one and repeats the request")
    func unauthorized() async throws {
        let transport = transport()
        _ = try await transport.send(request)
        files.set("/key", "k2")
        network.answer { Self.identity($0) == "k1" ? .text(401, "expired") : .text(200, "ok") }
        #expect(try await transport.send(request).head.status == 200)
        #expect(network.closed == [0])
    }

    @Test("a 401 without a client certificate is the client's business")
    func tokenUnauthorized() async throws {
        let transport = transport(hasIdentity: false)
        network.answer { _ in .text(401, "") }
        #expect(try await transport.send(request).head.status == 401)
        #expect(network.requestCounts == [1])
    }

    @Test("a watch on a connection that is closed breaks off and does not seem cancelled")
    func watch() async throws {
        let transport = transport()
        let body = ScriptedBody()
        network.answer { _ in .watch(body) }
        let (_, stream) = try await transport.open(request)
        network.answer { _ in .text(200, "ok") }
        files.set("/key", "k2")
        clock.advance(by: .seconds(300))
        _ = try await transport.send(request)
        #expect(network.closed == [0])
        body.fail(.cancelled)
        await #expect(throws: TransportError.interrupted("the client certificate was replaced")) {
            try await stream.next()
        }
    }

    @Test("after a connection that breaks off the certificate is looked at before the next request")
    func brokenOff() async throws {
        let transport = transport()
        _ = try await transport.send(request)
        files.set("/key", "k2")
        // As a server of TLS 1.3 does that has refused a certificate.
        network.answer { Self.identity($0) == "k1" ? .failure(.interrupted("reset")) : .text(200, "ok") }
        await #expect(throws: TransportError.interrupted("reset")) { try await transport.send(request) }
        #expect(network.requestCounts == [2])
        #expect(try await transport.send(request).head.status == 200)
        #expect(network.requestCounts == [2, 1])
    }

    @Test("an old connection is closed only when its requests have their answers")
    func requestsUnderWay() async throws {
        let transport = transport()
        let body = ScriptedBody()
        network.answer { _ in .stream(HTTPResponseHead(status: 200), body) }
        let (network, request) = (network, request)
        async let slow = transport.send(request)
        while network.requestCounts != [1] { await Task.yield() }
        network.answer { _ in .text(200, "ok") }
        files.set("/key", "k2")
        clock.advance(by: .seconds(300))
        _ = try await transport.send(request)
        #expect(network.closed.isEmpty)
        body.finish()
        #expect(try await slow.head.status == 200)
        #expect(network.closed == [0])
    }

    @Test("a plugin's certificate is used as soon as it is another")
    func pluginCertificate() async throws {
        let credentials = ChangingCredential()
        let plugin = PluginConfiguration(
            apiVersion: "", command: "x", arguments: [], environment: [:], installHint: "",
            needsTerminal: false)
        let transport = transport(credentials: credentials, authentication: .plugin(plugin))
        credentials.set("p1")
        _ = try await transport.send(request)
        credentials.set("p2")
        _ = try await transport.send(request)
        #expect(network.made.map(Self.identity) == ["p1", "p2"])
        #expect(network.closed == [0])
    }

    @Test("after a shutdown nothing is sent any more")
    func shutdown() async throws {
        let transport = transport()
        _ = try await transport.send(request)
        transport.shutdown()
        #expect(network.closed == [0])
        await #expect(throws: TransportError.cancelled) { try await transport.send(request) }
    }
}

/// A client certificate that a test changes.
private final class ChangingCredential: CredentialSource {
    private let state = Locked("")

    func set(_ key: String) {
        state.withLock { $0 = key }
    }

    func credential() -> Credential {
        let key = state.withLock { $0 }
        return Credential(identity: .init(certificatePEM: Array(pem("PP").utf8), keyPEM: Array(key.utf8)))
    }

    func invalidate(_ credential: Credential) {}
}
