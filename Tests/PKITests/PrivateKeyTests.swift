// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import PKI

@Suite("Private keys and PEM")
struct PrivateKeyTests {
    @Test("a key is written as Talos writes it, and read again")
    func forms() throws {
        let ed25519 = try #require(PEMBlock.blocks(in: PrivateKey.generate(.ed25519).pem(), what: "").first)
        #expect(ed25519.label == "ED25519 PRIVATE KEY")
        let start: [UInt8] = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20]
        #expect(ed25519.bytes.starts(with: start) && ed25519.bytes.count == 48)
        let ecdsa = try #require(PEMBlock.blocks(in: PrivateKey.generate(.ecdsa).pem(), what: "").first)
        #expect(ecdsa.label == "EC PRIVATE KEY")
        #expect(ecdsa.bytes.starts(with: [0x30, 0x77, 2, 1, 1, 4, 0x20]) && ecdsa.bytes.count == 121)
        for block in [ed25519, ecdsa] {
            #expect(try PrivateKey(pem: block.text, what: "key").pem() == block.text)
        }
    }

    @Test("a PKCS #8 block is read whatever its key, and written under Talos' own label")
    func pkcs8() throws {
        var block = try #require(PEMBlock.blocks(in: PrivateKey.generate(.ed25519).pem(), what: "").first)
        block.label = "PRIVATE KEY"
        let key = try PrivateKey(pem: block.text, what: "key")
        #expect(key.algorithm == .ed25519)
        block.label = "ED25519 PRIVATE KEY"
        #expect(try key.pem() == block.text)
    }

    @Test("a block is found wherever it stands, whatever ends its lines")
    func blocks() throws {
        let text =
            "for people\r\n-----BEGIN A B-----\r\nYWJj\r\n ZGVm \r\n-----END A B----- \r\nand\n-----BEGIN C-----\n-----END C-----"
        #expect(
            try PEMBlock.blocks(in: Array(text.utf8), what: "")
                == [PEMBlock(label: "A B", bytes: Array("abcdef".utf8)), PEMBlock(label: "C", bytes: [])])
    }

    @Test("lines have 64 characters")
    func lines() {
        let block = PEMBlock(label: "X", bytes: [UInt8](repeating: 0, count: 49))
        let lines = String(decoding: block.text, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.map(\.count) == [17, 64, 4, 15, 0])
    }

    @Test(
        "what is no key is named and not shown",
        arguments: [
            ("", "certs.os.key cannot be read: it has no PEM block"),
            ("canary", "certs.os.key cannot be read: it has no PEM block"),
            (
                "-----BEGIN CANARY-----\nYQ==\n-----END CANARY-----",
                "certs.os.key cannot be read: its first PEM block is no \"ED25519 PRIVATE KEY\" or"
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nca-nary\n-----END PRIVATE KEY-----",
                "its PEM block is not Base64"
            ),
            ("-----BEGIN PRIVATE KEY-----\nYQ==\n-----END PRIVAT KEY-----", "its PEM block has no END line"),
            ("-----BEGIN PRIVATE KEY-----\nYQ==\n", "its PEM block has no END line"),
            (
                "-----BEGIN PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nYQ==\n-----END PRIVATE KEY-----",
                "encrypted"
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----",
                "certs.os.key cannot be read: "
            ),
            ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "certs.os.key cannot be read: "),
            (
                "-----BEGIN EC PRIVATE KEY-----\nY2FuYXJ5\n-----END EC PRIVATE KEY-----",
                "certs.os.key cannot be read: "
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----",
                "certs.os.key cannot be read: "
            ),
        ])
    func unreadable(text: String, problem: String) {
        let error = #expect(throws: PKIError.self) {
            _ = try PrivateKey(pem: Array(text.utf8), what: "certs.os.key")
        }
        let description = error?.description ?? ""
        #expect(description.contains(problem))
        #expect(!description.lowercased().contains("canary"))
    }

    @Test("a key is refused if its label says that it has another form or kind")
    func labels() async throws {
        let generic = try await OpenSSLTool.run([
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
        ])
        let reasons = [
            "EC PRIVATE KEY": "it is of the form PKCS #8, whose label is \"PRIVATE KEY\"",
            "RSA PRIVATE KEY": "it is of the form PKCS #8, whose label is \"PRIVATE KEY\"",
            "ED25519 PRIVATE KEY": "its label names another kind of key",
        ]
        for (label, reason) in reasons {
            let text = Array(generic.replacing("PRIVATE KEY", with: label).utf8)
            #expect(throws: PKIError.unreadable(what: "key", reason: reason)) {
                _ = try PrivateKey(pem: text, what: "key")
            }
        }
    }

    @Test("only the first block counts, as it does for Talos")
    func firstBlock() async throws {
        let text = try await OpenSSLTool.run(["ecparam", "-name", "prime256v1", "-genkey"])
        #expect(text.hasPrefix("-----BEGIN EC PARAMETERS-----"))
        #expect(throws: PKIError.self) { _ = try PrivateKey(pem: Array(text.utf8), what: "key") }
    }

    @Test("no way to print a block shows what it holds")
    func redaction() {
        let block = PEMBlock(label: "PRIVATE KEY", bytes: Array("canary".utf8))
        var dumped = ""
        dump(block, to: &dumped)
        for text in [dumped, "\(block)", String(reflecting: block)] { #expect(!text.contains("99")) }
    }

    @Test("bytes after a key or certificate are refused")
    func trailing() throws {
        var block = try #require(PEMBlock.blocks(in: PrivateKey.generate(.ecdsa).pem(), what: "").first)
        block.bytes.append(0)
        let error = #expect(throws: PKIError.self) { _ = try PrivateKey(pem: block.text, what: "key") }
        #expect(error?.description == "key cannot be read: bytes follow the end of it")
    }

    @Test("a certificate's text that is none is refused")
    func certificate() {
        for text in ["", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----"] {
            #expect(throws: PKIError.self) { try Certificate(pem: Array(text.utf8), what: "certs.os.crt") }
        }
    }
}
