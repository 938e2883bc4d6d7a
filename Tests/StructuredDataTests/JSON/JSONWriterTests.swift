// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("JSON text of a value")
struct JSONWriterTests {
    private func text(_ value: JSONValue) -> String {
        String(decoding: value.encoded(), as: UTF8.self)
    }

    @Test(
        "is compact and keeps the order of members",
        arguments: [
            (.null, "null"), (true, "true"), (false, "false"), ([], "[]"), ([:], "{}"), ("é", "\"é\""),
            (["z": 1, "a": [true, .null, "x"]], #"{"z":1,"a":[true,null,"x"]}"#),
            (.integer(.min), "-9223372036854775808"), (9_007_199_254_740_993, "9007199254740993"),
        ] as [(JSONValue, String)])
    func compact(value: JSONValue, expected: String) {
        #expect(text(value) == expected)
    }

    @Test(
        "escapes quotes, backslashes, control characters and what YAML does not take as it is, nothing else")
    func escapes() {
        #expect(text("\"\\\u{8}\u{C}\n\r\t") == #""\"\\\b\f\n\r\t""#)
        #expect(text("\0\u{1F}") == #""\u0000\u001f""#)
        #expect(text("\u{7E}\u{7F}\u{80}\u{85}\u{9F}\u{A0}") == "\"~\\u007f\\u0080\\u0085\\u009f\u{A0}\"")
        #expect(text("\u{2027}\u{2028}\u{2029}\u{202A}") == "\"\u{2027}\\u2028\\u2029\u{202A}\"")
        #expect(
            text("\u{FEFE}\u{FEFF}\u{FFFD}\u{FFFE}\u{FFFF}") == "\"\u{FEFE}\\ufeff\u{FFFD}\\ufffe\\uffff\"")
        #expect(text("/<>&é中🦊\u{10FFFF}") == "\"/<>&é中🦊\u{10FFFF}\"")
    }

    @Test(
        "writes doubles as the API server does: shortest digits, whole ones without a fraction",
        arguments: [
            (1, "1"), (-3, "-3"), (-0.0, "0"), (0.1, "0.1"), (1e-7, "1e-07"), (1e21, "1e+21"),
            (1e15, "1000000000000000"),
            (.leastNonzeroMagnitude, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
            (.nan, "null"),
            (-.infinity, "null"),
        ] as [(Double, String)])
    func doubles(number: Double, expected: String) {
        #expect(text(.double(number)) == expected)
    }

    @Test("reads back as an equal value")
    func roundTrip() throws {
        var generator = ValueGenerator(seed: 1)
        for _ in 0..<2000 {
            let value = generator.value(depth: 4)
            #expect(try JSONValue(json: value.encoded()) == value)
        }
    }

    @Test("damaged text is read or refused, and what is read can be written and read again")
    func damaged() throws {
        var generator = ValueGenerator(seed: 2)
        var refusals = 0
        for _ in 0..<5000 {
            let bytes = generator.damaged(generator.value(depth: 3).encoded())
            var parser = JSONParser(limits: JSONLimits(depth: 8), dropping: [.managedFields])
            switch Result(catching: { () throws(JSONError) in try parser.parse(bytes) }) {
            case .success(let value): #expect(try JSONValue(json: value.encoded()) == value)
            case .failure(let error):
                refusals += 1
                #expect((0...bytes.count).contains(error.offset))
            }
        }
        #expect(refusals > 1000)
    }
}
