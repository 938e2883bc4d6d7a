// SPDX-License-Identifier: Apache-2.0

/// A parser under fuzzing: what it is fed, and what must hold of whatever it makes of that.
///
/// A target neither traps nor hangs on any input, and throws `Violation` where a property does not hold. The same
/// targets are run by the tests, with seeded inputs, and by libFuzzer, with inputs that it finds by itself.
struct FuzzTarget: Sendable {
    /// The name of its folder in the corpus.
    let name: String
    /// Words that inputs are made of, besides those that every target gets.
    let words: [String]
    /// Feeds it one input.
    let run: @Sendable ([UInt8]) async throws -> Void

    /// A target that does not wait for anything.
    init(_ name: String, words: [String] = [], _ run: @escaping @Sendable ([UInt8]) throws -> Void) {
        self.init(waiting: name, words: words) { try run($0) }
    }

    init(
        waiting name: String, words: [String] = [], _ run: @escaping @Sendable ([UInt8]) async throws -> Void
    ) {
        self.name = name
        self.words = words
        self.run = run
    }

    /// All of them.
    static let all: [FuzzTarget] =
        structuredData + http + kubernetes + cluster + talos + talosAPI + secrets + patching + imports + text
        + settings
}

/// A property that does not hold.
struct Violation: Error, CustomStringConvertible {
    let description: String
}

/// Throws unless the property holds.
func require(_ holds: Bool, _ property: @autoclosure () -> String) throws {
    if !holds { throw Violation(description: property()) }
}

extension [UInt8] {
    /// As text, with U+FFFD for what is not UTF-8.
    var text: String { String(decoding: self, as: UTF8.self) }

    /// The parts before, between and after zero bytes.
    var parts: [[UInt8]] { split(separator: 0, omittingEmptySubsequences: false).map { Array($0) } }

    /// Cut into pieces of the lengths that the bytes themselves give, so that the cuts are part of the input.
    var pieces: [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = self[...]
        while let first = rest.first {
            let piece = rest.prefix(1 + Int(first) % 7)
            pieces.append(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }
}
