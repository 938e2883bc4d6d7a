// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("YAML writer")
struct YAMLWriterTests {
    @Test("prints documents as kubectl does")
    func layout() throws {
        let value: JSONValue = [
            "kind": "Machine", "empty": ["list": [], "object": [:], "text": "", "none": .null],
            "list": ["a", ["b": 1, "c": [true]], [["x"], ["y", [:]]]], "text": "first\n  second\n\nlast\n",
            "pem": "BEGIN\nEND", "trailing": ["a\n\n", "a\nb"],
        ]
        let text = """
            kind: Machine
            empty:
              list: []
              object: {}
              text: ""
              none: null
            list:
            - a
            - b: 1
              c:
              - true
            - - - x
              - - "y"
                - {}
            text: |
              first
                second

              last
            pem: |-
              BEGIN
              END
            trailing:
            - |+
              a

            - |-
              a
              b

            """
        #expect(YAML.document(value) == text)
        #expect(try yaml(text) == value)
    }

    @Test(
        "writes documents that are a single value",
        arguments: [
            (.null, "null\n"), (true, "true\n"), (-3, "-3\n"), ("a", "a\n"), ("a\nb", "|-\n  a\n  b\n"),
            ([], "[]\n"),
            ([:], "{}\n"), (["a"], "- a\n"), ([["a"]], "- - a\n"),
        ] as [(JSONValue, String)])
    func single(value: JSONValue, text: String) throws {
        #expect(YAML.document(value) == text)
        #expect(try yaml(text) == value)
    }

    @Test(
        "leaves everyday texts plain",
        arguments: [
            "a", "v1.28.3", "1.2.3", "10.244.0.0/16", "10.0.0.1", "https://10.0.0.1:6443", "a b", "fe80::1",
            "cluster.vitistack.io/finalizer", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "a-b_c.d", "/dev/sda",
            "é", "a:b",
            "a#b", "it's", "say \"hi\"", "$(POD_IP)", "(x)", "x=", "yesterday", "nope", "1 2", "日本語", "😀",
        ])
    func plain(text: String) throws {
        #expect(YAML.document(.string(text)) == text + "\n")
        #expect(try yaml(text) == .string(text))
    }

    @Test(
        "quotes what some reader takes for something else",
        arguments: [
            "", "~", "null", "Null", "true", "TRUE", "yes", "Yes", "no", "on", "OFF", "y", "N", "1", "-1",
            "+1", "1.10",
            "1.28", "1.", ".5", "1_000", "0o17", "017", "0755", "0x1F", "0b11", "0xg", "1e3", "1e-07",
            "1.5e+3", "1:30",
            "12:30:45", "52:54:00:12:34:56", "190:20:30.15", "2024-01-01", "2024-01-01T00:00:00Z",
            "2001-1-1 1:2:3",
            "<<", "=", ".", "..", "...", "---", "-", "- a", "-a", "?", "? a", ":", ": a", "a: b", "a:",
            "a #b", "#a", " a",
            "a ", "{a", "[a]", "]", ",a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a'", "\"a\"",
            ".inf", "-.inf", ".NaN",
            "1,000", "\t", "a\tb", "\u{A0}a", "a\u{3000}",
        ])
    func quoted(text: String) throws {
        let written = YAML.document(.string(text))
        #expect(written.first == "\"" || written.first == "'")
        #expect(try yaml(written) == .string(text))
        #expect(try yaml(YAML.document(.object([text: [.string(text)]]))) == .object([text: [.string(text)]]))
    }

    @Test(
        "escapes what cannot stand in a text or breaks lines in one version of YAML",
        arguments: [
            ("a\u{85}b", #""a\u0085b""#), ("\u{2028}", #""\u2028""#), ("a\u{2029}", #""a\u2029""#),
            ("\0", #""\u0000""#),
            ("\u{7F}", #""\u007F""#), ("\u{1B}[0m", #""\u001B[0m""#), ("\u{FEFF}a", #""\uFEFFa""#),
            ("a\r\nb", #""a\r\nb""#),
            ("\u{FFFE}", #""\uFFFE""#), ("\"\\\n ", #""\"\\\n ""#), ("\na", #""\na""#),
            ("a\n \nb", #""a\n \nb""#),
            (" a\nb", #"" a\nb""#), ("\n", #""\n""#),
        ])
    func escapes(text: String, expected: String) throws {
        #expect(YAML.document(.string(text)) == expected + "\n")
        #expect(try yaml(expected) == .string(text))
    }

    @Test("uses single quotes where backslashes or quotes would need escapes")
    func singleQuotes() throws {
        #expect(YAML.document(#"{"a": "it's"}"#) == "'{\"a\": \"it''s\"}'\n")
        #expect(YAML.document("- \\d+") == "'- \\d+'\n")
    }

    @Test(
        "writes numbers that both versions read as the same number",
        arguments: [
            (.double(1e-7), "1.0e-07"), (.double(1.5e300), "1.5e+300"), (.double(1e21), "1.0e+21"),
            (.double(3), "3"),
            (.double(0.1), "0.1"), (.integer(.min), "-9223372036854775808"), (.double(.nan), "null"),
            (.double(.leastNonzeroMagnitude), "5.0e-324"),
        ] as [(JSONValue, String)])
    func numbers(value: JSONValue, text: String) throws {
        #expect(YAML.document(value) == text + "\n")
    }

    @Test("marks keys that are too long to be seen as such")
    func longKeys() throws {
        let key = String(repeating: "k", count: 3000)
        for value in [1, ["a": 1], ["x", "y"], "a\nb", []] as [JSONValue] {
            let document: JSONValue = .object(["list": [.object([key: value, "b": 2])], key: value])
            #expect(try yaml(YAML.document(document)) == document)
        }
    }

    @Test("reads back as an equal value, in the same order")
    func roundTrip() throws {
        var generator = ValueGenerator(seed: 4)
        for _ in 0..<2000 {
            let value = generator.value(depth: 4)
            let text = YAML.document(value)
            let read = try yaml(text)
            #expect(read == value)
            #expect(YAML.document(read) == text)
        }
    }

    @Test("damaged text is read or refused, and what is read can be written and read again")
    func damaged() throws {
        var generator = ValueGenerator(seed: 5)
        var refusals = 0
        for _ in 0..<5000 {
            let bytes = generator.damaged(Array(YAML.document(generator.value(depth: 3)).utf8))
            switch Result(catching: { () throws(YAMLError) in try YAML.documents(bytes) }) {
            case .success(let documents):
                for document in documents { #expect(try yaml(YAML.document(document)) == document) }
            case .failure(let error):
                refusals += 1
                #expect(error.position.line >= 1 && error.position.column >= 1)
            }
        }
        #expect(refusals > 500)
    }
}
