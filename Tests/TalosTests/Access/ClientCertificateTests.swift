// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@testable import Talos

@Suite("Client certificates, as OpenSSL's own program sees them")
struct ClientCertificateTests {
    /// The fixture and, where it is there, the bundle that Talos tests with.
    static let bundles: [String] = {
        let official = TalosReference.directory.flatMap {
            try? TalosReference.text(of: "\($0)/golden/secrets.yaml")
        }
        return [SecretsFixture.yaml] + (official.map { [$0] } ?? [])
    }()

    @Test("what is made from a bundle is good for its authorities", arguments: bundles)
    func verify(text: String) async throws {
        let bundle = try SecretsBundle(yaml: text, source: "")
        let now = SystemClock().timestamp
        let talosconfig = try TalosClientConfiguration.make(
            bundle, clusterName: "base", endpoints: [], at: now, lifetime: .seconds(3600))
        let kubeconfig = try AdminKubeconfig.make(
            bundle, clusterName: "base", endpoint: "https://base:6443", at: now, lifetime: .seconds(3600))
        let client = try #require(talosconfig.current).client
        let talos = try await openssl(bundle.os.crt, client.crt)
        #expect(talos.contains(": OK\n") && talos.contains("Subject: O = os:admin\n"))
        #expect(talos.contains("TLS Web Client Authentication\n") && !talos.contains("TLS Web Server"))
        let kubernetes = try await openssl(bundle.kubernetes.crt, kubeconfig.client.crt)
        #expect(kubernetes.contains(": OK\n"))
        #expect(kubernetes.contains("Subject: O = system:masters, CN = admin\n"))
    }

    private func openssl(_ authority: [UInt8], _ certificate: [UInt8]) async throws -> String {
        var environment = ProcessEnvironment.variables
        environment["CA"] = String(decoding: authority, as: UTF8.self)
        environment["CRT"] = String(decoding: certificate, as: UTF8.self)
        let script = """
            openssl verify -x509_strict -purpose sslclient -CAfile <(echo "$CA") <(echo "$CRT") &&
            openssl x509 -noout -text <<< "$CRT"
            """
        let output = try await ChildProcess.run(
            ChildProcess.Command(["bash", "-c", script], environment: environment, timeout: .seconds(300)))
        try #require(output.status == .exited(0), "\(String(decoding: output.standardError, as: UTF8.self))")
        return String(decoding: output.standardOutput, as: UTF8.self)
    }
}
