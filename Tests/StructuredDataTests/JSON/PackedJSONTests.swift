// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

@Suite("Packed JSON")
struct PackedJSONTests {
    @Test("what is packed comes out as it was", arguments: 0..<200)
    func roundTrip(seed: UInt64) {
        var generator = ValueGenerator(seed: seed)
        let value = generator.value(depth: 4)
        #expect(PackedJSON(value).value == value)
    }

    @Test("two are equal if their values are, whatever the order of their members")
    func equality() {
        let one = PackedJSON(["a": 1, "b": [true, .null]])
        let other = PackedJSON(["b": [true, .null], "a": 1])
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one != PackedJSON(["a": 1, "b": [true]]))
    }
}
