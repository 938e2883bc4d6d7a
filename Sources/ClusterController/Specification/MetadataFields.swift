// SPDX-License-Identifier: Apache-2.0
import Platform

/// The labels and annotations of a machine template, checked as the API server would check them.
///
/// It would refuse the whole Machine otherwise, again at every try.
enum MetadataFields {
    private static let keyRule = "a label key such as example.com/name"

    static func labels(_ field: Field) -> [String: String] {
        let labels = field.textMap()
        for (key, member) in field.members() {
            checkKey(key, member)
            if let value = labels[key], !value.isEmpty, !isName(value) {
                member.report(
                    "must be at most 63 letters, digits, '-', '_' and '.', the ends alphanumeric, "
                        + "not \(Field.quote(value))")
            }
        }
        return labels
    }

    static func annotations(_ field: Field) -> [String: String] {
        for (key, member) in field.members() { checkKey(key, member) }
        return field.textMap()
    }

    private static func checkKey(_ key: String, _ member: Field) {
        let parts = key.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let hasGoodPrefix = parts.count < 2 || DNS1123.isSubdomain(parts[0])
        guard let name = parts.last, hasGoodPrefix, isName(name) else {
            return member.report("the key must be \(keyRule)")
        }
    }

    /// 1 to 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or digit.
    private static func isName(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else {
            return false
        }
        let inner: Set<UInt8> = [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")]
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || inner.contains($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        byte.isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
