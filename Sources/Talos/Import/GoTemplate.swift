// SPDX-License-Identifier: Apache-2.0

/// A Go template, read as far as importers need it: text, fields, pipelines, `if`, `range`, `with`, variables.
struct GoTemplate {
    indirect enum Node {
        case text(String)
        case action(Pipeline, line: Int)
        case condition([(test: Pipeline, body: [Node])], otherwise: [Node], line: Int)
        case with(Pipeline, [Node], otherwise: [Node], line: Int)
        case range(Pipeline, [Node], otherwise: [Node], line: Int)
    }

    /// Commands of which each gets the value of the one before as its last argument.
    struct Pipeline {
        /// Variables that take the value: of a range, the index and the element.
        var variables: [String] = []
        var commands: [[Operand]]
    }

    indirect enum Operand {
        /// `.a.b`, or `.` alone without keys.
        case field([String])
        /// `$`, `$name` and what follows it.
        case variable(String, [String])
        case string(String)
        case integer(Int64)
        case double(Double)
        case bool(Bool)
        case null
        case function(String)
        case pipeline(Pipeline, [String])
    }

    /// What is wrong with a template, and where.
    struct Problem: Error {
        var line: Int
        var reason: String
    }

    let nodes: [Node]

    /// Reads a template.
    init(_ text: String) throws(Problem) {
        var parser = GoTemplateParser(try GoTemplateLexer.pieces(of: text))
        nodes = try parser.parse()
    }

    /// The template as a text of a layer, if it is made of nothing but text and fields for which `replacement` has a
    /// variable or a value; otherwise nil.
    ///
    /// Text that would begin a variable is escaped, unless the caller does so later.
    func asLayer(escaping: Bool = true, _ replacement: ([String]) -> String?) -> String? {
        var result = ""
        for (index, node) in nodes.enumerated() {
            switch node {
            case .text(let text):
                let isFollowed = nodes.indices.contains(index + 1)
                result += escaping ? ImportedText.escaped(text, before: isFollowed ? "$" : nil) : text
            case .action(let pipeline, _):
                guard pipeline.variables.isEmpty, let first = pipeline.commands.first, first.count == 1,
                    case .field(let keys)? = first.first, let text = replacement(keys)
                else { return nil }
                switch pipeline.commands.count {
                case 1: result += text
                case 2 where Self.isQuoting(pipeline.commands[1]): result += "\"\(text)\""
                default: return nil
                }
            default: return nil
            }
        }
        return result
    }

    private static func isQuoting(_ command: [Operand]) -> Bool {
        guard command.count == 1, case .function("quote")? = command.first else { return false }
        return true
    }
}

/// Cuts a template at its actions.
enum GoTemplateLexer {
    enum Piece {
        case text(String)
        /// What stands between the braces, without trim markers.
        case action(String, line: Int)
    }

    static func pieces(of text: String) throws(GoTemplate.Problem) -> [Piece] {
        var pieces: [Piece] = []
        var rest = text[...]
        var line = 1
        var trimsNext = false
        while let open = rest.firstRange(of: "{{") {
            let before = rest[..<open.lowerBound]
            line += before.count { $0.isNewline }
            let start = line
            guard let end = Self.end(of: rest[open.upperBound...]) else {
                throw GoTemplate.Problem(line: start, reason: "an action is not closed")
            }
            var body = rest[open.upperBound..<end]
            line += body.count { $0.isNewline }
            rest = rest[rest.index(end, offsetBy: 2)...]
            var chunk = trimsNext ? Self.trimmedStart(before) : before
            if body.first == "-", body.dropFirst().first?.isWhitespace == true {
                body = body.dropFirst()
                chunk = Self.trimmedEnd(chunk)
            }
            trimsNext = body.last == "-" && body.dropLast().last?.isWhitespace == true
            if trimsNext { body = body.dropLast() }
            if !chunk.isEmpty { pieces.append(.text(String(chunk))) }
            let content = Self.trimmedStart(Self.trimmedEnd(body))
            if !content.hasPrefix("/*") { pieces.append(.action(String(content), line: start)) }
        }
        let tail = trimsNext ? Self.trimmedStart(rest) : rest
        if !tail.isEmpty { pieces.append(.text(String(tail))) }
        return pieces
    }

    /// Where the braces close: not within a string or a comment.
    private static func end(of text: Substring) -> String.Index? {
        let content = text.drop { $0.isWhitespace || $0 == "-" }
        if content.hasPrefix("/*") {
            guard let close = content.firstRange(of: "*/") else { return nil }
            return content[close.upperBound...].firstRange(of: "}}")?.lowerBound
        }
        var quote: Character?
        var index = text.startIndex
        while index < text.endIndex {
            let character = text[index]
            if let open = quote {
                if character == "\\", open != "`" {
                    index = text.index(after: index)
                    if index == text.endIndex { return nil }
                } else if character == open {
                    quote = nil
                }
            } else if character == "\"" || character == "`" || character == "'" {
                quote = character
            } else if text[index...].hasPrefix("}}") {
                return index
            }
            index = text.index(after: index)
        }
        return nil
    }

    private static func trimmedStart(_ text: Substring) -> Substring {
        text.drop { $0.isWhitespace }
    }

    private static func trimmedEnd(_ text: Substring) -> Substring {
        var text = text
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
