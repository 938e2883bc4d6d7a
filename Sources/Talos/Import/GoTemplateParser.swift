// SPDX-License-Identifier: Apache-2.0

/// Makes a tree of a template's pieces.
struct GoTemplateParser {
    /// Nobody nests deeper, and a hostile template must not exhaust the stack.
    private static let deepest = 50

    private var pieces: ArraySlice<GoTemplateLexer.Piece>
    private var depth = 0

    init(_ pieces: [GoTemplateLexer.Piece]) {
        self.pieces = pieces[...]
    }

    mutating func parse() throws(GoTemplate.Problem) -> [GoTemplate.Node] {
        let (nodes, end) = try block()
        if let end { throw GoTemplate.Problem(line: end.line, reason: "\(end.keyword) without a beginning") }
        return nodes
    }

    private struct End {
        var keyword: String
        /// What stands behind `else`.
        var rest: String
        var line: Int
    }

    /// Reads up to an `else` or `end`, which is taken.
    private mutating func block() throws(GoTemplate.Problem) -> ([GoTemplate.Node], End?) {
        var nodes: [GoTemplate.Node] = []
        while let piece = pieces.popFirst() {
            switch piece {
            case .text(let text): nodes.append(.text(text))
            case .action(let body, let line):
                let keyword = String(body.prefix { $0.isLetter })
                let rest = String(body.dropFirst(keyword.count).drop { $0.isWhitespace })
                switch keyword {
                case "end", "else": return (nodes, End(keyword: keyword, rest: rest, line: line))
                case "if", "with", "range":
                    depth += 1
                    guard depth <= Self.deepest else {
                        throw GoTemplate.Problem(line: line, reason: "nests too deep")
                    }
                    nodes.append(try control(keyword, rest, line))
                    depth -= 1
                case "define", "template", "block", "break", "continue":
                    throw GoTemplate.Problem(line: line, reason: "\(keyword) is not carried over")
                default: nodes.append(.action(try GoPipelineParser.parse(body, line), line: line))
                }
            }
        }
        return (nodes, nil)
    }

    private mutating func control(
        _ keyword: String, _ head: String, _ line: Int
    ) throws(GoTemplate.Problem) -> GoTemplate.Node {
        let pipeline = try GoPipelineParser.parse(head, line)
        let (body, end) = try block()
        guard let end else { throw GoTemplate.Problem(line: line, reason: "\(keyword) without its end") }
        guard keyword == "if" else {
            let otherwise = end.keyword == "else" ? try last(of: keyword, end) : []
            return keyword == "with"
                ? .with(pipeline, body, otherwise: otherwise, line: line)
                : .range(pipeline, body, otherwise: otherwise, line: line)
        }
        var cases = [(test: pipeline, body: body)]
        var current = end
        while current.keyword == "else" {
            guard current.rest.hasPrefix("if ") else {
                return .condition(cases, otherwise: try last(of: keyword, current), line: line)
            }
            let test = try GoPipelineParser.parse(String(current.rest.dropFirst(3)), current.line)
            let (body, next) = try block()
            guard let next else { throw GoTemplate.Problem(line: line, reason: "if without its end") }
            cases.append((test, body))
            current = next
        }
        return .condition(cases, otherwise: [], line: line)
    }

    /// What follows the last `else`.
    private mutating func last(of keyword: String, _ end: End) throws(GoTemplate.Problem) -> [GoTemplate.Node]
    {
        guard end.rest.isEmpty else {
            throw GoTemplate.Problem(line: end.line, reason: "else \(end.rest) is not carried over")
        }
        let (body, close) = try block()
        guard close?.keyword == "end" else {
            throw GoTemplate.Problem(line: end.line, reason: "\(keyword) without its end")
        }
        return body
    }
}

/// Reads what stands in an action.
struct GoPipelineParser {
    private static let deepest = 50

    private var rest: Substring
    private let line: Int
    private var depth = 0

    static func parse(_ text: String, _ line: Int) throws(GoTemplate.Problem) -> GoTemplate.Pipeline {
        var parser = GoPipelineParser(rest: text[...], line: line)
        let pipeline = try parser.pipeline()
        guard parser.rest.isEmpty else {
            throw parser.problem("\"\(parser.rest.prefix(20))\" is not understood")
        }
        return pipeline
    }

    private init(rest: Substring, line: Int) {
        self.rest = rest
        self.line = line
    }

    private func problem(_ reason: String) -> GoTemplate.Problem {
        GoTemplate.Problem(line: line, reason: reason)
    }

    private mutating func pipeline() throws(GoTemplate.Problem) -> GoTemplate.Pipeline {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw problem("nests too deep") }
        let variables = declaredVariables()
        var commands = [try command()]
        while take("|") { commands.append(try command()) }
        return GoTemplate.Pipeline(variables: variables, commands: commands)
    }

    /// `$x :=`, `$x =` or `$i, $x :=` at the beginning; nothing is taken if that is not what stands there.
    private mutating func declaredVariables() -> [String] {
        var names: [String] = []
        let start = rest
        skipBlanks()
        while rest.first == "$" {
            rest.removeFirst()
            names.append(takeName())
            skipBlanks()
            if rest.hasPrefix(":=") {
                rest = rest.dropFirst(2)
                return names
            }
            if rest.first == "=" {
                rest.removeFirst()
                return names
            }
            guard rest.first == "," else { break }
            rest.removeFirst()
            skipBlanks()
        }
        rest = start
        return []
    }

    private mutating func command() throws(GoTemplate.Problem) -> [GoTemplate.Operand] {
        var operands: [GoTemplate.Operand] = []
        skipBlanks()
        while let first = rest.first, first != "|", first != ")" {
            operands.append(try operand(first))
            skipBlanks()
        }
        guard !operands.isEmpty else { throw problem("a command is missing") }
        return operands
    }

    private mutating func operand(_ first: Character) throws(GoTemplate.Problem) -> GoTemplate.Operand {
        switch first {
        case ".": return .field(takeFields())
        case "$":
            rest.removeFirst()
            let name = takeName()
            return .variable(name, takeFields())
        case "(":
            rest.removeFirst()
            let inner = try pipeline()
            guard take(")") else { throw problem("a parenthesis is not closed") }
            return .pipeline(inner, takeFields())
        case "\"", "`": return .string(try takeString(first))
        case "'": throw problem("a character constant is not carried over")
        case "-", "+", "0"..."9": return try takeNumber()
        default:
            let name = takeName()
            switch name {
            case "": throw problem("\"\(first)\" is not understood")
            case "true": return .bool(true)
            case "false": return .bool(false)
            case "nil": return .null
            default: return .function(name)
            }
        }
    }

    /// `.a.b`, or the dot alone.
    private mutating func takeFields() -> [String] {
        var fields: [String] = []
        while rest.first == "." {
            rest.removeFirst()
            let name = takeName()
            if name.isEmpty { break }
            fields.append(name)
        }
        return fields
    }

    private mutating func takeName() -> String {
        let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        rest = rest.dropFirst(name.count)
        return String(name)
    }

    private mutating func takeNumber() throws(GoTemplate.Problem) -> GoTemplate.Operand {
        let text = rest.prefix { $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "+" }
        rest = rest.dropFirst(text.count)
        if let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else { throw problem("\(text) is no number") }
        return .double(number)
    }

    private mutating func takeString(_ quote: Character) throws(GoTemplate.Problem) -> String {
        rest.removeFirst()
        var text = ""
        while let character = rest.popFirst() {
            if character == quote { return text }
            guard character == "\\", quote != "`" else {
                text.append(character)
                continue
            }
            switch rest.popFirst() {
            case "n": text += "\n"
            case "t": text += "\t"
            case "r": text += "\r"
            case let escaped? where escaped == "\"" || escaped == "\\": text.append(escaped)
            default: throw problem("an escape in a string is not carried over")
            }
        }
        throw problem("a string is not closed")
    }

    private mutating func take(_ character: Character) -> Bool {
        skipBlanks()
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipBlanks() {
        rest = rest.drop { $0.isWhitespace }
    }
}
