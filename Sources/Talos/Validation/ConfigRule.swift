// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// When a rule holds.
struct RuleCondition: Sendable {
    private var versions = TalosVersion(minor: 0)...TalosVersion(major: .max, minor: .max)
    private var modes: Set<ValidationMode> = Set(ValidationMode.allCases)
    private var role: ValidationScope.Role?

    static let always = RuleCondition()
    static let controlPlane = always.with { $0.role = .controlPlane }
    static let worker = always.with { $0.role = .worker }

    static func since(_ minor: Int) -> RuleCondition { always.since(minor) }
    static func upTo(_ minor: Int) -> RuleCondition {
        always.with { $0.versions = $0.versions.lowerBound...TalosVersion(minor: minor) }
    }
    static func `in`(_ mode: ValidationMode) -> RuleCondition { always.with { $0.modes = [mode] } }

    /// The same from that minor version of Talos 1 on.
    func since(_ minor: Int) -> RuleCondition {
        with { $0.versions = TalosVersion(minor: minor)...$0.versions.upperBound }
    }

    func holds(in scope: ValidationScope) -> Bool {
        versions.contains(scope.version) && modes.contains(scope.mode) && (role == nil || role == scope.role)
    }

    private func with(_ change: (inout RuleCondition) -> Void) -> RuleCondition {
        var condition = self
        change(&condition)
        return condition
    }
}

/// What must hold at one place of a document.
///
/// The place is written as `machine.network.interfaces[].mtu`; `[]` stands for every element, `{}` for every member.
/// "" is the document itself. A key need not be there for its rule to be asked: a rule about what is missing is written
/// with the missing key. Elements with `ignore: true` are passed over: only Talos' network interfaces can have that.
struct ConfigRule: Sendable {
    typealias Check = @Sendable (ConfigField, ValidationScope, inout ConfigFindings) -> Void

    private enum Step: Sendable {
        case key(String)
        case elements
        case members
    }

    /// Where the rule is asked.
    let place: String
    private let steps: [Step]
    private let condition: RuleCondition
    private let check: Check

    init(_ place: String, when condition: RuleCondition = .always, check: @escaping Check) {
        self.init(place, at: place.split(separator: "."), condition, check)
    }

    private init(_ place: String, at parts: [Substring], _ condition: RuleCondition, _ check: @escaping Check)
    {
        self.place = place
        self.condition = condition
        self.check = check
        steps = parts.flatMap { part -> [Step] in
            let key = part.prefix { $0 != "[" && $0 != "{" }
            let every = part[key.endIndex...].filter { $0 == "[" || $0 == "{" }
            return (key.isEmpty ? [] : [.key(String(key))]) + every.map { $0 == "[" ? .elements : .members }
        }
    }

    /// A rule of one text; one that is empty is not set, except in a list.
    init(_ place: String, when condition: RuleCondition = .always, _ syntax: ValueRule) {
        let isOptional = !place.hasSuffix("[]")
        self.init(place, when: condition) { field, scope, findings in
            guard let text = field.node?.string, !(text.isEmpty && isOptional), !syntax.holds(text) else {
                return
            }
            let value = syntax.isSecret ? "" : scope.shown(field).map { ", not \($0)" } ?? ""
            findings.error(field, "must be \(syntax.requirement)\(value)")
        }
    }

    /// A rule of one number; 0 is not set.
    init(_ place: String, when condition: RuleCondition = .always, number range: ClosedRange<Int64>) {
        self.init(place, when: condition) { field, _, findings in
            guard let number = field.node?.integer, number != 0, !range.contains(number) else { return }
            let limit =
                range.upperBound == .max
                ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            findings.error(field, "must be \(limit)")
        }
    }

    /// A rule of what an unstructured object has at one place; null is not set.
    init(_ place: String, is shape: ValueShape) {
        self.init(place) { field, _, findings in
            guard let node = field.node, !shape.fits(node) else { return }
            findings.error(field, "must be \(shape.rawValue)")
        }
    }

    /// A rule that something has to be there wherever what would hold it is.
    init(_ place: String, when condition: RuleCondition = .always, required what: String) {
        let parts = place.split(separator: ".")
        let key = parts.last.map(String.init) ?? ""
        self.init(place, at: parts.dropLast(), condition) { holder, _, findings in
            guard holder.isSet, holder[key].isZero else { return }
            findings.error(holder[key], "is required: \(what)")
        }
    }

    func apply(to document: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings) {
        guard condition.holds(in: scope) else { return }
        walk(document, steps[...], scope, &findings)
    }

    private func walk(
        _ field: ConfigField, _ steps: ArraySlice<Step>, _ scope: ValidationScope,
        _ findings: inout ConfigFindings
    ) {
        guard let step = steps.first else { return check(field, scope, &findings) }
        switch step {
        case .key(let key): walk(field[key], steps.dropFirst(), scope, &findings)
        case .elements:
            for element in field.elements where !element["ignore"].isTrue {
                walk(element, steps.dropFirst(), scope, &findings)
            }
        case .members:
            for member in field.members { walk(member.field, steps.dropFirst(), scope, &findings) }
        }
    }
}

/// What sort of value stands somewhere, so that `must be <raw value>` is a sentence.
enum ValueShape: String, Sendable {
    case map = "a map"
    case list = "a list"
    case text = "a string"
    case number = "a whole number"
    case truth = "true or false"

    func fits(_ node: ConfigNode) -> Bool {
        switch (self, node.value) {
        case (.map, .map), (.list, .list), (.text, .string), (.number, .integer), (.truth, .bool): true
        default: false
        }
    }
}
