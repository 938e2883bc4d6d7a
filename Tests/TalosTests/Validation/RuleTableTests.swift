// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Tables of rules")
struct RuleTableTests {
    private static let tables = [("", DocumentRules.machine)] + DocumentRules.kinds.sorted { $0.key < $1.key }

    private static let cases =
        MachineValidationTests.cases + NetworkValidationTests.cases + DocumentValidationTests.cases
        + ServiceDocumentValidationTests.cases + ConfigValidationTests.cases

    @Test("A rule is about a place that its kind of document has", arguments: tables.map(\.0))
    func places(name: String) throws {
        let kind = name.isEmpty ? Schema.machine : try #require(Schema.kind(name))
        for rule in try #require(Self.tables.first { $0.0 == name }).1 {
            var type = FieldType.object(kind.type)
            for part in rule.place.split(separator: ".") {
                // What may stand in an unstructured object, no table knows.
                if case .unstructured = type { break }
                let key = part.prefix { $0 != "[" && $0 != "{" }
                guard case .object(let object) = type else {
                    Issue.record("\(name) \(rule.place): nothing below \(type.name)")
                    break
                }
                type = try #require(object[String(key)], "\(name) \(rule.place)").type
                for sign in part.dropFirst(key.count) where sign == "[" || sign == "{" {
                    switch (sign, type) {
                    case ("[", .list(let element, _)), ("{", .map(let element)): type = element
                    case ("{", .unstructured): break
                    default: Issue.record("\(name) \(rule.place): \(sign) of \(type.name)")
                    }
                }
            }
        }
    }

    @Test("Every rule is broken by one of the cases", arguments: tables.map(\.0))
    func coverage(name: String) throws {
        let broken = try Self.cases.map(\.bad).flatMap { config in
            let configuration = try MachineConfiguration(
                reading: config.text, source: "", version: config.version)
            let scope = ConfigValidation.scope(configuration, mode: config.mode)
            return configuration.documents.filter { ($0.kind.kind ?? "") == name }.map { (scope, $0) }
        }
        for rule in try #require(Self.tables.first { $0.0 == name }).1 {
            let isBroken = broken.contains { scope, document in
                var findings = ConfigFindings(sources: [])
                rule.apply(to: ConfigField(root: document.root), scope, &findings)
                return !findings.errors.isEmpty || !findings.warnings.isEmpty
            }
            #expect(isBroken, "no case breaks the rule of \(name) \(rule.place)")
        }
    }
}
