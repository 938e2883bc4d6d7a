// SPDX-License-Identifier: Apache-2.0

/// Texts that only Talos' libraries read like this.
enum GoSyntax {
    private static let comparisons = [">=", "<=", "==", ">", "<"]

    /// A size, or a comparison with one, such as `>= 1TB`.
    static func isSizeComparison(_ text: String) -> Bool {
        let comparison = comparisons.first { text.hasPrefix($0) } ?? ""
        return DiskSize.bytes(String(text.dropFirst(comparison.count).drop { $0 == " " })) != nil
    }
}
