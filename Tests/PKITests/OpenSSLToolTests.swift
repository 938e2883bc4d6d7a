// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import Testing

@testable import PKI

/// The program `openssl`, as a second opinion on what we make and a source of what others make.
enum OpenSSLTool {
    /// What it writes to its standard output.
    static func run(_ arguments: [String], input: [UInt8] = []) async throws -> String {
        let output = try await ChildProcess.run(
            ChildProcess.Command(
                ["openssl"] + arguments, environment: ProcessEnvironment.variables, input: input,
                timeout: .seconds(300)))
        try #require(output.status == .exited(0), "\(String(decoding: output.standardError, as: UTF8.self))")
        return String(decoding: output.standardOutput, as: UTF8.self)
    }

    /// Runs `body` with a directory that is gone after it.
    static func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let path = "/tmp/talos-operator-pki-\(Random.hexadecimal(digits: 16))"
        try FileSystem.makeDirectory(path, mode: 0o700)
        defer {
            for name in (try? FileSystem.list(path)) ?? [] { _ = try? FileSystem.remove("\(path)/\(name)") }
            rmdir(path)
        }
        return try await body(path)
    }
}

@Suite("OpenSSL's own program agrees")
struct OpenSSLToolTests {
    private static let now = SystemClock().timestamp

    @Test(
        "a client's certificate is good for its authority", arguments: [PrivateKey.Algorithm.ed25519, .ecdsa])
    func verify(algorithm: PrivateKey.Algorithm) async throws {
        let (crt, client): ([UInt8], [UInt8]) = try {
            let authority = try CertificateAuthority(
                organization: "talos", key: .generate(algorithm), now: Self.now, serialNumber: [0x80, 1])
            let profile = ClientProfile.talos(roles: ["os:admin"], now: Self.now, lifetime: .seconds(3600))
            let key = try PrivateKey.generate(algorithm)
            return (
                authority.certificate.pem,
                try authority.issue(profile, for: key, serialNumber: [0xFF, 2]).pem
            )
        }()
        try await OpenSSLTool.withDirectory { directory in
            try FileSystem.replace("\(directory)/ca", with: crt)
            let verified = try await OpenSSLTool.run(
                ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "\(directory)/ca"],
                input: client)
            #expect(verified == "stdin: OK\n")
        }
        let text = try await OpenSSLTool.run(["x509", "-noout", "-text"], input: client)
        for part in ["Serial Number: 65282 (0xff02)", "Subject: O = os:admin\n", "Issuer: O = talos\n"] {
            #expect(text.contains(part))
        }
    }

    @Test(
        "keys that it makes are read",
        arguments: [
            (["genpkey", "-algorithm", "ed25519"], PrivateKey.Algorithm.ed25519),
            (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], .ecdsa),
            (["ecparam", "-name", "prime256v1", "-genkey", "-noout"], .ecdsa),
            (["genrsa", "-traditional", "2048"], .rsa),
            (["genrsa", "2048"], .rsa),
        ])
    func keys(arguments: [String], algorithm: PrivateKey.Algorithm) async throws {
        let text = Array(try await OpenSSLTool.run(arguments).utf8)
        let key = try PrivateKey(pem: text, what: "key")
        #expect(key.algorithm == algorithm)
    }

    @Test("an RSA key is written as it writes one")
    func rsa() async throws {
        let text = try await OpenSSLTool.run(["genrsa", "-traditional", "2048"])
        let written = try PrivateKey(pem: Array(text.utf8), what: "key").pem()
        #expect(String(decoding: written, as: UTF8.self) == text)
    }

    @Test("kinds of key that Talos has no use for are refused")
    func otherKeys() async throws {
        let text = Array(try await OpenSSLTool.run(["genpkey", "-algorithm", "X25519"]).utf8)
        let error = #expect(throws: PKIError.self) { _ = try PrivateKey(pem: text, what: "key") }
        #expect(error?.description == "key cannot be read: it must be an Ed25519, ECDSA or RSA key")
    }

    @Test("an authority with an RSA key, as kubeadm's, signs for clients with one")
    func rsaAuthority() async throws {
        let key = try await OpenSSLTool.run(["genrsa", "-traditional", "2048"])
        let crt = try await OpenSSLTool.run(
            ["req", "-x509", "-key", "/dev/stdin", "-subj", "/CN=kubernetes"], input: Array(key.utf8))
        let certificate = try await KeyThread.run { () throws(PKIError) in
            let authority = try CertificateAuthority(
                crt: Array(crt.utf8), key: Array(key.utf8), what: "certs.k8s")
            let subject = try PrivateKey.generate(authority.key.algorithm)
            let profile = ClientProfile.kubernetesAdministrator(now: Self.now, lifetime: .seconds(3600))
            return try authority.issue(profile, for: subject, serialNumber: [1])
        }
        #expect(certificate.keyAlgorithm == .rsa)
        #expect(try certificate.isSigned(by: Certificate(pem: Array(crt.utf8), what: "crt")))
        let text = try await OpenSSLTool.run(["x509", "-noout", "-text"], input: certificate.pem)
        #expect(text.contains("Public-Key: (4096 bit)") && text.contains("Issuer: CN = kubernetes\n"))
    }

    @Test("names and addresses of a server's certificate are read")
    func alternativeNames() async throws {
        let text = try await OpenSSLTool.run([
            "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/null", "-subj", "/O=a/CN=b",
            "-addext",
            "subjectAltName=DNS:a.example,IP:10.0.0.1,IP:fd00::1,email:x@y.example", "-days", "40000",
        ])
        let certificate = try Certificate(pem: Array(text.utf8), what: "crt")
        #expect(certificate.subjectAlternativeNames == ["a.example", "10.0.0.1", "fd00::1"])
        #expect(certificate.subject.description == "O=a, CN=b")
        #expect(certificate.keyUsage == nil && certificate.extendedKeyUsage == [])
        #expect(certificate.isCA)
        #expect(
            certificate.notAfter.secondsSince1970 - certificate.notBefore.secondsSince1970 == 40_000 * 86_400)
    }
}
