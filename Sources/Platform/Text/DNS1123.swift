// SPDX-License-Identifier: Apache-2.0

/// Names as Kubernetes checks them.
package enum DNS1123 {
    /// What a label is, so that `must be <rule>` is a sentence.
    package static let labelRule = "a DNS-1123 label (1 to 63 lower-case letters, digits and inner hyphens)"

    /// Whether `text` is 1 to 63 lower-case letters, digits and hyphens that neither begins nor ends with one.
    package static func isLabel(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else {
            return false
        }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
            && isAlphanumeric(first) && isAlphanumeric(last)
    }

    /// Whether `text` is labels with dots between them, 253 characters at most.
    package static func isSubdomain(_ text: some StringProtocol) -> Bool {
        text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLabel($0) }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte.isASCIIDigit
    }
}
