// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

@testable import Talos

@Suite("Reading and writing secrets bundles")
struct SecretsBundleTests {
    @Test("a bundle that was read is written again to the byte")
    func roundTrip() throws {
        let bundle = try SecretsBundle(yaml: SecretsFixture.yaml, source: "secrets.yaml")
        #expect(bundle.yaml == SecretsFixture.yaml)
        #expect(bundle.bootstrapToken == "0f8e5c.k2v9x7m4q1w6t3zz")
        #expect(bundle.trustdToken == "a1b2c3.d4e5f6g7h8i9j0k1")
        #expect(bundle.aescbcEncryptionSecret == nil)
        #expect(bundle.os.key.starts(with: Array("-----BEGIN ED25519 PRIVATE KEY-----\n".utf8)))
        #expect(bundle.aggregator.crt.starts(with: Array("-----BEGIN CERTIFICATE-----\n".utf8)))
    }

    @Test(
        "the bundle that Talos tests with is written as talosctl does",
        .enabled(if: TalosReference.isThere))
    func official() throws {
        let text = try TalosReference.text(of: #require(TalosReference.directory) + "/golden/secrets.yaml")
        let bundle = try SecretsBundle(yaml: text, source: "secrets.yaml")
        let uncommented =
            text.split(separator: "\n").filter { $0.first != "#" }.joined(separator: "\n") + "\n"
        #expect(bundle.yaml == uncommented)
    }

    @Test("of the two encryption secrets only what is there is written")
    func encryptionSecrets() {
        var bundle = SecretsBundle()
        bundle.aescbcEncryptionSecret = "YQ=="
        #expect(bundle.yaml.contains("\n    aescbcencryptionsecret: YQ==\ntrustdinfo:\n"))
        bundle.secretboxEncryptionSecret = "Yg=="
        #expect(
            bundle.yaml.contains(
                "\n    aescbcencryptionsecret: YQ==\n    secretboxencryptionsecret: Yg==\ntrustdinfo:\n"))
    }

    @Test("what a bundle lacks is empty, and written as talosctl writes that")
    func empty() throws {
        let bundle = try SecretsBundle(yaml: "cluster: {id: a}\ncerts:\n", source: "")
        #expect(bundle.cluster.id == "a")
        #expect(
            bundle.yaml == """
                cluster:
                    id: a
                    secret: ""
                secrets:
                    bootstraptoken: ""
                trustdinfo:
                    token: ""
                certs:
                    etcd:
                        crt: ""
                        key: ""
                    k8s:
                        crt: ""
                        key: ""
                    k8saggregator:
                        crt: ""
                        key: ""
                    k8sserviceaccount:
                        key: ""
                    os:
                        crt: ""
                        key: ""

                """)
    }

    @Test("a key that was redacted stays so")
    func redacted() throws {
        let bundle = try SecretsBundle(
            yaml:
                "certs:\n    os:\n        crt: YQ==\n        key: '******'\n    k8sserviceaccount: {key: \"******\"}",
            source: "")
        #expect(bundle.os.key == SecretsBundle.redactionMarker)
        #expect(bundle.yaml.contains("        crt: YQ==\n        key: '******'\n"))
        #expect(bundle.yaml.contains("    k8sserviceaccount:\n        key: '******'\n"))
    }

    @Test("what another reader would take for a number or a truth value is the text that it is")
    func text() throws {
        let text = "cluster: {id: 0123, secret: true}\nsecrets: {bootstraptoken: 123456.1234567890123456}"
        let bundle = try SecretsBundle(yaml: text, source: "")
        #expect([bundle.cluster.id, bundle.cluster.secret] == ["0123", "true"])
        #expect(bundle.yaml.contains("    id: \"0123\"\n    secret: \"true\"\n"))
        #expect(bundle.yaml.contains("    bootstraptoken: \"123456.1234567890123456\"\n"))
        #expect(try SecretsBundle(yaml: bundle.yaml, source: "") == bundle)
    }

    @Test("keys that a bundle does not have are passed over")
    func unknownKeys() throws {
        let bundle = try SecretsBundle(
            yaml: SecretsFixture.yaml + "    admin:\n        crt: YQ==\n        key: YQ==\nclock: 1\n",
            source: "")
        #expect(bundle.yaml == SecretsFixture.yaml)
    }

    @Test(
        "the same in JSON is read, as Cluster API and Terraform name its parts",
        arguments: [
            """
            {"Cluster": {"Id": "i", "Secret": "s"}, "Secrets": {"BootstrapToken": "b", "SecretboxEncryptionSecret":
            "x", "AESCBCEncryptionSecret": "y"}, "TrustdInfo": {"Token": "t"}, "Certs": {"Etcd": {"Crt": "YQ==",
            "Key": "Yg=="}, "K8s": {"Crt": "Yw==", "Key": "ZA=="}, "K8sAggregator": {"Crt": "ZQ==", "Key": "Zg=="},
            "K8sServiceAccount": {"Key": "Zw=="}, "OS": {"Crt": "aA==", "Key": "aQ=="}}}
            """,
            """
            {"cluster": {"id": "i", "secret": "s"}, "secrets": {"bootstrap_token": "b",
            "secretbox_encryption_secret": "x", "aescbc_encryption_secret": "y"}, "trustdinfo": {"token": "t"},
            "certs": {"etcd": {"cert": "YQ==", "key": "Yg=="}, "k8s": {"cert": "Yw==", "key": "ZA=="},
            "k8s_aggregator": {"cert": "ZQ==", "key": "Zg=="}, "k8s_serviceaccount": {"key": "Zw=="},
            "os": {"cert": "aA==", "key": "aQ=="}}}
            """,
        ])
    func json(text: String) throws {
        let bundle = try SecretsBundle(yaml: text, source: "")
        #expect([bundle.cluster.id, bundle.cluster.secret] == ["i", "s"])
        #expect([bundle.bootstrapToken, bundle.trustdToken] == ["b", "t"])
        #expect(bundle.secretboxEncryptionSecret == "x")
        #expect(bundle.aescbcEncryptionSecret == "y")
        let letters = [
            bundle.etcd.crt, bundle.etcd.key, bundle.kubernetes.crt, bundle.kubernetes.key,
            bundle.aggregator.crt,
            bundle.aggregator.key, bundle.serviceAccountKey, bundle.os.crt, bundle.os.key,
        ]
        #expect(letters == "abcdefghi".utf8.map { [$0] })
    }

    @Test(
        "what cannot be read is named, never shown",
        arguments: [
            ("", "f: is empty: a secrets bundle is one document"),
            ("cluster: {}\n---\ncluster: {}", "f: has 2 documents: a secrets bundle is one document"),
            ("a: 1", "f: is no secrets bundle: it has none of cluster, secrets, trustdinfo, certs"),
            ("canary", "f: is no secrets bundle: it has none of cluster, secrets, trustdinfo, certs"),
            ("cluster:\n  id: [canary]", "f, line 2: cluster.id: must be a string, not a list"),
            ("certs: [canary]", "f, line 1: certs: must be an object, not a list"),
            (
                "certs: {os: {key: ca-nary}}",
                "f, line 1: certs.os.key: must be PEM text in Base64, on one line"
            ),
            (
                "Certs:\n  OS:\n    Crt: |\n      -----BEGIN CERTIFICATE-----\n",
                "f, line 3: Certs.OS.Crt: must be PEM text in Base64, on one line, not the PEM text itself"
            ),
            (
                "cluster:\n  id: a\n  id: b\n",
                "f, line 3: cannot be read: the key \"id\" stands already at line 2, column 3"
            ),
        ])
    func unreadable(text: String, problem: String) {
        let error = #expect(throws: ConfigProblems.self) { try SecretsBundle(yaml: text, source: "f") }
        #expect(error?.description == problem)
    }

    @Test("all that is wrong is told at once")
    func allAtOnce() {
        let text = "cluster: {id: [], secret: {}}\ncerts: {etcd: {crt: '?', key: '?'}, os: 1}"
        let error = #expect(throws: ConfigProblems.self) { try SecretsBundle(yaml: text, source: "f") }
        #expect(error?.problems.count == 5)
    }

    @Test("no way to print a bundle shows anything of it")
    func redaction() throws {
        let bundle = try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
        var texts = [
            "\(bundle)", String(reflecting: bundle), String(describing: bundle), "\(bundle.os)",
            String(reflecting: bundle.os), "\(bundle.cluster)", String(reflecting: bundle.cluster),
            "\([bundle])",
            "\(Optional(bundle.etcd) as Any)",
        ]
        for value in [bundle, bundle.os, bundle.cluster] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            texts.append(dumped)
        }
        for text in texts {
            #expect(!text.contains("BEGIN") && !text.contains("LS0t") && !text.contains("45, 45"))
            #expect(!text.contains(bundle.cluster.secret) && !text.contains(bundle.bootstrapToken))
        }
    }
}
