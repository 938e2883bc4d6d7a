// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport
import Testing

@testable import HTTP

@Suite("Server certificate", .timeLimit(.minutes(15)))
struct ServerCertificateTests {
    private let clock = ManualClock()
    private let pki: TestPKI
    private let notices = Locked<[ServerCertificate.Notice]>([])

    init() async throws {
        pki = try await TestPKI()
        for (name, days) in [("first", 10), ("second", 20)] {
            try await pki.sign(name, names: "IP:127.0.0.1", days: days)
        }
    }

    private var paths: KeyPairPaths {
        KeyPairPaths(certificate: pki.path("tls.crt"), key: pki.path("tls.key"))
    }

    private func put(certificate: String, key: String) throws {
        try FileSystem.replace(paths.certificate, with: pki.pem("\(certificate).crt"))
        try FileSystem.replace(paths.key, with: pki.pem("\(key).key"))
    }

    private func put(_ name: String) throws {
        try put(certificate: name, key: name)
    }

    /// The one that is served now, looked for after the interval.
    private func load() throws -> ServerCertificate {
        let notices = notices
        return try ServerCertificate(paths, clock: clock) { notice in
            notices.withLock { $0.append(notice) }
        }
    }

    /// What loading the pair fails with.
    private func failure() -> CertificateError? {
        do throws(CertificateError) {
            _ = try ServerCertificate(paths, clock: clock)
            return nil
        } catch {
            return error
        }
    }

    /// When the certificate of this name ends, as itself and nothing else tells.
    private func expiry(of name: String) throws -> Int64 {
        let paths = KeyPairPaths(certificate: pki.path("\(name).crt"), key: pki.path("\(name).key"))
        return try ServerCertificate(paths, clock: clock).expiry
    }

    private let day: Int64 = 86_400

    @Test("knows when it ends, to the second")
    func expiry() async throws {
        let before = SystemClock().timestamp.secondsSince1970
        try await pki.sign("third", names: "IP:127.0.0.1", days: 3)
        let after = SystemClock().timestamp.secondsSince1970
        #expect((Int64(before) + 3 * day...Int64(after) + 3 * day).contains(try expiry(of: "third")))
    }

    @Test("is exchanged for a new pair after the interval, not before, and says so once")
    func rotation() throws {
        try put("first")
        let certificate = try load()
        try put("second")
        clock.advance(by: ServerCertificate.interval - .nanoseconds(1))
        #expect(certificate.expiry == (try expiry(of: "first")))
        clock.advance(by: .nanoseconds(1))
        #expect(certificate.expiry == (try expiry(of: "second")))
        clock.advance(by: ServerCertificate.interval)
        #expect(certificate.expiry == (try expiry(of: "second")))
        #expect(notices.withLock { $0 } == [.rotated(expiry: try expiry(of: "second"))])
    }

    @Test("stays while certificate and key do not belong together, and changes when they do")
    func mismatch() throws {
        try put("first")
        let certificate = try load()
        try put(certificate: "second", key: "first")
        for _ in 0..<2 {
            clock.advance(by: ServerCertificate.interval)
            #expect(certificate.expiry == (try expiry(of: "first")))
        }
        let error = CertificateError.mismatch(certificate: paths.certificate, key: paths.key)
        #expect(notices.withLock { $0 } == [.kept(error, isNews: true), .kept(error, isNews: false)])
        try put("second")
        clock.advance(by: ServerCertificate.interval)
        #expect(certificate.expiry == (try expiry(of: "second")))
    }

    @Test("stays while a file is missing or broken, and that is news again after it was in order")
    func broken() throws {
        try put("first")
        let certificate = try load()
        for _ in 0..<2 {
            try FileSystem.remove(paths.key)
            clock.advance(by: ServerCertificate.interval)
            #expect(certificate.expiry == (try expiry(of: "first")))
            try put("first")
            clock.advance(by: ServerCertificate.interval)
            #expect(certificate.expiry == (try expiry(of: "first")))
        }
        let seen = notices.withLock { $0 }
        #expect(seen.count == 2 && seen.first == seen.last)
        guard case .kept(.unreadable(let error), isNews: true) = try #require(seen.first) else {
            Issue.record("\(seen)")
            return
        }
        #expect(error.isNotFound && error.path == paths.key)
    }

    @Test("follows the link by which Kubernetes exchanges all files of a Secret at once")
    func secretVolume() throws {
        let volume = pki.path("volume")
        for name in ["first", "second"] {
            try FileSystem.makeDirectory("\(volume)/..\(name)")
            try FileSystem.replace("\(volume)/..\(name)/tls.crt", with: pki.pem("\(name).crt"))
            try FileSystem.replace("\(volume)/..\(name)/tls.key", with: pki.pem("\(name).key"))
        }
        try link("..first", at: "\(volume)/..data")
        try link("..data/tls.crt", at: "\(volume)/tls.crt")
        try link("..data/tls.key", at: "\(volume)/tls.key")
        let certificate = try ServerCertificate(
            KeyPairPaths(certificate: "\(volume)/tls.crt", key: "\(volume)/tls.key"), clock: clock)
        #expect(certificate.expiry == (try expiry(of: "first")))
        try link("..second", at: "\(volume)/..new")
        #expect(rename("\(volume)/..new", "\(volume)/..data") == 0)
        clock.advance(by: ServerCertificate.interval)
        #expect(certificate.expiry == (try expiry(of: "second")))
    }

    private func link(_ target: String, at path: String) throws {
        guard symlink(target, path) == 0 else { throw SystemError.last }
    }

    @Test("takes a chain, and keys of other kinds and in other forms")
    func forms() async throws {
        try put("first")
        try FileSystem.replace(paths.certificate, with: pki.pem("first.crt") + pki.pem("ca.crt"))
        #expect(failure() == nil)
        let key = ["pkey", "-in", pki.path("first.key"), "-traditional", "-out", paths.key]
        try await OpenSSL.run(key)
        #expect(failure() == nil)
        for kind in [["rsa:2048"], ["ed25519"]] {
            try await OpenSSL.run(
                ["req", "-x509", "-subj", "/CN=other", "-nodes", "-newkey"] + kind + [
                    "-keyout", paths.key, "-out", paths.certificate,
                ])
            #expect(failure() == nil, "\(kind)")
        }
    }

    @Test("is refused at the start, with the file and the reason and nothing of the key")
    func refusal() async throws {
        let canary = "MHcCAQEEcanary"
        let garbage = "-----BEGIN CERTIFICATE-----\n\(canary)\n-----END CERTIFICATE-----\n"
        let garbledKey = "-----BEGIN PRIVATE KEY-----\n\(canary)\n-----END PRIVATE KEY-----\n"
        try await OpenSSL.run([
            "pkey", "-in", pki.path("first.key"), "-aes256", "-passout", "pass:canary", "-out",
            pki.path("locked.key"),
        ])
        try await OpenSSL.run(
            ["req", "-x509", "-subj", "/CN=short", "-nodes", "-newkey", "rsa:1024"] + [
                "-keyout", pki.path("short.key"), "-out", pki.path("short.crt"),
            ])
        let certificate = try pki.pem("first.crt")
        let key = try pki.pem("first.key")
        let table: [(certificate: [UInt8]?, key: [UInt8]?, file: String, reason: String)] = [
            (nil, key, "tls.crt", "No such file"), (certificate, nil, "tls.key", "No such file"),
            ([], key, "tls.crt", "holds no certificate"), (key, key, "tls.crt", "holds no certificate"),
            (Array(garbage.utf8), key, "tls.crt", "is no certificate"),
            (certificate + Array(garbage.utf8), key, "tls.crt", "is no certificate"),
            (certificate, [], "tls.key", "holds no unencrypted private key"),
            (certificate, certificate, "tls.key", "holds no unencrypted private key"),
            (certificate, Array(garbledKey.utf8), "tls.key", "holds no unencrypted private key"),
            (certificate, try pki.pem("locked.key"), "tls.key", "holds no unencrypted private key"),
            (certificate, try pki.pem("second.key"), "tls.key", "is not the key of the certificate"),
            (certificate, [UInt8](repeating: 65, count: 300_000), "tls.key", "larger than"),
            (try pki.pem("short.crt"), try pki.pem("short.key"), "tls.crt", "ee key too small"),
        ]
        for row in table {
            for (path, content) in [(paths.certificate, row.certificate), (paths.key, row.key)] {
                try FileSystem.remove(path)
                if let content { try FileSystem.replace(path, with: content) }
            }
            let text = try #require(failure()?.description, "\(row.reason)")
            #expect(text.contains(row.file) && text.contains(row.reason), "\(text)")
            #expect(!text.contains("canary"))
        }
    }

    @Test("is exchanged without a restart, and connections that are open go on")
    func openConnections() async throws {
        try put("first")
        let address = try #require(BindAddress(parsing: "127.0.0.1:0"))
        let server = HTTPServer(
            HTTPServerConfiguration(address: address), clock: clock, certificate: try load()
        ) { _ in .text(200, "ok") }
        try server.start()
        let port = try #require(server.boundPort)
        let old = try client(port, trusting: "first")
        defer { old.shutdown() }
        #expect(try await old.send(.get()).text == "ok")
        try put("second")
        clock.advance(by: ServerCertificate.interval)
        let new = try client(port, trusting: "second")
        defer { new.shutdown() }
        #expect(try await new.send(.get()).text == "ok")
        #expect(try await old.send(.get()).text == "ok")
        let late = try client(port, trusting: "first")
        defer { late.shutdown() }
        #expect(await late.failure(.get())?.kind == .tlsFailed)
        await server.stop()
    }

    /// A client that trusts exactly this certificate.
    private func client(_ port: UInt16, trusting name: String) throws -> CurlTransport {
        let tls = TLSConfiguration(trust: .certificates(pem: try pki.pem("\(name).crt")))
        return try CurlTransport(configuration(port, scheme: .https, tls: tls))
    }
}
