// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import StructuredData
import Testing

@testable import Talos

@Suite("talosconfig")
struct TalosClientConfigurationTests {
    static let now = Timestamp(nanosecondsSince1970: 1_780_000_000_000_000_000)

    private static func make(
        endpoints: [String] = [], nodes: [String] = [], roles: [String] = ["os:admin"]
    ) throws -> TalosClientConfiguration {
        try .make(
            SecretsBundle(yaml: SecretsFixture.yaml, source: ""), clusterName: "prod", endpoints: endpoints,
            nodes: nodes, roles: roles, at: now, lifetime: TalosClientConfiguration.shortLifetime)
    }

    @Test("what is made is what talosctl writes")
    func layout() throws {
        let configuration = try Self.make(endpoints: ["10.0.0.1", "[::1]:50000"], nodes: ["10.0.0.2"])
        let context = try #require(configuration.current)
        #expect(
            configuration.yaml == """
                context: prod
                contexts:
                    prod:
                        endpoints:
                            - 10.0.0.1
                            - '[::1]:50000'
                        nodes:
                            - 10.0.0.2
                        ca: \(Base64.encode(context.authority))
                        crt: \(Base64.encode(context.client.crt))
                        key: \(Base64.encode(context.client.key))

                """)
        #expect(
            try Self.make().yaml.hasPrefix(
                "context: prod\ncontexts:\n    prod:\n        endpoints: []\n        ca: "))
    }

    @Test("its certificate is one of the bundle's authority, for its roles and time")
    func certificate() throws {
        let bundle = try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
        let configuration = try Self.make(roles: ["os:reader", "os:etcd:backup"])
        let client = try #require(configuration.current).client
        let certificate = try Certificate(pem: client.crt, what: "crt")
        // DER sorts the parts of a set by their length first.
        #expect(certificate.subject.values(of: "O") == ["os:reader", "os:etcd:backup"])
        #expect(try certificate.isSigned(by: Certificate(pem: bundle.os.crt, what: "ca")))
        #expect(try certificate.matches(PrivateKey(pem: client.key, what: "key")))
        #expect(client.key.starts(with: Array("-----BEGIN ED25519 PRIVATE KEY-----\n".utf8)))
        #expect(configuration.expiry == Self.now + .seconds(86_400))
    }

    @Test("what was read is written again to the byte")
    func roundTrip() throws {
        let text = try Self.make(endpoints: ["a"], nodes: ["b", "c"]).yaml
        #expect(try TalosClientConfiguration(yaml: text, source: "f").yaml == text)
        let others = """
            context: ""
            contexts:
                omni:
                    endpoints:
                        - https://omni.example
                    auth:
                        siderov1:
                            identity: me@example.com
                    cluster: talos-default
                proxy:
                    endpoints: []
                    auth:
                        basic:
                            username: me
                            password: "123"

            """
        #expect(try TalosClientConfiguration(yaml: others, source: "f").yaml == others)
        #expect(
            try TalosClientConfiguration(yaml: "contexts: {}\ncontext: a", source: "").yaml
                == "context: a\ncontexts: {}\n")
    }

    @Test("the target of an old one is an endpoint")
    func target() throws {
        let text = "context: a\ncontexts:\n  a: {endpoints: [b], target: c, unknown: 1}\n  d:\n"
        let configuration = try TalosClientConfiguration(yaml: text, source: "")
        #expect(configuration.current?.endpoints == ["b", "c"])
        #expect(configuration.contexts.map(\.name) == ["a", "d"])
        #expect(configuration.expiry == Timestamp(nanosecondsSince1970: .min))
    }

    @Test(
        "what cannot be read is named, never shown",
        arguments: [
            ("canary", "f, line 1: must be an object, not a string"),
            ("context: [canary]", "f, line 1: context: must be a string, not a list"),
            ("contexts: [canary]", "f, line 1: contexts: must be an object, not a list"),
            ("contexts:\n  a: canary", "f, line 2: contexts.a: must be an object, not a string"),
            (
                "contexts: {a: {endpoints: canary}}",
                "f, line 1: contexts.a.endpoints: must be a list, not a string"
            ),
            ("contexts: {a: {nodes: [[]]}}", "f, line 1: contexts.a.nodes[0]: must be a string, not a list"),
            (
                "contexts: {a: {key: can-ary}}",
                "f, line 1: contexts.a.key: must be PEM text in Base64, on one line"
            ),
            ("", "f: is empty: a talosconfig is one document"),
        ])
    func unreadable(text: String, problem: String) {
        let error = #expect(throws: ConfigProblems.self) {
            try TalosClientConfiguration(yaml: text, source: "f")
        }
        let description = error?.description ?? ""
        #expect(
            description == problem
        )
        #expect(!description.contains("canary") && !description.contains("can-ary"))
    }

    @Test("no way to print one shows anything of it")
    func redaction() throws {
        var configuration = try Self.make()
        configuration.contexts[0].authentication = .basic(username: "canary", password: "canary")
        var texts = ["\(configuration)", String(reflecting: configuration)]
        for value in [
            configuration, configuration.contexts[0], configuration.contexts[0].authentication as Any,
        ] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            texts += [dumped, "\(value)", String(reflecting: value)]
        }
        for text in texts {
            #expect(!text.contains("canary") && !text.contains("BEGIN") && !text.contains("45, 45"))
        }
    }

    @Test("a bundle that cannot sign is an error that shows nothing of it")
    func unusable() throws {
        var bundle = try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
        bundle.os.key = Array("canary".utf8)
        let error = #expect(throws: PKIError.self) {
            try TalosClientConfiguration.make(
                bundle, clusterName: "prod", endpoints: [], at: Self.now, lifetime: .seconds(60))
        }
        #expect(error?.description.hasPrefix("certs.os.key cannot be read: it has no PEM block") ?? false)
        bundle.os.key = bundle.etcd.key
        #expect(throws: PKIError.self) {
            try TalosClientConfiguration.make(
                bundle, clusterName: "prod", endpoints: [], at: Self.now, lifetime: .seconds(60))
        }
    }
}
