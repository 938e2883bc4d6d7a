// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Random documents, the same ones for the same seed.
struct ValueGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    private static let pieces = [
        "a", "metadata", "managedFields", " ", "\n", "\t", "\r", "é", "😀", "\u{2028}", "\u{85}", "\u{FEFF}",
        "\0",
        "\u{7F}", "-", ": ", " #", "'", "\"", "\\", "{", "[", "yes", "0x1F", "1e3", "2024-01-01", "~", "null",
        ".",
        "kubernetes.io/", "%", "@", "`", "&", "*", "!", "|", ">", "?", ",", "=", "<<", "1:30", "0", "7", "_",
    ]

    /// A text of some of the pieces that are hard to write or to read.
    mutating func text() -> String {
        (0..<Int.random(in: 0...4, using: &self)).map { _ in
            Self.pieces[Int.random(in: Self.pieces.indices, using: &self)]
        }.joined()
    }

    /// A value that nests at most `depth` levels.
    mutating func value(depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 10 : 7), using: &self) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &self))
        case 2: return .integer(Int64(bitPattern: next()) >> Int64.random(in: 0..<64, using: &self))
        case 3: return .double(number())
        case 4...6: return .string(text())
        case 7: return .array((0..<Int.random(in: 0...4, using: &self)).map { _ in value(depth: depth - 1) })
        default:
            return .object(
                JSONObject(
                    (0..<Int.random(in: 0...5, using: &self)).map { _ in
                        JSONObject.Member(key: text(), value: value(depth: depth - 1))
                    }))
        }
    }

    private mutating func number() -> Double {
        let number = Double(bitPattern: next())
        return number.isFinite ? number : 0.5
    }

    /// The bytes with a few of them changed, removed, repeated or cut off.
    mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &self) where !bytes.isEmpty {
            let place = Int.random(in: bytes.indices, using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &self)
            case 1: bytes.remove(at: place)
            case 2:
                bytes.insert(Array("{}[]\",:\\0e- \n\t&*!".utf8).randomElement(using: &self) ?? 0, at: place)
            case 3: bytes.removeSubrange(place...)
            default: bytes.insert(contentsOf: bytes[place...].prefix(20), at: place)
            }
        }
        return bytes
    }
}
