// SPDX-License-Identifier: Apache-2.0
import Platform

/// The Warning header of RFC 7234 as the API server uses it: `299 - "text"`, many in one or in many fields.
package enum WarningHeader {
    /// The texts of all warnings with code 299; malformed ones end the field they stand in.
    package static func texts(in fields: [String]) -> [String] {
        fields.flatMap { field in
            var scanner = Scanner(rest: field.unicodeScalars[...])
            return scanner.texts()
        }
    }

    private struct Scanner {
        var rest: Substring.UnicodeScalarView

        mutating func texts() -> [String] {
            var texts: [String] = []
            while let (code, text) = warning() {
                if code == "299" { texts.append(text) }
                skip { $0 == " " || $0 == "," }
            }
            return texts
        }

        /// `code agent "text" ["date"]`.
        private mutating func warning() -> (code: String, text: String)? {
            skip { $0 == " " }
            let code = token()
            skip { $0 == " " }
            guard code.count == 3, !token().isEmpty else { return nil }
            skip { $0 == " " }
            guard let text = quoted() else { return nil }
            skip { $0 == " " }
            if rest.first == "\"" { guard quoted() != nil else { return nil } }
            return (code, text)
        }

        private mutating func token() -> String {
            let token = rest.prefix { $0 != " " && $0 != "\"" && $0 != "," }
            rest = rest[token.endIndex...]
            return String(token)
        }

        /// A quoted string without its escapes and control characters.
        private mutating func quoted() -> String? {
            guard rest.popFirst() == "\"" else { return nil }
            var text = String.UnicodeScalarView()
            while let scalar = rest.popFirst() {
                if scalar == "\"" { return String(text) }
                guard let next = scalar == "\\" ? rest.popFirst() : scalar else { return nil }
                if next.properties.generalCategory != .control { text.append(next) }
            }
            return nil
        }

        private mutating func skip(_ isSkipped: (Unicode.Scalar) -> Bool) {
            rest = rest.drop(while: isSkipped)
        }
    }
}

/// Lets each warning through once and remembers the last few hundred.
final class WarningFilter: Sendable {
    private struct State {
        var seen: Set<String> = []
        /// In the order first seen, so that the oldest is forgotten first.
        var order: [String] = []
    }

    private let limit: Int
    private let state = Locked(State())

    init(limit: Int = 256) {
        self.limit = limit
    }

    /// Whether `text` is new.
    func admits(_ text: String) -> Bool {
        state.withLock { state in
            guard state.seen.insert(text).inserted else { return false }
            state.order.append(text)
            if state.order.count > limit { state.seen.remove(state.order.removeFirst()) }
            return true
        }
    }
}
