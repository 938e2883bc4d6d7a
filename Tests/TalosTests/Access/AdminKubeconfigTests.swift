// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import StructuredData
import Testing

@testable import Talos

@Suite("The administrator's kubeconfig")
struct AdminKubeconfigTests {
    private static let now = TalosClientConfigurationTests.now

    private static func make() throws -> AdminKubeconfig {
        try .make(
            SecretsBundle(yaml: SecretsFixture.yaml, source: ""), clusterName: "prod",
            endpoint: "https://10.0.0.1:6443", at: now, lifetime: .seconds(3600))
    }

    @Test("what is made is what Kubernetes' tools write")
    func layout() throws {
        let kubeconfig = try Self.make()
        #expect(
            kubeconfig.yaml == """
                apiVersion: v1
                clusters:
                - cluster:
                    certificate-authority-data: \(Base64.encode(kubeconfig.authority))
                    server: https://10.0.0.1:6443
                  name: prod
                contexts:
                - context:
                    cluster: prod
                    namespace: default
                    user: admin@prod
                  name: admin@prod
                current-context: admin@prod
                kind: Config
                preferences: {}
                users:
                - name: admin@prod
                  user:
                    client-certificate-data: \(Base64.encode(kubeconfig.client.crt))
                    client-key-data: \(Base64.encode(kubeconfig.client.key))

                """)
    }

    @Test("its certificate is a master's, of the bundle's authority")
    func certificate() throws {
        let bundle = try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
        let kubeconfig = try Self.make()
        let certificate = try Certificate(pem: kubeconfig.client.crt, what: "crt")
        #expect(certificate.subject.description == "O=system:masters, CN=admin")
        #expect(try certificate.isSigned(by: Certificate(pem: bundle.kubernetes.crt, what: "ca")))
        #expect(kubeconfig.authority == bundle.kubernetes.crt)
        #expect(kubeconfig.client.key.starts(with: Array("-----BEGIN EC PRIVATE KEY-----\n".utf8)))
        #expect(kubeconfig.expiry == Self.now + .seconds(3600))
        #expect(certificate.notBefore == Self.now + .seconds(-300))
    }

    @Test("no way to print one shows anything of it")
    func redaction() throws {
        let kubeconfig = try Self.make()
        var dumped = ""
        dump(kubeconfig, to: &dumped)
        for text in [dumped, "\(kubeconfig)", String(reflecting: kubeconfig)] {
            #expect(!text.contains("BEGIN") && !text.contains("45, 45") && !text.contains("LS0t"))
        }
    }
}
