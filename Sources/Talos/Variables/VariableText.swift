// SPDX-License-Identifier: Apache-2.0

/// A text with variables, taken apart: `${name}` is one, `$$` is a dollar sign, and any other `$` stands for itself.
struct VariableText {
    enum Piece: Equatable {
        case text(String)
        /// The name between the braces.
        case variable(String)
    }

    /// A `${` without the brace that ends it.
    struct Unclosed: Error {
        /// What follows it, at most 30 characters.
        let beginning: String
    }

    /// The pieces in their order; no text is empty, and no two texts follow each other.
    let pieces: [Piece]

    /// Whether there may be anything to do in a text; most have no dollar sign.
    static func isWorthReading(_ text: String) -> Bool {
        text.utf8.contains(UInt8(ascii: "$"))
    }

    init(_ text: String) throws(Unclosed) {
        var pieces: [Piece] = []
        var plain: [UInt8] = []
        var rest = text.utf8[...]
        func finishText() {
            if !plain.isEmpty { pieces.append(.text(String(decoding: plain, as: UTF8.self))) }
            plain = []
        }
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            plain.append(contentsOf: rest[..<dollar])
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case UInt8(ascii: "$"):
                plain.append(UInt8(ascii: "$"))
                rest = rest.dropFirst()
            case UInt8(ascii: "{"):
                rest = rest.dropFirst()
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
                    throw Unclosed(beginning: String(String(decoding: rest, as: UTF8.self).prefix(30)))
                }
                finishText()
                pieces.append(.variable(String(decoding: rest[..<end], as: UTF8.self)))
                rest = rest[rest.index(after: end)...]
            default:
                plain.append(UInt8(ascii: "$"))
            }
        }
        plain.append(contentsOf: rest)
        finishText()
        self.pieces = pieces
    }

    /// The names of the variables, each as often as it stands there.
    var names: [String] {
        pieces.compactMap { piece in
            if case .variable(let name) = piece { name } else { nil }
        }
    }
}
