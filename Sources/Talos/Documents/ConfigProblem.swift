// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// What is wrong, or doubtful, about one place of a machine configuration or of a layer of it.
///
/// It names keys and what is allowed; values only where they cannot be secret.
package struct ConfigProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The layer or file, as people know it; empty if that is clear.
    package var source: String
    /// Which document of it, from 1; nil where it has one alone or the place is unknown.
    package var document: Int?
    /// The line of the source's text, from 1; nil where it has none.
    package var line: Int?
    /// The field within the document.
    package var path: FieldPath
    /// What is wrong and what is allowed.
    package var problem: String

    package init(
        source: String = "", document: Int? = nil, line: Int? = nil, path: FieldPath = .root, problem: String
    ) {
        self.source = source
        self.document = document
        self.line = line
        self.path = path
        self.problem = problem
    }

    /// As in `spec.patches[0], document 2, line 7: machine.install.wipe: must be true or false, not a string`.
    ///
    /// One line, without characters that act on a terminal, whatever the configuration has in its keys.
    package var description: String {
        var place = source.isEmpty ? [] : [source]
        if let document { place.append("document \(document)") }
        if let line { place.append("line \(line)") }
        let field = path == .root ? "" : "\(path): "
        return ((place.isEmpty ? "" : place.joined(separator: ", ") + ": ") + field + problem)
            .withoutEmbeddedSecrets.printable
    }
}

extension String {
    /// The text with control characters written as in JSON, `\u001b`.
    var printable: String {
        guard unicodeScalars.contains(where: \.isControl) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            guard scalar.isControl else {
                text.unicodeScalars.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
        return text
    }
}

extension Unicode.Scalar {
    /// Whether it does something to a terminal instead of being shown, in either half of Latin-1.
    fileprivate var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}

/// Everything that was found wrong at once; at least one problem.
package struct ConfigProblems: Error, Sendable, Hashable, CustomStringConvertible {
    /// Nobody reads more, and a hostile document could have a million.
    package static let limit = 100

    package private(set) var problems: [ConfigProblem]

    package init(_ problems: [ConfigProblem]) {
        self.problems = Array(problems.prefix(Self.limit))
    }

    package init(_ problem: ConfigProblem) {
        problems = [problem]
    }

    /// A problem a line.
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
