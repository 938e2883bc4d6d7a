// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import StructuredData

/// Reads a document from text.
func parse(_ text: String) throws(JSONError) -> JSONValue {
    try JSONValue(json: Array(text.utf8))
}

@Suite("JSONParser")
struct JSONParserTests {
    @Test(
        "reads every kind of value",
        arguments: [
            ("null", .null), ("true", true), (" false\r\n", false), ("\"\"", ""), ("[]", []), ("{}", [:]),
            ("[ 1 , [ 2 ] ,\t{ } ]", [1, [2], [:]]),
            (#"{"a":{"b":[null]},"":"x"}"#, ["a": ["b": [.null]], "": "x"]),
            (#""0123456 89abcdef é € 😀""#, "0123456 89abcdef é € 😀"),
        ] as [(String, JSONValue)])
    func values(text: String, value: JSONValue) throws {
        #expect(try parse(text) == value)
    }

    @Test("keeps members in the order of the text")
    func order() throws {
        let object = try #require(try parse(#"{"z":1,"a":2,"m":3}"#).object)
        #expect(Array(object.keys) == ["z", "a", "m"])
    }

    @Test(
        "reads whole numbers exactly and others as the nearest double",
        arguments: [
            ("0", .integer(0)), ("-0", .integer(0)), ("9007199254740993", .integer(9_007_199_254_740_993)),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)),
            ("-9223372036854775809", .double(-9_223_372_036_854_775_808)),
            ("123456789012345678901234567890", .double(1.2345678901234568e29)),
            ("1.5", .double(1.5)), ("-0.25", .double(-0.25)), ("1e3", .double(1000)), ("1E-7", .double(1e-7)),
            ("2.5e+10", .double(2.5e10)), ("5e-324", .double(.leastNonzeroMagnitude)), ("1e-999", .double(0)),
            ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
        ] as [(String, JSONValue)])
    func numbers(text: String, value: JSONValue) throws {
        let parsed = try parse(text)
        #expect(parsed == value)
        #expect(parsed.kind == value.kind)
    }

    @Test(
        "reads escape sequences",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "Aé€"),
            (#""x\uD83D\uDE00y""#, "x😀y"), (#""\u0000""#, "\0"),
            (#""12345678\n12345678\n""#, "12345678\n12345678\n"),
            (#""é\u00e9é""#, "ééé"),
        ])
    func escapes(text: String, value: String) throws {
        #expect(try parse(text) == .string(value))
    }

    @Test(
        "puts U+FFFD for half of a surrogate pair",
        arguments: [
            (#""\uD83D""#, "\u{FFFD}"), (#""\uDE00""#, "\u{FFFD}"), (#""\uD83Dx""#, "\u{FFFD}x"),
            (#""\uD83D\n""#, "\u{FFFD}\n"), (#""\uD83D\uD83D\uDE00""#, "\u{FFFD}😀"),
            (#""\uDE00\uD83D""#, "\u{FFFD}\u{FFFD}"),
        ])
    func surrogates(text: String, value: String) throws {
        #expect(try parse(text) == .string(value))
    }

    @Test(
        "refuses what is no JSON",
        arguments: [
            "", " ", "nul", "nulL", "True", "+1", "01", "-", "-a", "1.", ".5", "1.e1", "1e", "1e+", "0x10",
            "NaN",
            "Infinity", "-Infinity", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":",
            "{\"a\":1", "{\"a\":1,}", "{a:1}", "{'a':1}", "{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "\"",
            "\"abc",
            "\"a\nb\"", "\"\u{1}\"", "\"a\tb-and-more\"", #""\x""#, #""\u12""#, #""\u12g4""#, #""\"#, "1 1",
            "{}{}",
            "[1]]", "nullx", "1e999", "-1e999", "// c\n1", "\u{FEFF}1", "\u{A0}1", "-\n1",
        ])
    func refusal(text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test(
        "refuses bytes that are not UTF-8",
        arguments: [
            ([0x80], 0), ([0x41, 0xFF], 1), ([0xC0, 0x80], 0), ([0xC3], 0), ([0xE2, 0x82], 0),
            ([0xED, 0xA0, 0x80], 0), ([0xF4, 0x90, 0x80, 0x80], 0), ([0xC3, 0xA9, 0xC3, 0x28], 2),
        ] as [([UInt8], Int)])
    func invalidUTF8(content: [UInt8], offset: Int) {
        for escape in [[], Array("\\n".utf8)] {
            let bytes = [0x22] + content + escape + [0x22]
            let error = #expect(throws: JSONError.self) { try JSONValue(json: bytes) }
            #expect(error?.problem == .invalidUTF8)
            #expect(error?.offset == offset + 1)
        }
    }

    @Test(
        "says what is wrong and where",
        arguments: [
            ("{\n  \"a\": tru\n}", "line 2, column 11: byte 0xA stands where 'true' is expected"),
            ("{\"a\": 1,\n\"b\" 2}", "line 2, column 5: '2' stands where ':' is expected"),
            ("[1, 2", "line 1, column 6: the text ends where ',' or ']' is expected"),
            ("\n\n\"a\u{1}\"", "line 3, column 3: byte 0x1 must be escaped within a string"),
            ("{} x", "line 1, column 4: more text follows the document"),
            ("[1e999]", "line 1, column 2: the number is too large"),
            ("[\"\\q\"]", "line 1, column 3: no such escape sequence"),
            ("[01]", "line 1, column 3: malformed number"),
        ])
    func positions(text: String, description: String) {
        let error = #expect(throws: JSONError.self) { try parse(text) }
        #expect(error?.description == description)
    }

    @Test("a hundred thousand levels are refused with their place", arguments: ["[", #"{"a":"#])
    func deepest(level: String) {
        let error = #expect(throws: JSONError.self) {
            try JSONValue(json: Array(String(repeating: level, count: 100_000).utf8))
        }
        #expect(error?.problem == .tooDeep(limit: 256))
        #expect(error?.offset == 256 * level.utf8.count)
    }

    @Test("the deepest document that is allowed fits the stack of the threads that write it")
    func smallStack() throws {
        let text = String(repeating: #"[{"a":"#, count: 128) + "1" + String(repeating: "}]", count: 128)
        let thread = try SystemThread.start(stackSize: 1 << 20) {
            do throws(JSONError) {
                let value = try JSONValue(json: Array(text.utf8))
                #expect(value.encoded() == Array(text.utf8))
                #expect(!YAML.document(value).isEmpty)
            } catch {
                Issue.record("\(error)")
            }
        }
        thread.join()
    }

    @Test("nests as deep as the limit and no deeper")
    func depth() throws {
        let limits = JSONLimits(depth: 3)
        let deepest = Array(#"[{"a":[1]}]"#.utf8)
        #expect(try JSONValue(json: deepest, limits: limits) == [["a": [1]]])
        let error = #expect(throws: JSONError.self) {
            try JSONValue(json: Array(#"[{"a":[{}]}]"#.utf8), limits: limits)
        }
        #expect(error?.problem == .tooDeep(limit: 3))
        #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: Never.self) {
            try parse(String(repeating: "[", count: 256) + String(repeating: "]", count: 256))
        }
    }

    @Test("takes the last of equal keys, few or many")
    func duplicates() throws {
        #expect(try parse(#"{"a":1,"b":2,"a":3}"#) == ["a": 3, "b": 2])
        let many = (0..<5000).map { "\"k\($0 % 2500)\":\($0)" }.joined(separator: ",")
        let object = try #require(try parse("{\(many)}").object)
        #expect(object.count == 2500)
        #expect(object["k7"] == 2507)
        #expect(object.members.first == JSONObject.Member(key: "k0", value: 2500))
    }
}

extension JSONValue {
    /// Tells integers from doubles, which equality does not.
    var kind: String {
        switch self {
        case .integer: "integer"
        case .double: "double"
        default: kindDescription
        }
    }
}
