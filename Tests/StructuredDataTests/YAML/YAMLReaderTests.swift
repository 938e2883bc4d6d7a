// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

/// Reads the only document of a text.
func yaml(_ text: String) throws -> JSONValue {
    let documents = try YAML.documents(Array(text.utf8))
    #expect(documents.count == 1)
    return documents.first ?? .null
}

@Suite("YAML reader")
struct YAMLReaderTests {
    @Test(
        "reads plain scalars as kubectl does",
        arguments: [
            ("", .null), ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null), ("nUll", "nUll"),
            ("true", true), ("True", true), ("TRUE", true), ("tRUE", "tRUE"), ("yes", true), ("y", true),
            ("On", true), ("false", false), ("No", false), ("n", false), ("OFF", false), ("0", 0), ("-0", 0),
            ("+1", 1), ("-12", -12), ("017", 15), ("0o17", 15), ("0O17", 15), ("0x1F", 31), ("-0x1f", -31),
            ("0b11", 3), ("1_000", 1000), ("1_", 1), ("08", .double(8)), ("0o8", "0o8"), ("0x", "0x"),
            ("9007199254740993", 9_007_199_254_740_993), ("18446744073709551615", .double(0x1p64)),
            ("1.5", .double(1.5)), ("1.", .double(1)), (".5", .double(0.5)), ("-.5", .double(-0.5)),
            ("1e3", .double(1000)), ("1.5E-3", .double(0.0015)), ("1e", "1e"), ("1e999", "1e999"), (".", "."),
            ("-.", "-."), ("._1", "._1"), ("0.1_0", .double(0.1)), ("1.2.3", "1.2.3"), ("--1", "--1"),
            ("+-1", "+-1"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"),
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
            ("=", "="), ("a b", "a b"), ("'1'", "1"), ("\"yes\"", "yes"), ("|-\n  1", "1"), ("! 1", "1"),
            ("!!str 1", "1"), ("!!float 1", .double(1)), ("!!int \"1\"", 1), ("!!null ''", .null),
            ("!!bool yes", true),
        ] as [(String, JSONValue)])
    func scalars(text: String, value: JSONValue) throws {
        let read = try #require(try yaml("a: \(text)\n")["a"])
        #expect(read == value)
        #expect(read.kind == value.kind)
    }

    @Test("reads several documents, empty ones as null")
    func documents() throws {
        let text = "# comment\na: 1\n---\n- b\n---\n...\n---\nc\n"
        #expect(try YAML.documents(Array(text.utf8)) == [["a": 1], ["b"], .null, "c"])
        #expect(try YAML.documents([]) == [])
        #expect(try YAML.documents(Array("# nothing\n".utf8)) == [])
    }

    @Test(
        "reads block and flow style, line breaks of any kind and a byte order mark",
        arguments: [
            "a:\n  b: [1, {c: d}]\n  e: |\n    x\n    y\n",
            "a:\r\n  b:\r\n  - 1\r\n  - c: d\r\n  e: \"x\\ny\\n\"\r\n",
            "\u{FEFF}a: {b: [1, {c: d}], e: \"x\\ny\\n\"}", #"{"a": {"b": [1, {"c": "d"}], "e": "x\ny\n"}}"#,
            "{\n\t\"a\": {\n\t\t\"b\": [1, {\"c\":\"d\"}],\n\t\t\"e\": \"x\\u000Ay\\n\"}\n}",
        ])
    func styles(text: String) throws {
        #expect(try yaml(text) == ["a": ["b": [1, ["c": "d"]], "e": "x\ny\n"]])
    }

    @Test("reads JSON that YAML does not allow")
    func json() throws {
        let longKey = String(repeating: "k", count: 2000)
        #expect(try yaml(#"  {"a":"\uD83D\uDE00"}"#) == ["a": "😀"])
        #expect(try yaml("{\"\(longKey)\" : 1}") == .object([longKey: 1]))
    }

    @Test("makes strings of keys that are numbers or truth values")
    func keys() throws {
        #expect(
            try yaml("1: a\n1.5: b\nyes: c\n0x10: d\n2024-01-01: e\n'2': f\n\"<<\": g\n")
                == ["1": "a", "1.5": "b", "true": "c", "16": "d", "2024-01-01": "e", "2": "f", "<<": "g"])
        #expect(try yaml("? a\n: b\n") == ["a": "b"])
    }

    @Test("resolves anchors, within one document")
    func anchors() throws {
        #expect(
            try yaml("a: &x [1, &y z]\nb: *x\nc: *y\n*y : d\n") == [
                "a": [1, "z"], "b": [1, "z"], "c": "z", "z": "d",
            ])
        #expect(try yaml("a: &x 1\nb: &x 2\nc: *x\n")["c"] == 2)
        #expect(try yaml("&k key: 1\nb: *k\n") == ["key": 1, "b": "key"])
        #expect(throws: YAMLError.self) { try yaml("a: &x 1\n---\nb: *x\n") }
    }

    @Test("merges mappings; keys of the mapping itself win, then the earlier of a list")
    func merge() throws {
        let base = "b: &b {p: 1, q: 2}\nc: &c {q: 3, r: 4}\n"
        #expect(try yaml(base + "x:\n  p: 5\n  <<: *b\n")["x"] == ["p": 5, "q": 2])
        #expect(try yaml(base + "x:\n  <<: *b\n  p: 5\n")["x"] == ["p": 5, "q": 2])
        #expect(try yaml(base + "x:\n  <<: [*b, *c]\n")["x"] == ["p": 1, "q": 2, "r": 4])

    }

    @Test(
        "says what is wrong and where",
        arguments: [
            (
                "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n",
                "line 5, column 3: the key \"c\" stands already at line 3, column 3"
            ),
            ("1: a\n\"1\": b\n", "line 2, column 1: the key \"1\" stands already at line 1, column 1"),
            (
                "x: {<<: {a: 1}, <<: {b: 1}}",
                "line 1, column 17: the key \"<<\" stands already at line 1, column 5"
            ),
            ("a:\n  ~: 1\n", "line 2, column 3: a key must be a string, a number or a truth value"),
            ("[1]: a\n", "line 1, column 1: a key must be a string, a number or a truth value"),
            ("a: b\nc: .inf\n", "line 2, column 4: infinity and NaN are not allowed"),
            ("a: -.INF", "line 1, column 4: infinity and NaN are not allowed"),
            ("a: .nan", "line 1, column 4: infinity and NaN are not allowed"),
            ("a: *x", "line 1, column 4: no anchor \"x\" is complete here"),
            ("a: &x [*x]", "line 1, column 8: no anchor \"x\" is complete here"),
            ("a: {<<: 1}", "line 1, column 9: '<<' needs a mapping or a list of mappings"),
            ("a: {<<: [{b: 1}, 2]}", "line 1, column 9: '<<' needs a mapping or a list of mappings"),
            ("a: !foo b", "line 1, column 4: the tag !foo is not supported"),
            ("a: !!set {b}", "line 1, column 4: the tag !!set is not supported"),
            ("a: !!int b", "line 1, column 4: the value does not fit its tag !!int"),
            ("a: !!binary aGk=", "line 1, column 4: the tag !!binary is not supported"),
            ("a: b: c", "line 1, column 5: mapping values are not allowed in this context"),
            (
                "a:\n\tb: 1\n",
                "line 2, column 1: found character that cannot start any token while scanning for the next token"
            ),
            (
                "a: [1, 2\nb: 3",
                "line 2, column 2: did not find expected ',' or ']' while parsing a flow sequence"
            ),
            ("a: \"b", "line 1, column 6: found unexpected end of stream while scanning a quoted scalar"),
            ("a: 1\nb: x\0y\n", "line 2, column 5: control characters are not allowed"),
            ("a: \u{7}", "line 1, column 4: control characters are not allowed"),
        ])
    func errors(text: String, description: String) {
        let error = #expect(throws: YAMLError.self) { try YAML.documents(Array(text.utf8)) }
        #expect(error?.description == description)
    }

    @Test(
        "refuses bytes that are not UTF-8",
        arguments: [
            ([0x80], 4), ([0xC3, 0x28], 5), ([0xC0, 0x80], 4), ([0xED, 0xA0, 0x80], 4),
            ([0xFF, 0xFE, 0x61, 0], 4),
        ] as [([UInt8], Int)])
    func invalidUTF8(content: [UInt8], column: Int) {
        let error = #expect(throws: YAMLError.self) { try YAML.documents(Array("a: 1\nb: ".utf8) + content) }
        #expect(error?.position == YAMLPosition(line: 2, column: column))
    }
}
