// SPDX-License-Identifier: Apache-2.0
import TestSupport

/// Makes inputs of those that are kept: the same ones for the same seed.
struct Mutator {
    private var random: SeededGenerator
    private let seeds: [[UInt8]]
    private let words: [[UInt8]]

    /// What parsers have stumbled over before.
    private static let everywhere: [[UInt8]] = [
        [0], [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x80, 0xA8],
        [0xEF, 0xBB, 0xBF],
        [0x0D, 0x0A], [0x0A], [0x09], [0x20], Array("\u{301}".utf8), Array("9223372036854775807".utf8),
        Array("18446744073709551616".utf8), Array("-".utf8), Array("00".utf8), Array("1e400".utf8),
    ]

    init(seed: UInt64, _ target: FuzzTarget, _ seeds: [[UInt8]]) {
        random = SeededGenerator(seed: seed)
        self.seeds = seeds
        words = Self.everywhere + target.words.map { Array($0.utf8) }
    }

    /// The next input.
    mutating func next() -> [UInt8] {
        var bytes = seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...6, using: &random) { change(&bytes) }
        return Array(bytes.prefix(1 << 16))
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let start = Int.random(in: 0...bytes.count, using: &random)
        let range = start..<min(bytes.count, start + Int.random(in: 0...24, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1, 2: bytes.insert(contentsOf: words.randomElement(using: &random) ?? [], at: start)
        case 3: bytes.replaceSubrange(range, with: words.randomElement(using: &random) ?? [])
        case 4: bytes.removeSubrange(range)
        case 5:
            let copies = Int.random(in: 1...40, using: &random)
            bytes.insert(contentsOf: repeatElement(bytes[range], count: copies).joined(), at: start)
        case 6:
            let other = seeds.randomElement(using: &random) ?? []
            bytes.insert(contentsOf: other.suffix(Int.random(in: 0...200, using: &random)), at: start)
        default:
            if !range.isEmpty { bytes[start] = UInt8.random(in: 0...255, using: &random) }
        }
    }
}
