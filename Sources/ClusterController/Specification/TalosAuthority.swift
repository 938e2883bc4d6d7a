// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Talos

/// `talosConfig.machine.ca`: the authority of the Talos API that a user brings along, each half as PEM text or as Base64 of
/// it.
enum TalosAuthority {
    /// The authority; nil if there is none, or after something was reported.
    ///
    /// Values are never shown.
    static func read(_ field: Field, for version: Version?) -> KeyAndCertificate? {
        guard let crt = pem(field["crt"]), let key = pem(field["key"]) else { return nil }
        var bundle = SecretsBundle()
        bundle.os = KeyAndCertificate(crt: crt, key: key)
        let version = version.map(TalosVersion.init)
        let (errors, warnings) = (bundle.problems(for: version), bundle.warnings(for: version))
        for (name, path) in [
            ("crt", FieldPath("certs", "os", "crt")), ("key", FieldPath("certs", "os", "key")),
        ] {
            for error in errors where error.path == path { field[name].report(error.problem) }
            for warning in warnings where warning.path == path { field[name].report(warning.problem) }
        }
        return bundle.os
    }

    private static func pem(_ field: Field) -> [UInt8]? {
        guard let text = field.text() else { return nil }
        let beginning = "-----BEGIN "
        if text.contains(beginning) { return Array(text.utf8) }
        guard let bytes = Base64.decode(text), String(decoding: bytes, as: UTF8.self).contains(beginning)
        else {
            field.report("must be PEM text, or Base64 of it")
            return nil
        }
        return bytes
    }
}
