// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("Merge patch")
struct MergePatchTests {
    @Test(
        "applies the examples of RFC 7386, appendix A",
        arguments: [
            (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
            (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
            (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
            (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
            (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
            (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
            (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
            (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
            (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, "null", "null"),
            (#"{"a":"foo"}"#, #""bar""#, #""bar""#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
            (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
            (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
        ])
    func examples(original: String, patch: String, result: String) throws {
        #expect(try parse(original).mergePatched(with: parse(patch)) == parse(result))
    }

    @Test(
        "is computed as small as it can be",
        arguments: [
            (#"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#, nil), (#"{"a":1}"#, #"{"a":1.0}"#, nil),
            (#"{"a":1,"b":{"c":2,"d":3}}"#, #"{"a":1,"b":{"c":4}}"#, #"{"b":{"c":4,"d":null}}"#),
            (#"{"a":[1,2]}"#, #"{"a":[1,3]}"#, #"{"a":[1,3]}"#),
            (#"{"a":{"b":1}}"#, #"{"a":{}}"#, #"{"a":{"b":null}}"#),
            (#"{"a":{"b":1}}"#, #"{}"#, #"{"a":null}"#), (#"{"a":{}}"#, #"{"a":[]}"#, #"{"a":[]}"#),
            (#"{"a":"x"}"#, #"{"a":{"b":1}}"#, #"{"a":{"b":1}}"#), (#"{}"#, #"{"a":null}"#, nil),
            ("1", "2", "2"),
            (#"{"a":1}"#, #"{"a":null}"#, #"{"a":null}"#),
        ] as [(String, String, String?)])
    func computed(source: String, target: String, patch: String?) throws {
        let expected = try patch.map { try parse($0) }
        #expect(try JSONValue.mergePatch(from: parse(source), to: parse(target)) == expected)
    }

    @Test("leads from any value to any other, but for null members")
    func property() {
        var generator = ValueGenerator(seed: 3)
        for _ in 0..<2000 {
            let source = generator.value(depth: 3)
            let target = withoutNullMembers(generator.value(depth: 3))
            let patch = JSONValue.mergePatch(from: source, to: target)
            #expect((patch.map { source.mergePatched(with: $0) } ?? withoutNullMembers(source)) == target)
        }
    }

    /// What a merge patch can make: objects, not within lists, without null members.
    private func withoutNullMembers(_ value: JSONValue) -> JSONValue {
        guard let object = value.object else { return value }
        return .object(
            JSONObject(
                object.members.filter { $0.value != .null }.map {
                    JSONObject.Member(key: $0.key, value: withoutNullMembers($0.value))
                }))
    }
}
