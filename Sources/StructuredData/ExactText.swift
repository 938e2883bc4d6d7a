// SPDX-License-Identifier: Apache-2.0

/// A text as a key that equals no text of other characters.
///
/// Two Swift strings are equal if people see the same in them, such as "é" as one character and as "e" with an accent.
/// To JSON, YAML and the API server those are two texts.
struct ExactText: Hashable {
    let text: String

    init(_ text: String) {
        self.text = text
    }

    static func == (left: ExactText, right: ExactText) -> Bool {
        left.text.isSame(as: right.text)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(text)
    }
}

extension String {
    /// Whether both are the same characters, byte for byte.
    func isSame(as other: String) -> Bool {
        // Most comparisons end with the first part, and most others with equal ASCII.
        self == other && utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
