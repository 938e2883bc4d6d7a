// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData

/// Why a scalar does not fit its field.
struct Mismatch: Error {
    var problem: String
}

extension FieldType {
    /// The value that a scalar, which is not null, has in a field of this type, as go-yaml v3 reads it.
    ///
    /// Stricter in one thing: a number with a fraction or an exponent is no whole number.
    func value(of scalar: YAMLNode.Scalar) -> Result<ConfigNode.Value, Mismatch> {
        switch self {
        case .string, .arguments: scalar.written.map { .string($0) }
        case .bool: scalar.truth
        case .integer(let range): scalar.integer(in: range)
        case .fileMode: scalar.integer(in: 0...0xFFFF_FFFF)
        case .duration: scalar.duration
        case .bytes: scalar.written.flatMap(Self.bytes)
        case .diskSize: Self.diskSize(scalar)
        case .portRange: Self.portRange(scalar)
        case .unstructured, .map, .list, .object: .failure(scalar.mismatch(name))
        }
    }

    /// What an element is that is there but null.
    var zero: ConfigNode.Value {
        switch self {
        case .string, .arguments, .bytes: .string("")
        case .bool: .bool(false)
        case .integer, .fileMode, .portRange, .diskSize: .integer(0)
        case .duration: .string("0s")
        case .unstructured, .map, .list, .object: .null
        }
    }

    /// What a person would call the type, for messages.
    var name: String {
        switch self {
        case .string, .arguments: "a string"
        case .bool: "true or false"
        case .integer: "a whole number"
        case .fileMode: "permissions such as 0o644"
        case .duration: "a duration such as 1m30s"
        case .bytes: "base64"
        case .diskSize: "a size such as 100GB"
        case .portRange: "a port or a range such as 8000-8080"
        case .unstructured, .map, .object: "an object"
        case .list: "a list"
        }
    }

    private static func bytes(_ text: String) -> Result<ConfigNode.Value, Mismatch> {
        // What Talos shows in place of a key.
        if text == "******" || isCanonicalBase64(text) { return .success(.string(text)) }
        guard let bytes = Base64.decode(text) else { return .failure(Mismatch(problem: "must be base64")) }
        return .success(.string(Base64.encode(bytes)))
    }

    /// Whether encoding what the text decodes to gives the text again, told without doing so.
    private static func isCanonicalBase64(_ text: String) -> Bool {
        guard text.utf8.count.isMultiple(of: 4) else { return false }
        let padding = text.utf8.suffix(2).count { $0 == UInt8(ascii: "=") }
        let digits = text.utf8.dropLast(padding)
        // The bits of the last digit that no byte takes are zero.
        let endings = padding == 0 ? nil : padding == 1 ? "AEIMQUYcgkosw048" : "AQgw"
        if let endings, !(digits.last.map(endings.utf8.contains) ?? false) { return false }
        return digits.allSatisfy {
            switch $0 {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }

    private static func diskSize(_ scalar: YAMLNode.Scalar) -> Result<ConfigNode.Value, Mismatch> {
        guard let bytes = DiskSize.bytes(scalar.text), let value = DiskSize.value(bytes) else {
            return .failure(scalar.mismatch("a number of bytes or a size such as 100GB"))
        }
        return .success(value)
    }

    private static func portRange(_ scalar: YAMLNode.Scalar) -> Result<ConfigNode.Value, Mismatch> {
        let ports = scalar.text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        switch (ports.first ?? nil, ports.last ?? nil) {
        case (let port?, _) where ports.count == 1: return .success(.integer(Int64(port)))
        case (let low?, let high?) where ports.count == 2 && low <= high:
            return .success(low == high ? .integer(Int64(low)) : .string("\(low)-\(high)"))
        default: return .failure(scalar.mismatch(FieldType.portRange.name))
        }
    }
}

extension YAMLNode.Scalar {
    /// The text that stands there, whatever it would mean elsewhere.
    var written: Result<String, Mismatch> {
        // What is made of JSON or tagged was read as something else already: `1.10` as 1.1.
        if let tag, tag != "!", tag != "!!str", !isText {
            let kind = resolved.kindDescription
            return .failure(Mismatch(problem: "must be a string, not \(kind): put it into quotes"))
        }
        return .success(text)
    }

    private var isText: Bool {
        if case .string = resolved { true } else { false }
    }

    /// A truth value; `yes`, `no`, `on` and `off` are ones where one is wanted, in quotes too.
    var truth: Result<ConfigNode.Value, Mismatch> {
        switch resolved {
        case .bool(let value): return .success(.bool(value))
        case .string(let text):
            switch text {
            case "y", "Y", "yes", "on": return .success(.bool(true))
            case "n", "N", "no", "off": return .success(.bool(false))
            default: return .failure(mismatch("true or false"))
            }
        default: return .failure(mismatch("true or false"))
        }
    }

    func integer(in range: ClosedRange<Int64>) -> Result<ConfigNode.Value, Mismatch> {
        guard case .integer(let number) = resolved else { return .failure(mismatch("a whole number")) }
        guard range.contains(number) else {
            let limits =
                number < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
            return .failure(Mismatch(problem: "must be \(limits)"))
        }
        return .success(.integer(number))
    }

    var duration: Result<ConfigNode.Value, Mismatch> {
        guard case .string(let text) = resolved, let duration = GoDuration(text) else {
            return .failure(mismatch("a duration such as 1m30s"))
        }
        return .success(.string(duration.description))
    }

    /// Says what must stand here and what kind of value does; not the value, which may be secret.
    func mismatch(_ expected: String) -> Mismatch {
        let kind: String =
            switch resolved {
            case .double: "a number with a fraction or an exponent"
            case .string where !isPlain: "a string in quotes"
            case let value: value.kindDescription
            }
        return Mismatch(problem: "must be \(expected), not \(kind)")
    }
}
