// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("JSONParser that drops members")
struct JSONDroppedMemberTests {
    private func parse(_ text: String) throws -> JSONValue {
        var parser = JSONParser(dropping: [.managedFields])
        return try parser.parse(Array(text.utf8))
    }

    @Test(
        "passes over the member at any depth and keeps its neighbours",
        arguments: [
            #"{"managedFields":[{"f:a":{"k:{\"b\":\"]\"}":{}}}],"name":"x"}"#,
            #"{"name":"x","managedFields":[]}"#,
            #"{"name":"x", "managedFields" : null }"#, #"{"managedFields":"a}b","name":"x"}"#,
            #"{"managedFields":{"a":[[[{}]]],"b":"\\"},"name":"x","managedFields":1}"#,
        ])
    func drops(metadata: String) throws {
        let text = #"{"items":[{"metadata":\#(metadata),"spec":{}}]}"#
        #expect(try parse(text) == ["items": [["metadata": ["name": "x"], "spec": [:]]]])
    }

    @Test("keeps a member of that name elsewhere")
    func keeps() throws {
        let text = #"{"managedFields":[1],"spec":{"managedFields":[2],"metadata":{"x":{"managedFields":3}}}}"#
        #expect(try parse(text) == JSONValue(json: Array(text.utf8)))
    }

    @Test("does not limit the depth of what it drops")
    func depth() throws {
        let deep = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
        #expect(try parse(#"{"metadata":{"managedFields":\#(deep)}}"#) == ["metadata": [:]])
    }

    @Test(
        "refuses a dropped member that does not end",
        arguments: ["[", "[[]", #"["]"#, #"["\"]"#, "{", "tru", "[]]", "", "}", #"["\"#])
    func unfinished(value: String) {
        #expect(throws: JSONError.self) { try parse(#"{"metadata":{"managedFields":\#(value)"#) }
    }

    @Test("a parser stays usable after an error and shares strings between documents")
    func reuse() throws {
        var parser = JSONParser()
        let text = Array(#"{"metadata.example.com/long-key":1,"topology.kubernetes.io/zone":2}"#.utf8)
        let first = try parser.parse(text)
        #expect(throws: JSONError.self) { try parser.parse(Array("[".utf8)) }
        #expect(try parser.parse(text) == first)
        #expect(first["topology.kubernetes.io/zone"] == 2)
    }
}
