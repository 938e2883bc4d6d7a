// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// A place in a document that is being checked: its path, what stands there and where to say what is wrong.
///
/// Every reading method returns nil for a field that is absent (or null, which Kubernetes treats alike) and
/// for one that is wrong; only the latter is reported. Values of the wrong type are named by their type alone,
/// so nothing that might be a secret gets into a message.
struct Field {
    let path: String
    private let value: JSONValue?
    private let collector: ProblemCollector

    init(_ path: String, _ value: JSONValue?, _ collector: ProblemCollector) {
        self.path = path
        self.value = value == .null ? nil : value
        self.collector = collector
    }

    var isPresent: Bool { value != nil }

    /// What stands there, whatever it is; nil if the field is absent.
    var json: JSONValue? { value }

    /// The field, of which the absence is reported.
    var required: Field {
        if !isPresent { report("is required") }
        return self
    }

    /// The member `key`, absent if this is no object.
    subscript(key: String) -> Field {
        Field("\(path).\(key)", value?.object?[key], collector)
    }

    func report(_ problem: String) {
        report(problem, below: "")
    }

    /// Reports a problem of a place within this field, at a path such as `.name` or `[0]`.
    func report(_ problem: String, below relativePath: String) {
        collector.report(FieldProblem(path: path + relativePath, problem: problem))
    }

    func warn(_ problem: String) {
        collector.warn(FieldProblem(path: path, problem: problem))
    }

    // MARK: Types

    func object() -> JSONObject? { read("an object", \.object) }
    func flag() -> Bool? { read("true or false", \.bool) }
    func integer() -> Int64? { read("a whole number", \.integer) }

    /// A text that is not empty.
    func text() -> String? {
        guard let text = read("a string", \.string) else { return nil }
        guard text.isEmpty else { return text }
        report("must not be empty")
        return nil
    }

    /// The elements of a list; none if it is absent, wrong or longer than `limit`.
    func elements(atMost limit: Int = .max) -> [Field] {
        let elements = read("a list", \.array) ?? []
        guard elements.count <= limit else {
            report("must have at most \(limit) elements, not \(elements.count)")
            return []
        }
        return elements.enumerated().map { index, value in Field("\(path)[\(index)]", value, collector) }
    }

    /// The members of an object, each a field; none if it is absent or wrong.
    func members() -> [(key: String, field: Field)] {
        (object()?.members ?? []).map {
            ($0.key, Field("\(path)[\(Self.quote($0.key))]", $0.value, collector))
        }
    }

    /// The members of an object of at most `limit`; none if it is absent, wrong or larger.
    func members(atMost limit: Int) -> [(key: String, field: Field)] {
        let members = members()
        guard members.count <= limit else {
            report("must have at most \(limit) members, not \(members.count)")
            return []
        }
        return members
    }

    /// Reports every member whose key is not one of `keys`.
    func allow(_ keys: [String]) {
        for (key, member) in members() where !keys.contains(key) {
            member.report("is not known here: there are \(keys.joined(separator: ", "))")
        }
    }

    /// A map from text to text, empty values allowed.
    func textMap() -> [String: String] {
        var map: [String: String] = [:]
        for (key, field) in members() { map[key] = field.required.read("a string", \.string) }
        return map
    }

    /// A text that follows the rule of its type.
    func parsed<Value: ParsedText>(as type: Value.Type = Value.self) -> Value? {
        guard let text = text() else { return nil }
        if let value = Value(text) { return value }
        report("must be \(Value.rule(against: text)), not \(Self.quote(text))")
        return nil
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(of type: Choice.Type = Choice.self)
        -> Choice?
    {
        guard let text = text() else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let words = Choice.allCases.map(\.rawValue)
        let list = words.dropLast().joined(separator: ", ") + (words.count > 1 ? " or " : "")
        report("must be \(list)\(words.last ?? ""), not \(Self.quote(text))")
        return nil
    }

    private func read<Value>(_ expectation: String, _ convert: (JSONValue) -> Value?) -> Value? {
        guard let value else { return nil }
        if let converted = convert(value) { return converted }
        let isFraction = value.kindDescription == "a number" && expectation == "a whole number"
        report("must be \(expectation), not \(isFraction ? "a fraction" : value.kindDescription)")
        return nil
    }

    /// The text in quotes, control characters escaped, without secrets that are known by their form, cut where it gets
    /// long.
    static func quote(_ text: String) -> String {
        let longest = 80
        let text = text.withoutEmbeddedSecrets
        return text.count > longest
            ? "\(String(text.prefix(longest)).debugDescription)…" : text.debugDescription
    }
}
