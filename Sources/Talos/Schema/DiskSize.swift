// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as Talos reads and writes the size of a partition.
enum DiskSize {
    /// Reads `1073741824`, `100GB` or `1.5 TiB`; nil for anything else.
    static func bytes(_ text: String) -> UInt64? {
        let digits = text.utf8.prefix { (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x2C }
        guard let number = Double(Substring(digits).filter { $0 != "," }) else { return nil }
        let rest = text.utf8.dropFirst(digits.count)
        let unit = Substring(rest).split(separator: " ").joined(separator: " ").lowercased()
        guard let factor = factor(unit) else { return nil }
        if factor == 1, let whole = UInt64(Substring(digits)) { return whole }
        return UInt64(exactly: (number * factor).rounded(.towardZero))
    }

    private static func factor(_ unit: String) -> Double? {
        if unit.isEmpty || unit == "b" { return 1 }
        guard let letter = unit.first, let power = "kmgtpe".firstIndex(of: letter) else { return nil }
        let base: Double
        switch unit.dropFirst() {
        case "", "b": base = 1000
        case "i", "ib": base = 1024
        default: return nil
        }
        var factor = base
        for _ in 0..<"kmgtpe".distance(from: "kmgtpe".startIndex, to: power) { factor *= base }
        return factor
    }

    /// Writes `100 GB` where that is the exact number, else the number.
    static func value(_ bytes: UInt64) -> ConfigNode.Value? {
        if bytes > 0, bytes % 1000 == 0, let text = short(bytes), self.bytes(text) == bytes {
            return .string(text)
        }
        return Int64(exactly: bytes).map { .integer($0) }
    }

    private static func short(_ bytes: UInt64) -> String? {
        guard bytes >= 10 else { return "\(bytes) B" }
        var number = Double(bytes)
        var units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"][...]
        while number >= 1000, units.count > 1 {
            number /= 1000
            units.removeFirst()
        }
        let rounded = (number * 10 + 0.5).rounded(.down) / 10
        guard let unit = units.first else { return nil }
        return rounded < 10 ? "\(rounded) \(unit)" : "\(Int(rounded.rounded())) \(unit)"
    }
}
