// SPDX-License-Identifier: Apache-2.0

/// How text is written so that variables of layers stay what they are, and nothing else becomes one.
enum ImportedText {
    /// The text with every `$` doubled that would otherwise begin a variable or an escape.
    ///
    /// A `$` at its end counts with `next`, which is what follows the text.
    static func escaped(_ text: some StringProtocol, before next: Character? = nil) -> String {
        var result = ""
        var dollars = 0
        func flush(_ following: Character?) {
            result += String(repeating: "$", count: dollars > 1 || following == "{" ? dollars * 2 : dollars)
            dollars = 0
        }
        for character in text {
            if character == "$" {
                dollars += 1
            } else {
                if dollars > 0 { flush(character) }
                result.append(character)
            }
        }
        // A variable itself begins with a dollar.
        if dollars > 0 { flush(next == "$" ? "{" : next) }
        return result
    }
}

/// The documents of a YAML text, each with its own text.
enum DocumentText {
    /// The text cut at its document markers; documents of blanks and comments alone are left out.
    static func split(_ text: String) -> [(line: Int, text: String)] {
        var documents: [(line: Int, lines: [Substring])] = [(1, [])]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let isMarker =
                line == "---" || line.hasPrefix("--- ") || line.hasPrefix("---\t") || line == "---\r"
            if isMarker {
                let rest = line.dropFirst(3).drop { $0.isWhitespace }
                documents.append((index + 2, rest.isEmpty ? [] : [rest]))
            } else if line.hasPrefix("...") {
                continue
            } else if let last = documents.indices.last {
                documents[last].lines.append(line)
            }
        }
        return documents.compactMap { document in
            let isEmpty = document.lines.allSatisfy { line in
                let content = line.drop { $0.isWhitespace }
                return content.isEmpty || content.first == "#"
            }
            return isEmpty ? nil : (document.line, document.lines.joined(separator: "\n"))
        }
    }
}
