// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import Talos

extension FuzzTarget {
    private static let labels = [
        "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\n",
        "-----END PRIVATE KEY-----\n", "-----BEGIN EC PRIVATE KEY-----\n", "-----END EC PRIVATE KEY-----\n",
        "-----BEGIN ED25519 PRIVATE KEY-----\n", "Proc-Type: 4,ENCRYPTED\n", "MC4CAQAwBQYDK2VwBCIEI", "\r\n",
        "=",
    ]
    private static let fields = [
        "cluster:\n", "secrets:\n", "certs:\n", "  os: ", "  k8s: {crt: LS0t, key: '******'}\n", "Certs",
        "K8sAggregator",
        "k8s_serviceaccount", "machine:\n  type: controlplane\n", "kind: Secret\n", "data:\n  value: ",
        "\n---\n",
        "contexts:\n", "  a:\n    endpoints: [b]\n", "context: ", "auth: {basic: {username: x}}",
    ]

    static let secrets = [
        FuzzTarget("pem", words: labels, pem),
        FuzzTarget("secrets-bundle", words: fields, bundle),
        FuzzTarget("talosconfig", words: fields, talosconfig),
    ]

    /// A key or certificate that is read is written as what reads back the same.
    private static func pem(_ bytes: [UInt8]) throws {
        _ = Result { try PEMBlock.blocks(in: bytes, what: "it") }
        if case .success(let certificate) = Result(catching: { try Certificate(pem: bytes, what: "it") }) {
            let again = try Certificate(pem: certificate.pem, what: "it")
            try require(again == certificate, "a certificate reads back as it was")
            _ = try certificate.isSigned(by: certificate)
        }
        guard let text = try? PrivateKey(pem: bytes, what: "it").pem() else { return }
        try require(PrivateKey(pem: text, what: "it").pem() == text, "a key reads back as it was")
    }

    /// A bundle that is read is written as what reads back the same; checking it ends, whatever is in it.
    private static func bundle(_ bytes: [UInt8]) throws {
        guard let bundle = try? SecretsBundle.importing(text: bytes.text, source: "it") else { return }
        try require(SecretsBundle(yaml: bundle.yaml, source: "it") == bundle, "a bundle reads back as it was")
        let now = Timestamp(nanosecondsSince1970: 0)
        _ = bundle.problems(for: TalosVersion(minor: 9), at: now)
        _ = bundle.warnings(for: TalosVersion(minor: 9), at: now)
    }

    private static func talosconfig(_ bytes: [UInt8]) throws {
        guard let configuration = try? TalosClientConfiguration(yaml: bytes.text, source: "it") else {
            return
        }
        let again = try TalosClientConfiguration(yaml: configuration.yaml, source: "it")
        try require(again.yaml == configuration.yaml, "a talosconfig reads back as it was")
        _ = configuration.expiry
    }
}
