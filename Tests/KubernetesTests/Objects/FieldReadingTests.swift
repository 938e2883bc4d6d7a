// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import Testing

@Suite("Reading fields")
struct FieldReadingTests {
    private let object: JSONObject = [
        "text": "t", "empty": "", "number": 7, "whole": .double(8), "half": .double(1.5), "yes": true,
        "null": .null,
        "object": ["a": "1", "gone": .null], "list": ["x", "y"], "time": "2024-01-01T12:00:00Z",
    ]

    private func problem<Value>(_ read: (JSONObject) throws(DecodingProblem) -> Value) -> String? {
        do {
            _ = try read(object)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("reads values of their type")
    func values() throws {
        #expect(try object.string("text") == "t")
        #expect(try object.integer("number") == 7)
        #expect(try object.integer("whole") == 8)
        #expect(try object.bool("yes") == true)
        #expect(try object.object("object")?.count == 2)
        #expect(try object.strings("list") == ["x", "y"])
        #expect(try object.stringMap("object") == ["a": "1"])
        #expect(try object.timestamp("time")?.rfc3339() == "2024-01-01T12:00:00Z")
        #expect(try object.requiredString("text") == "t")
    }

    @Test("reads what is absent or null as nothing", arguments: ["null", "absent"])
    func nothing(key: String) throws {
        #expect(try object.string(key) == nil)
        #expect(try object.integer(key) == nil)
        #expect(try object.bool(key) == nil)
        #expect(try object.object(key) == nil)
        #expect(try object.strings(key).isEmpty)
        #expect(try object.stringMap(key).isEmpty)
        #expect(try object.timestamp(key) == nil)
        #expect(
            problem { fields throws(DecodingProblem) in try fields.requiredString(key) }
                == "\(key): is missing")
    }

    @Test("says what a value of the wrong type must be and what it is")
    func wrongTypes() {
        #expect(
            problem { fields throws(DecodingProblem) in try fields.string("number") }
                == "number: must be a string, not a number")
        #expect(
            problem { fields throws(DecodingProblem) in try fields.integer("half") }
                == "half: must be a whole number, not a number")
        #expect(
            problem { fields throws(DecodingProblem) in try fields.bool("text") }
                == "text: must be true or false, not a string")
        #expect(
            problem { fields throws(DecodingProblem) in try fields.object("list") }
                == "list: must be an object, not a list")
        #expect(
            problem { fields throws(DecodingProblem) in try fields.strings("object") }
                == "object: must be a list, not an object")
        #expect(
            problem { fields throws(DecodingProblem) in try fields.requiredString("empty") }
                == "empty: must not be empty")
    }

    @Test(
        "a path grows from the inside out",
        arguments: [
            ("", "spec", "spec"), ("size", "spec", "spec.size"), ("[2].x", "list", "list[2].x"),
            ("[2]", "list", "list[2]"),
        ])
    func paths(path: String, prefix: String, whole: String) {
        #expect(DecodingProblem(path: path, problem: "p").within(prefix).path == whole)
    }
}
