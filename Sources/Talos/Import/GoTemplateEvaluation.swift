// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// What a template says for given values.
struct GoTemplateEvaluation {
    /// More than any machine configuration; a `range` over a `range` could write without end.
    private static let longest = 4 << 20
    /// More than any patch needs; loops within loops need not write to go on for ever.
    private static let mostSteps = 100_000

    /// The values that `$` stands for.
    private let root: JSONValue
    private let functions: GoTemplateFunctions
    private var variables: [(name: String, value: JSONValue)] = []
    private var output = ""
    private var steps = 0

    /// The text of a template whose dot is `root`.
    static func text(
        of template: GoTemplate, root: JSONValue, environment: [String: String]
    ) throws(GoTemplate.Problem) -> String {
        var evaluation = GoTemplateEvaluation(root, environment)
        try evaluation.write(template.nodes, dot: root)
        return evaluation.output
    }

    private init(_ root: JSONValue, _ environment: [String: String]) {
        self.root = root
        functions = GoTemplateFunctions(environment: environment)
    }

    private mutating func write(_ nodes: [GoTemplate.Node], dot: JSONValue) throws(GoTemplate.Problem) {
        for node in nodes {
            try step()
            switch node {
            case .text(let text): output += text
            case .action(let pipeline, let line):
                let value = try value(of: pipeline, dot, line)
                if pipeline.variables.isEmpty {
                    output += GoTemplateFunctions.text(value)
                } else {
                    set(pipeline.variables, to: value)
                }
            case .condition(let cases, let otherwise, let line):
                try scoped { evaluation throws(GoTemplate.Problem) in
                    for (test, body) in cases
                    where GoTemplateFunctions.isTrue(try evaluation.assigned(test, dot, line)) {
                        return try evaluation.write(body, dot: dot)
                    }
                    try evaluation.write(otherwise, dot: dot)
                }
            case .with(let pipeline, let body, let otherwise, let line):
                try scoped { evaluation throws(GoTemplate.Problem) in
                    let value = try evaluation.assigned(pipeline, dot, line)
                    let isTrue = GoTemplateFunctions.isTrue(value)
                    try evaluation.write(isTrue ? body : otherwise, dot: isTrue ? value : dot)
                }
            case .range(let pipeline, let body, let otherwise, let line):
                try writeRange(pipeline, body, otherwise, dot, line)
            }
            guard output.utf8.count <= Self.longest else {
                throw GoTemplate.Problem(line: 1, reason: "it makes more than \(Self.longest) bytes")
            }
        }
    }

    private mutating func step() throws(GoTemplate.Problem) {
        steps += 1
        guard steps <= Self.mostSteps else {
            throw GoTemplate.Problem(line: 1, reason: "it takes more than \(Self.mostSteps) steps")
        }
    }

    private mutating func writeRange(
        _ pipeline: GoTemplate.Pipeline, _ body: [GoTemplate.Node], _ otherwise: [GoTemplate.Node],
        _ dot: JSONValue, _ line: Int
    ) throws(GoTemplate.Problem) {
        let elements: [(JSONValue, JSONValue)]
        switch try value(of: pipeline, dot, line) {
        case .array(let list): elements = list.enumerated().map { (.integer(Int64($0)), $1) }
        case .object(let object):
            elements = object.members.sorted { $0.key < $1.key }.map { (.string($0.key), $0.value) }
        case .null: elements = []
        case let other:
            throw GoTemplate.Problem(line: line, reason: "range over \(other.kindDescription)")
        }
        if elements.isEmpty { return try write(otherwise, dot: dot) }
        for (key, element) in elements {
            try step()
            try scoped { evaluation throws(GoTemplate.Problem) in
                switch pipeline.variables.count {
                case 0: break
                case 1: evaluation.set(pipeline.variables, to: element)
                default: evaluation.set(zip(pipeline.variables, [key, element]))
                }
                try evaluation.write(body, dot: element)
            }
        }
    }

    /// Lets go of the variables that are declared meanwhile; those assigned to keep their values.
    private mutating func scoped(
        _ body: (inout GoTemplateEvaluation) throws(GoTemplate.Problem) -> Void
    ) throws(GoTemplate.Problem) {
        let count = variables.count
        try body(&self)
        variables.removeLast(max(0, variables.count - count))
    }

    private mutating func assigned(
        _ pipeline: GoTemplate.Pipeline, _ dot: JSONValue, _ line: Int
    ) throws(GoTemplate.Problem) -> JSONValue {
        let value = try value(of: pipeline, dot, line)
        set(pipeline.variables, to: value)
        return value
    }

    private mutating func set(_ names: [String], to value: JSONValue) {
        set(names.map { ($0, value) })
    }

    private mutating func set(_ values: some Sequence<(String, JSONValue)>) {
        for (name, value) in values {
            if let index = variables.lastIndex(where: { $0.name == name }) {
                variables[index].value = value
            } else {
                variables.append((name, value))
            }
        }
    }
}

extension GoTemplateEvaluation {
    private func value(
        of pipeline: GoTemplate.Pipeline, _ dot: JSONValue, _ line: Int
    ) throws(GoTemplate.Problem) -> JSONValue {
        var result: JSONValue?
        for command in pipeline.commands { result = try value(of: command, dot, line, piped: result) }
        return result ?? .null
    }

    private func value(
        of command: [GoTemplate.Operand], _ dot: JSONValue, _ line: Int, piped: JSONValue?
    ) throws(GoTemplate.Problem) -> JSONValue {
        guard let first = command.first else { return .null }
        guard case .function(let name) = first else {
            guard command.count == 1, piped == nil else {
                throw GoTemplate.Problem(line: line, reason: "something that is no function gets arguments")
            }
            return try value(of: first, dot, line)
        }
        // These two stop at the first argument that decides.
        if name == "and" || name == "or" {
            var last = JSONValue.null
            for operand in command.dropFirst() {
                last = try value(of: operand, dot, line)
                if GoTemplateFunctions.isTrue(last) == (name == "or") { return last }
            }
            return piped ?? last
        }
        var arguments: [JSONValue] = []
        for operand in command.dropFirst() { arguments.append(try value(of: operand, dot, line)) }
        if let piped { arguments.append(piped) }
        guard let result = functions.call(name, arguments) else {
            throw GoTemplate.Problem(line: line, reason: "the function \(name) is not carried over")
        }
        // What doubles a text again and again would fill the memory.
        guard Self.size(of: result) <= Self.longest else {
            throw GoTemplate.Problem(line: line, reason: "\(name) makes more than \(Self.longest) bytes")
        }
        return result
    }

    private func value(
        of operand: GoTemplate.Operand, _ dot: JSONValue, _ line: Int
    ) throws(GoTemplate.Problem) -> JSONValue {
        switch operand {
        case .field(let keys): return try Self.member(keys, of: dot, line)
        case .variable("", let keys): return try Self.member(keys, of: root, line)
        case .variable(let name, let keys):
            guard let variable = variables.last(where: { $0.name == name }) else {
                throw GoTemplate.Problem(line: line, reason: "there is no variable $\(name)")
            }
            return try Self.member(keys, of: variable.value, line)
        case .string(let text): return .string(text)
        case .integer(let number): return .integer(number)
        case .double(let number): return .double(number)
        case .bool(let value): return .bool(value)
        case .null: return .null
        case .function: return try value(of: [operand], dot, line, piped: nil)
        case .pipeline(let pipeline, let keys):
            return try Self.member(keys, of: try value(of: pipeline, dot, line), line)
        }
    }

    private static func size(of value: JSONValue) -> Int {
        switch value {
        case .string(let text): text.utf8.count
        case .array(let elements): elements.reduce(8) { $0 &+ size(of: $1) }
        case .object(let object): object.members.reduce(8) { $0 &+ $1.key.utf8.count &+ size(of: $1.value) }
        default: 8
        }
    }

    /// As with the option `missingkey=error`, a key that is not there is an error.
    private static func member(
        _ keys: [String], of value: JSONValue, _ line: Int
    ) throws(GoTemplate.Problem) -> JSONValue {
        var value = value
        for key in keys {
            guard let next = value[key] else {
                throw GoTemplate.Problem(line: line, reason: "there is no .\(keys.joined(separator: "."))")
            }
            value = next
        }
        return value
    }
}
