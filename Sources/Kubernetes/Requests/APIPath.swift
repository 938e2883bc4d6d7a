// SPDX-License-Identifier: Apache-2.0

/// Builds the paths of the API, with every part checked and percent-encoded.
package enum APIPath {
    /// `/api/v1/namespaces/ns/pods` or `/apis/group/version/plural`.
    ///
    /// - `namespace`: nil for all namespaces, and for kinds that live in none.
    package static func collection(
        _ definition: ResourceDefinition, namespace: String?
    ) throws(APIError) -> String {
        let root = try groupVersion(definition)
        guard let namespace else { return "\(root)/\(try segment(definition.plural, "plural"))" }
        guard definition.isNamespaced else {
            throw .invalidRequest(
                "namespace: \(definition.kind) lives in no namespace, not in \"\(namespace)\"")
        }
        let encoded = try segment(namespace, "namespace")
        return "\(root)/namespaces/\(encoded)/\(try segment(definition.plural, "plural"))"
    }

    /// The path of one object or of a part of it.
    package static func object(
        _ definition: ResourceDefinition, _ key: ObjectKey, _ subresource: Subresource? = nil
    ) throws(APIError) -> String {
        let namespace = definition.isNamespaced || !key.namespace.isEmpty ? key.namespace : nil
        let collection = try collection(definition, namespace: namespace)
        let path = "\(collection)/\(try segment(key.name, "name"))"
        return subresource.map { "\(path)/\($0.rawValue)" } ?? path
    }

    /// `/apis/group/version`, where the server lists what it serves; `/api/v1` for the core group.
    package static func groupVersion(_ definition: ResourceDefinition) throws(APIError) -> String {
        let version = try segment(definition.version, "version")
        guard !definition.group.isEmpty else { return "/api/\(version)" }
        return "/apis/\(try segment(definition.group, "group"))/\(version)"
    }

    /// The API server accepts no other name as a path segment either.
    private static func segment(_ text: String, _ field: String) throws(APIError) -> String {
        guard !text.isEmpty else { throw .invalidRequest("\(field): must not be empty") }
        guard text != ".", text != "..", !text.utf8.contains(where: { $0 == 0x2F || $0 == 0x25 }) else {
            throw .invalidRequest(
                "\(field): must not be \".\" or \"..\" nor contain / or %, as \"\(text)\" does")
        }
        return PercentEncoding.encode(text)
    }
}

/// Percent-encoding of RFC 3986: everything but unreserved characters.
package enum PercentEncoding {
    /// `text` with every other byte as `%XX`.
    package static func encode(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if isUnreserved(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), hexDigit(byte >> 4), hexDigit(byte & 0xF)]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
