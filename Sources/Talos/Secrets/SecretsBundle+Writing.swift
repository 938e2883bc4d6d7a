// SPDX-License-Identifier: Apache-2.0
import Platform

extension SecretsBundle {
    /// The bundle as talosctl writes it, to the byte.
    package var yaml: String {
        var text = "cluster:\n" + Self.line(1, "id", cluster.id) + Self.line(1, "secret", cluster.secret)
        text += "secrets:\n" + Self.line(1, "bootstraptoken", bootstrapToken)
        text += Self.line(1, "aescbcencryptionsecret", unlessEmpty: aescbcEncryptionSecret)
        text += Self.line(1, "secretboxencryptionsecret", unlessEmpty: secretboxEncryptionSecret)
        text += "trustdinfo:\n" + Self.line(1, "token", trustdToken)
        text += "certs:\n" + Self.lines("etcd", etcd) + Self.lines("k8s", kubernetes)
        text += Self.lines("k8saggregator", aggregator)
        text += "    k8sserviceaccount:\n" + Self.line(2, "key", Self.text(ofKey: serviceAccountKey))
        return text + Self.lines("os", os)
    }

    /// A key's PEM text as it stands in a bundle or machine configuration: in Base64, but the marker as it is.
    package static func text(ofKey key: [UInt8]) -> String {
        key == redactionMarker ? String(decoding: key, as: UTF8.self) : Base64.encode(key)
    }

    private static func lines(_ name: String, _ pair: KeyAndCertificate) -> String {
        "    \(name):\n" + line(2, "crt", Base64.encode(pair.crt)) + line(2, "key", text(ofKey: pair.key))
    }

    private static func line(_ level: Int, _ key: String, unlessEmpty value: String?) -> String {
        guard let value, !value.isEmpty else { return "" }
        return line(level, key, value)
    }

    private static func line(_ level: Int, _ key: String, _ value: String) -> String {
        String(repeating: "    ", count: level) + "\(key): \(GoYAMLScalar.text(value))\n"
    }
}

extension GoYAMLScalar {
    /// The string as go-yaml writes it in one line.
    static func text(_ string: String) -> String {
        var text: [UInt8] = []
        write(string, to: &text)
        return String(decoding: text, as: UTF8.self)
    }
}
