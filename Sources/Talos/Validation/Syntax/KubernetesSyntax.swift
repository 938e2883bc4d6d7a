// SPDX-License-Identifier: Apache-2.0
import Platform

/// How Kubernetes wants keys and values of labels, annotations and taints, and quantities of resources.
enum KubernetesSyntax {
    /// `name` or `prefix/name`: the prefix a DNS subdomain, the name as `isName`.
    static func isQualifiedName(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        switch parts.count {
        case 1: return isName(parts[0])
        case 2: return DNS1123.isSubdomain(parts[0]) && isName(parts[1])
        default: return false
        }
    }

    /// 1 to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends.
    static func isName(_ text: some StringProtocol) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else {
            return false
        }
        let isAlphanumeric = { (byte: UInt8) in byte.isASCIILetter || byte.isASCIIDigit }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && bytes.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    static func isLabelValue(_ text: String) -> Bool {
        text.isEmpty || isName(text)
    }

    static let taintEffects = ["NoSchedule", "PreferNoSchedule", "NoExecute"]

    /// What Talos takes for a taint: `effect` or `value:effect`.
    static func isTaint(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let effect = parts.last, parts.count <= 2, taintEffects.contains(String(effect)) else {
            return false
        }
        return parts.count == 1 || isLabelValue(String(parts[0]))
    }

    private static let suffixes: Set<Substring> = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ]

    /// A quantity such as `500m`, `1.5Gi` or `1e3`.
    static func isQuantity(_ text: String) -> Bool {
        let unsigned = text.first.map { "+-".contains($0) } == true ? text.dropFirst() : text[...]
        let number = unsigned.prefix { $0 == "." || $0.isASCII && $0.isWholeNumber }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.contains(where: { !$0.isEmpty }) else { return false }
        let suffix = unsigned[number.endIndex...]
        if suffixes.contains(suffix) { return true }
        guard let letter = suffix.first, "eE".contains(letter) else { return false }
        let exponent = suffix.dropFirst()
        let digits = exponent.first.map { "+-".contains($0) } == true ? exponent.dropFirst() : exponent
        return !digits.isEmpty && digits.utf8.allSatisfy(\.isASCIIDigit)
    }
}
