// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// One walk through the documents of a layer, which together may not grow beyond limits.
struct VariableSubstitution {
    private let variables: Variables
    /// How much text and how many values may still be put in.
    private var bytes: Int
    private var nodes: Int
    private var problems: [ConfigProblem] = []

    init(_ variables: Variables, limits: YAMLLimits = MachineConfiguration.limits) {
        self.variables = variables
        bytes = limits.bytes
        nodes = limits.nodes
    }

    /// Puts values into the next document; gives what is wrong with it, with lines and paths.
    mutating func replace(in document: inout YAMLNode) -> [ConfigProblem] {
        problems = []
        let wasExhausted = isExhausted
        document = node(document, at: .root)
        return wasExhausted ? [] : problems
    }

    /// Whether the limits are reached, which is said once.
    private var isExhausted: Bool { bytes < 0 || nodes < 0 }

    /// Why a text could not be put together.
    private struct Failure: Error {
        let reason: String
    }

    private mutating func node(_ node: YAMLNode, at path: FieldPath) -> YAMLNode {
        guard problems.count < ConfigProblems.limit, !isExhausted else { return node }
        var node = node
        switch node.content {
        case .scalar(let scalar):
            guard VariableText.isWorthReading(scalar.text) else { return node }
            do throws(Failure) {
                return try value(of: scalar, line: node.line)
            } catch {
                report(error, at: path, line: node.line)
            }
        case .list(let elements):
            node.content = .list(
                elements.enumerated().map { self.node($0.element, at: path.appending($0.offset)) })
        case .map(let members):
            node.content = .map(self.members(members, at: path))
        }
        return node
    }

    private mutating func members(_ members: [YAMLNode.Member], at path: FieldPath) -> [YAMLNode.Member] {
        var results: [YAMLNode.Member] = []
        var hasNewKeys = false
        results.reserveCapacity(members.count)
        for var member in members {
            if VariableText.isWorthReading(member.key) {
                do throws(Failure) {
                    member.key = try text(try pieces(of: member.key))
                    hasNewKeys = true
                } catch {
                    report(error, at: path, line: member.keyLine)
                }
            }
            member.value = node(member.value, at: path.appending(member.key))
            results.append(member)
        }
        if hasNewKeys { reportTwice(results, at: path) }
        return results
    }

    /// A variable may make one key of two.
    private mutating func reportTwice(_ members: [YAMLNode.Member], at path: FieldPath) {
        var keys: Set<String> = []
        for member in members where !keys.insert(member.key).inserted {
            let failure = Failure(reason: "is a key that stands twice once its variables have values")
            report(failure, at: path.appending(member.key), line: member.keyLine)
        }
    }

    private mutating func value(of scalar: YAMLNode.Scalar, line: Int) throws(Failure) -> YAMLNode {
        let pieces = try pieces(of: scalar.text)
        // A value of an API object has no line, and nobody knows any more whether it was written in quotes.
        if scalar.isPlain || line == 0, pieces.count == 1, case .variable(let name) = pieces[0] {
            let value = try value(of: name)
            try take(value)
            return YAMLNode(value, line: line).asWritten
        }
        var scalar = scalar
        scalar.text = try text(pieces)
        return YAMLNode(.scalar(scalar), line: line)
    }

    private func pieces(of text: String) throws(Failure) -> [VariableText.Piece] {
        do throws(VariableText.Unclosed) {
            return try VariableText(text).pieces
        } catch {
            throw Failure(
                reason: "has a ${ without a } after it: ${\(error.beginning) (a dollar sign is written $$)")
        }
    }

    private func value(of name: String) throws(Failure) -> JSONValue {
        switch variables.value(of: name) {
        case .success(let value): return value
        case .failure(let missing): throw Failure(reason: missing.reason)
        }
    }

    private mutating func text(_ pieces: [VariableText.Piece]) throws(Failure) -> String {
        var text = ""
        for piece in pieces {
            switch piece {
            case .text(let part): text += part
            case .variable(let name):
                let part = try Self.text(of: try value(of: name), name)
                try take(bytes: part.utf8.count, nodes: 0)
                text += part
            }
        }
        return text
    }

    private static func text(of value: JSONValue, _ name: String) throws(Failure) -> String {
        switch value {
        case .string(let text): return text
        case .bool, .integer, .double: return String(decoding: value.encoded(), as: UTF8.self)
        case .null, .array, .object:
            throw Failure(reason: "${\(name)} is \(value.kindDescription), which cannot be part of a text")
        }
    }

    /// Counts a value that is put in, so that a small layer cannot grow without end.
    private mutating func take(_ value: JSONValue) throws(Failure) {
        switch value {
        case .null, .bool, .integer, .double: try take(bytes: 8, nodes: 1)
        case .string(let text): try take(bytes: text.utf8.count, nodes: 1)
        case .array(let elements):
            try take(bytes: 0, nodes: 1)
            for element in elements { try take(element) }
        case .object(let object):
            try take(bytes: 0, nodes: 1)
            for member in object.members {
                try take(bytes: member.key.utf8.count, nodes: 1)
                try take(member.value)
            }
        }
    }

    private mutating func take(bytes: Int, nodes: Int) throws(Failure) {
        self.bytes -= bytes
        self.nodes -= nodes
        guard self.bytes >= 0, self.nodes >= 0 else {
            throw Failure(reason: "the values of variables make the layer too large")
        }
    }

    private mutating func report(_ failure: Failure, at path: FieldPath, line: Int) {
        guard problems.count < ConfigProblems.limit else { return }
        problems.append(
            ConfigProblem(line: line > 0 ? line : nil, path: path, problem: failure.reason))
    }
}

extension YAMLNode {
    /// The same with whole numbers as an author writes them, so that they may also stand where Talos wants text.
    fileprivate var asWritten: YAMLNode {
        var node = self
        switch content {
        case .scalar(var scalar):
            if scalar.tag == "!!int" { scalar.tag = nil }
            node.content = .scalar(scalar)
        case .list(let elements): node.content = .list(elements.map(\.asWritten))
        case .map(let members):
            node.content = .map(
                members.map { Member(key: $0.key, keyLine: $0.keyLine, value: $0.value.asWritten) })
        }
        return node
    }
}
