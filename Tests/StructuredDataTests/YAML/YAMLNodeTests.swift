// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("YAML nodes")
struct YAMLNodeTests {
    private func nodes(_ text: String) throws -> [YAMLNode?] {
        try YAML.nodes(Array(text.utf8))
    }

    private func member(_ text: String) throws -> YAMLNode {
        let node = try #require(try nodes(text).first)
        return try #require(node?.members?.first?.value)
    }

    @Test(
        "Scalars stay as they are written", arguments: ["off", "1.10", "0o644", "1e3", "2026-01-31", "yes"])
    func plain(text: String) throws {
        #expect(try member("a: \(text)").content == .scalar(YAMLNode.Scalar(text: text, isPlain: true)))
        #expect(try member("a: '\(text)'").content == .scalar(YAMLNode.Scalar(text: text, isPlain: false)))
        #expect(
            try member("a: !!str \(text)").content
                == .scalar(YAMLNode.Scalar(text: text, isPlain: true, tag: "!!str")))
    }

    @Test("Values and keys know their lines")
    func lines() throws {
        let text = "# first\na: 1\nb:\n  - x\n  - c: |\n      text\n---\n\nd: {}\n"
        let documents = try nodes(text)
        let first = try #require(documents.first ?? nil)
        #expect(first.line == 2)
        #expect(first.members?.map(\.keyLine) == [2, 3])
        #expect(first.members?.map(\.value.line) == [2, 4])
        #expect(first.members?.last?.value.elements?.map(\.line) == [4, 5])
        #expect(first.members?.last?.value.elements?.last?.members?.first?.value.line == 5)
        #expect(documents.last??.line == 9)
    }

    @Test("Empty documents are nil")
    func empty() throws {
        #expect(try nodes("").isEmpty)
        #expect(try nodes("# nothing\n").isEmpty)
        #expect(
            try nodes("---\n---\nnull\n---\n~\n---\na: 1\n---\n").map { $0 == nil } == [
                true, true, true, false, true,
            ])
        #expect(try nodes("---\n''\n").map { $0 == nil } == [false])
    }

    @Test("Keys are what is written, also those that are no strings elsewhere")
    func keys() throws {
        let node = try #require(try nodes("yes: 1\n0o17: 2\ntrue: 3\n'x y': 4\n").first ?? nil)
        #expect(node.members?.map(\.key) == ["yes", "0o17", "true", "x y"])
    }

    @Test("Aliases and merges are followed; a key of the mapping wins")
    func aliases() throws {
        let node = try #require(try nodes("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n").first ?? nil)
        #expect(node.json == ["a": ["x": 1, "y": 2], "b": ["y": 3, "x": 1], "c": ["x": 1, "y": 2]])
        #expect(node.members?.last?.value.line == 1)
    }

    @Test(
        "What a reader of JSON values refuses is refused here too",
        arguments: [
            "a: 1\na: 2", "a: *b", "a: [", "? [a]\n: b", "? ~\n: b", "<<: 1", "a: !x 1", "a: !!int x",
        ])
    func errors(text: String) throws {
        let node = #expect(throws: YAMLError.self) { try YAML.nodes(Array(text.utf8)) }
        #expect(node?.position.line == (text.contains("a: 2") ? 2 : node?.position.line))
    }

    @Test("Limits hold for nodes as for values")
    func limits() {
        let limits = YAMLLimits(bytes: 100, depth: 3, nodes: 10)
        let problem = { (text: String) in
            #expect(throws: YAMLError.self) { try YAML.nodes(Array(text.utf8), limits: limits) }?.problem
        }
        #expect(problem(String(repeating: "x", count: 101)) == .tooLarge(limit: 100))
        #expect(problem("[[[[1]]]]") == .tooDeep(limit: 3))
        #expect(problem("[1,2,3,4,5,6,7,8,9,10]") == .tooManyNodes(limit: 10))
    }

    @Test("JSON is read as well, with what libyaml does not take")
    func json() throws {
        let text = #"{"a": "\ud83d\ude00", "b": [1, 1.5, true, null]}"#
        let node = try #require(try nodes(text).first ?? nil)
        #expect(node.json == ["a": "😀", "b": [1, .double(1.5), true, .null]])
    }

    @Test(
        "Plain scalars that no type is known for are read as go-yaml v3 reads them",
        arguments: [
            ("true", .bool(true)), ("False", .bool(false)), ("yes", "yes"), ("off", "off"), ("n", "n"),
            ("null", .null), ("~", .null), ("", .null), ("12", 12), ("+12", 12), ("-0x1F", -31), ("0o17", 15),
            ("017", 15), ("08", .double(8)), ("0b11", 3), ("1_000", 1000), ("1e3", .double(1000)),
            (".5", .double(0.5)), ("1.", .double(1)), (".inf", ".inf"), ("2026-01-31", "2026-01-31"),
            ("12:30", "12:30"), ("1.2.3", "1.2.3"), ("0x", "0x"), ("tRUE", "tRUE"),
        ] as [(String, JSONValue)])
    func resolution(text: String, value: JSONValue) {
        #expect(YAMLNode.Scalar(text: text, isPlain: true).resolved == value)
        #expect(YAMLNode.Scalar(text: text, isPlain: false).resolved == .string(text))
        #expect(YAMLNode.Scalar(text: text, isPlain: true, tag: "!!str").resolved == .string(text))
    }

    @Test("A value becomes nodes and the same value again")
    func values() {
        let value: JSONValue = [
            "a": [1, .double(1.5), "x", "1", true, .null, "true", ""], "b": ["c": [:], "d": []],
        ]
        let node = YAMLNode(value, line: 7)
        #expect(node.json == value)
        #expect(node.members?.first?.value.elements?.map(\.line) == Array(repeating: 7, count: 8))
        #expect(
            YAMLNode(.integer(5)).content == .scalar(YAMLNode.Scalar(text: "5", isPlain: true, tag: "!!int")))
    }
}
