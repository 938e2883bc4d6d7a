// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData

/// The functions of Go templates, and of the library that people use with them, that importers know.
struct GoTemplateFunctions {
    let environment: [String: String]

    /// The result of a call; nil for an unknown function or arguments that it cannot have.
    func call(_ name: String, _ arguments: [JSONValue]) -> JSONValue? {
        Self.logic(name, arguments) ?? Self.strings(name, arguments) ?? Self.collections(name, arguments)
            ?? Self.numbers(name, arguments) ?? encodings(name, arguments)
    }

    /// What counts as true: everything but the zero values.
    static func isTrue(_ value: JSONValue) -> Bool {
        switch value {
        case .null: false
        case .bool(let value): value
        case .integer(let number): number != 0
        case .double(let number): number != 0
        case .string(let text): !text.isEmpty
        case .array(let elements): !elements.isEmpty
        case .object(let object): !object.isEmpty
        }
    }

    /// A value as a template prints it.
    static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "<no value>"
        case .string(let text): text
        case .array(let elements): "[" + elements.map(text).joined(separator: " ") + "]"
        case .object(let object):
            "map["
                + object.members.sorted { $0.key < $1.key }.map { "\($0.key):\(text($0.value))" }
                .joined(separator: " ") + "]"
        default: String(decoding: value.encoded(), as: UTF8.self)
        }
    }

    private static func logic(_ name: String, _ arguments: [JSONValue]) -> JSONValue? {
        switch (name, arguments.count) {
        case ("not", 1): .bool(!isTrue(arguments[0]))
        case ("eq", 2...): .bool(arguments.dropFirst().contains(arguments[0]))
        case ("ne", 2): .bool(arguments[0] != arguments[1])
        case ("lt", 2): compare(arguments).map { .bool($0 < 0) }
        case ("le", 2): compare(arguments).map { .bool($0 <= 0) }
        case ("gt", 2): compare(arguments).map { .bool($0 > 0) }
        case ("ge", 2): compare(arguments).map { .bool($0 >= 0) }
        case ("default", 2): isTrue(arguments[1]) ? arguments[1] : arguments[0]
        case ("default", 1): arguments[0]
        case ("empty", 1): .bool(!isTrue(arguments[0]))
        case ("coalesce", 1...): arguments.first(where: isTrue) ?? .null
        case ("ternary", 3): isTrue(arguments[2]) ? arguments[0] : arguments[1]
        case ("semverCompare", 2):
            arguments[0].string.flatMap { rule in
                arguments[1].string.flatMap { SemanticVersion.satisfies($0, rule) }
            }.map { .bool($0) }
        default: nil
        }
    }

    private static func compare(_ arguments: [JSONValue]) -> Int? {
        if let left = arguments[0].integer, let right = arguments[1].integer {
            return left == right ? 0 : left < right ? -1 : 1
        }
        guard let left = arguments[0].string, let right = arguments[1].string else { return nil }
        return left == right ? 0 : left < right ? -1 : 1
    }

    private static func collections(_ name: String, _ arguments: [JSONValue]) -> JSONValue? {
        switch (name, arguments.count) {
        case ("list", _): return .array(arguments)
        case ("len", 1): return length(arguments[0]).map { .integer(Int64($0)) }
        case ("first", 1): return arguments[0].array.map { $0.first ?? .null }
        case ("last", 1): return arguments[0].array.map { $0.last ?? .null }
        case ("hasKey", 2):
            return arguments[1].string.flatMap { key in
                arguments[0].object.map { .bool($0[key] != nil) }
            }
        case ("has", 2): return arguments[1].array.map { .bool($0.contains(arguments[0])) }
        case ("get", 2):
            return arguments[1].string.flatMap { key in arguments[0].object.map { $0[key] ?? "" } }
        case ("keys", 1):
            return arguments[0].object.map { .array($0.keys.sorted().map { .string($0) }) }
        case ("index", 1...):
            var value: JSONValue? = arguments[0]
            for step in arguments.dropFirst() {
                if let key = step.string {
                    value = value?[key]
                } else if let index = step.integer, let list = value?.array, list.indices.contains(Int(index))
                {
                    value = list[Int(index)]
                } else {
                    value = nil
                }
            }
            return value
        default: return nil
        }
    }

    private static func length(_ value: JSONValue) -> Int? {
        value.array?.count ?? value.object?.count ?? value.string?.utf8.count
    }

    private static func numbers(_ name: String, _ arguments: [JSONValue]) -> JSONValue? {
        let numbers = arguments.compactMap { $0.integer ?? $0.string.flatMap { Int64($0) } }
        guard numbers.count == arguments.count, let first = numbers.first else { return nil }
        func fold(_ operation: (Int64, Int64) -> (partialValue: Int64, overflow: Bool)) -> JSONValue? {
            var sum = first
            for number in numbers.dropFirst() {
                let (value, overflow) = operation(sum, number)
                if overflow { return nil }
                sum = value
            }
            return .integer(sum)
        }
        switch name {
        case "add": return fold { $0.addingReportingOverflow($1) }
        case "sub": return fold { $0.subtractingReportingOverflow($1) }
        case "mul": return fold { $0.multipliedReportingOverflow(by: $1) }
        case "add1":
            let (value, overflow) = first.addingReportingOverflow(1)
            return overflow ? nil : .integer(value)
        case "int", "int64": return .integer(first)
        case "until":
            guard (0...1000).contains(first) else { return nil }
            return .array((0..<first).map { .integer($0) })
        default: return nil
        }
    }

    private func encodings(_ name: String, _ arguments: [JSONValue]) -> JSONValue? {
        guard arguments.count == 1 else { return nil }
        switch name {
        case "env": return arguments[0].string.map { .string(environment[$0] ?? "") }
        case "toYaml":
            var text = YAML.document(arguments[0])
            if text.hasSuffix("\n") { text.removeLast() }
            return .string(text)
        case "toJson": return .string(String(decoding: arguments[0].encoded(), as: UTF8.self))
        case "b64enc":
            return arguments[0].string.map { .string(Base64.encode(Array($0.utf8))) }
        case "b64dec":
            return arguments[0].string.flatMap { Base64.decode($0) }.map {
                .string(String(decoding: $0, as: UTF8.self))
            }
        default: return nil
        }
    }
}
