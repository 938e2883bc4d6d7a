// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("YAML limits")
struct YAMLLimitsTests {
    private func problem(_ text: String, _ limits: YAMLLimits = .default) -> YAMLError.Problem? {
        #expect(throws: YAMLError.self) { try YAML.documents(Array(text.utf8), limits: limits) }?.problem
    }

    @Test("a text may not be larger than allowed")
    func size() throws {
        let limits = YAMLLimits(bytes: 4, depth: 9, nodes: 9)
        #expect(try YAML.documents(Array("a: 1".utf8), limits: limits) == [["a": 1]])
        #expect(problem("a: 12", limits) == .tooLarge(limit: 4))
    }

    @Test("lists and mappings may not nest deeper than allowed, not through aliases either")
    func depth() throws {
        let limits = YAMLLimits(bytes: 1000, depth: 3, nodes: 1000)
        #expect(throws: Never.self) { try YAML.documents(Array("[{a: [1]}]".utf8), limits: limits) }
        #expect(problem("[{a: [[]]}]", limits) == .tooDeep(limit: 3))
        #expect(problem("[[[{a: 1}]]]", limits) == .tooDeep(limit: 3))
        #expect(problem("- &a [[]]\n- [*a]\n", limits) == .tooDeep(limit: 3))
        #expect(problem(String(repeating: "[", count: 200)) == .tooDeep(limit: 100))
        #expect(problem(String(repeating: "- ", count: 200)) == .tooDeep(limit: 100))
        let chain = (1...200).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined()
        #expect(problem("a0: &a0 x\n" + chain) == .tooDeep(limit: 100))
    }

    @Test("a small text may not stand for billions of values")
    func aliasBomb() {
        let bomb = (1...9).map { level in
            "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
                + "]\n"
        }.joined()
        #expect(problem("a0: &a0 lol\n" + bomb) == .tooManyNodes(limit: 1_000_000))
        let merges = (1...30).map { "a\($0): &a\($0) {x: [*a\($0 - 1), *a\($0 - 1)]}\n" }.joined()
        #expect(problem("a0: &a0 {k: v}\n" + merges) == .tooManyNodes(limit: 1_000_000))
    }

    @Test("nor for more text than it may have itself")
    func longAliases() throws {
        let limits = YAMLLimits(bytes: 1000, depth: 9, nodes: 1000)
        let long = String(repeating: "x", count: 300)
        let values = "- &a \(long)\n- *a\n- *a\n- *a\n"
        #expect(try YAML.documents(Array(values.utf8), limits: limits).first?.array?.count == 4)
        #expect(problem(values + "- *a\n", limits) == .tooLarge(limit: 1000))
        #expect(problem("? &a \(long)\n: [*a, *a]\n? x\n: {*a : *a}\n", limits) == .tooLarge(limit: 1000))
        #expect(problem("- &a {k: [\(long)]}\n- [*a, *a, *a, *a]\n", limits) == .tooLarge(limit: 1000))
    }

    @Test(
        "a hundred thousand levels are refused like a hundred and one", arguments: ["[", "{a: ", "- "])
    func deepest(level: String) {
        let text = String(repeating: level, count: 100_000)
        #expect(problem(text) == .tooDeep(limit: 100))
    }

    @Test("keys and values count, in all documents together")
    func nodes() throws {
        let limits = YAMLLimits(bytes: 1000, depth: 9, nodes: 6)
        #expect(throws: Never.self) { try YAML.documents(Array("a: 1\n---\nb: 1\n".utf8), limits: limits) }
        #expect(problem("a: 1\n---\nb: [1]\n", limits) == .tooManyNodes(limit: 6))
    }
}
