// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("JSONValue")
struct JSONValueTests {
    @Test("numbers are equal, and hash alike, if they are the same number")
    func numbers() {
        let same: [(JSONValue, JSONValue)] = [
            (.integer(3), .double(3)), (.integer(0), .double(-0.0)), (.integer(1 << 53), .double(0x1p53)),
            (["a": [1, 2]], ["a": [.double(1), 2]]),
        ]
        for (left, right) in same {
            #expect(left == right)
            #expect(right == left)
            #expect(left.hashValue == right.hashValue)
        }
        #expect(JSONValue.integer(9_007_199_254_740_993) != .double(9_007_199_254_740_992))
        #expect(JSONValue.integer(.max) != .double(0x1p63))
        #expect(JSONValue.integer(1) != true)
        #expect(JSONValue.integer(1) != "1")
    }

    @Test("texts that only look the same are two texts, as values and as keys", arguments: [1, 100])
    func lookalikes(count: Int) throws {
        let (one, two) = ("\u{E9}", "e\u{301}")
        #expect(one == two)
        #expect(JSONValue.string(one) != .string(two))
        let padding = (0..<count).map { #""k\#($0)":0"# }.joined(separator: ",")
        let object = try JSONValue(json: Array(#"{"\#(one)":1,"\#(two)":2,\#(padding)}"#.utf8))
        #expect(object[one] == 1)
        #expect(object[two] == 2)
        let swapped = try JSONValue(json: Array(#"{"\#(two)":1,"\#(one)":2,\#(padding)}"#.utf8))
        #expect(object != swapped)
        #expect(try YAML.documents(Array("\(one): 1\n\(two): 2\n".utf8)) == [[one: 1, two: 2]])
    }

    @Test("objects are equal, and hash alike, in any order, small or large")
    func order() {
        for count in [3, 100] {
            let members = (0..<count).map { JSONObject.Member(key: "k\($0)", value: .integer(Int64($0))) }
            let object = JSONObject(members)
            var reversed = JSONObject(members.reversed())
            #expect(object == reversed)
            #expect(object.hashValue == reversed.hashValue)
            reversed["k1"] = "other"
            #expect(object != reversed)
            reversed["k1"] = nil
            #expect(object != reversed)
        }
    }

    @Test("an object sets, replaces and removes members")
    func members() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["a"] = 3
        object["c"] = .null
        object["b"] = nil
        object["x"] = nil
        #expect(object == ["c": .null, "a": 3])
        #expect(Array(object.keys) == ["a", "c"])
        #expect(object["b"] == nil)
    }

    @Test("gives what it holds and nothing else")
    func accessors() {
        #expect(JSONValue.double(3).integer == 3)
        #expect(JSONValue.double(3.5).integer == nil)
        #expect(JSONValue.double(1e300).integer == nil)
        #expect(JSONValue.string("3").integer == nil)
        #expect(JSONValue.bool(true).bool == true)
        #expect(JSONValue.null.bool == nil)
        #expect((["a": "x"] as JSONValue)["a"]?.string == "x")
        #expect((["x"] as JSONValue)["a"] == nil)
        #expect((["x"] as JSONValue).array == ["x"])
        #expect(JSONValue.integer(1).object == nil)
    }

    @Test("names its kind for people")
    func kinds() {
        let values: [JSONValue] = [.null, true, 1, .double(1.5), "x", [], [:]]
        #expect(
            values.map(\.kindDescription)
                == ["null", "a boolean", "a number", "a number", "a string", "a list", "an object"])
    }
}
