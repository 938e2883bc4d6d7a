// SPDX-License-Identifier: Apache-2.0

extension UInt8 {
    /// Whether this is `0` to `9`.
    package var isASCIIDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}

extension Int {
    /// Reads what a person would write: up to nine digits without sign or leading zeros; nil for anything else.
    package init?(plainDecimal text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard (1...9).contains(bytes.count), bytes.allSatisfy(\.isASCIIDigit) else { return nil }
        guard bytes.count == 1 || bytes.first != UInt8(ascii: "0") else { return nil }
        self.init(text)
    }
}
