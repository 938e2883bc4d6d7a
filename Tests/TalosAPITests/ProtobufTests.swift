// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import TalosAPI

@Suite("Protobuf")
struct ProtobufTests {
    @Test(
        "numbers of every size come back",
        arguments: [0, 1, 127, 128, 16_383, 16_384, 1 << 32, 1 << 63, UInt64.max - 1, .max])
    func numbers(value: UInt64) throws {
        let bytes = ProtobufWriter.message { $0.unsigned(7, value) }
        #expect(try ProtobufMessage(bytes).unsigned(7) == value)
        #expect(bytes.isEmpty == (value == 0))
    }

    @Test("negative numbers take ten bytes and come back", arguments: [-1, Int64.min, -128])
    func negative(value: Int64) throws {
        let bytes = ProtobufWriter.message { $0.signed(1, value) }
        #expect(bytes.count == 11)
        #expect(try ProtobufMessage(bytes).signed(1) == value)
    }

    @Test("bytes are what protoc makes of the same message")
    func known() {
        let bytes = ProtobufWriter.message {
            $0.unsigned(1, 150)
            $0.string(2, "testing")
            $0.message(3) { $0.bool(1, true) }
            $0.element(16, [])
        }
        #expect(
            bytes == [
                0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6E, 0x67, 0x1A, 0x02, 0x08,
                0x01,
                0x82, 0x01, 0x00,
            ])
    }

    @Test("the last of several values counts, and embedded messages are merged")
    func repeated() throws {
        let bytes = ProtobufWriter.message {
            $0.unsigned(1, 1)
            $0.unsigned(1, 2)
            $0.string(2, "a")
            $0.string(2, "b")
            $0.message(3) { $0.unsigned(1, 5) }
            $0.message(3) { $0.unsigned(2, 6) }
        }
        let message = try ProtobufMessage(bytes)
        #expect(message.unsigned(1) == 2)
        #expect(message.string(2) == "b")
        #expect(message.strings(2) == ["a", "b"])
        let merged = try #require(try message.message(3))
        #expect(merged.unsigned(1) == 5)
        #expect(merged.unsigned(2) == 6)
        #expect(try message.messages(3).count == 2)
        #expect(try message.message(4) == nil)
    }

    @Test("a map has the last value of each key")
    func map() throws {
        let bytes = ProtobufWriter.message { writer in
            for (key, value) in [("a", "1"), ("b", ""), ("a", "2")] {
                writer.message(10) {
                    $0.string(1, key)
                    $0.string(2, value)
                }
            }
        }
        #expect(try ProtobufMessage(bytes).stringMap(10) == ["a": "2", "b": ""])
    }

    @Test("zero in a oneof is told from absence")
    func presence() throws {
        #expect(try ProtobufMessage([0x10, 0x00]).optionalInt32(2) == 0)
        #expect(try ProtobufMessage([]).optionalInt32(2) == nil)
        #expect(try ProtobufMessage([0x12, 0x00]).optionalString(2) == "")
        #expect(try ProtobufMessage([]).optionalString(2) == nil)
    }

    @Test("an int32 has the lowest 32 bits")
    func int32() throws {
        let bytes = ProtobufWriter.message { $0.signed(1, -7) }
        #expect(try ProtobufMessage(bytes).int32(1) == -7)
        #expect(try ProtobufMessage(ProtobufWriter.message { $0.unsigned(1, 1 << 32 | 3) }).int32(1) == 3)
    }

    @Test(
        "fields of no interest are passed over, whatever their type",
        arguments: [
            [0x50, 0x01],  // varint
            [0x51, 1, 2, 3, 4, 5, 6, 7, 8],  // fixed64
            [0x52, 3, 1, 2, 3],  // bytes, or packed numbers
            [0x55, 1, 2, 3, 4],  // fixed32
            [0x53, 0x08, 0x01, 0x13, 0x1A, 0x01, 0xFF, 0x14, 0x54],  // a group with a group in it
            [0x09, 1, 2, 3, 4, 5, 6, 7, 8],  // the right number and the wrong type
        ] as [[UInt8]])
    func unknown(field: [UInt8]) throws {
        let message = try ProtobufMessage([0x08, 0x05] + field + [0x12, 0x01, 0x61])
        #expect(message.unsigned(1) == 5)
        #expect(message.string(2) == "a")
    }

    @Test(
        "bytes that are no message are refused",
        arguments: [
            ([0x08], .truncated),
            ([0x08, 0x80], .truncated),
            ([0x80], .truncated),
            ([0x12, 0x05, 0x61], .truncated),
            ([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .truncated),
            ([0x09, 1, 2, 3], .truncated),
            ([0x0D, 1, 2], .truncated),
            ([0x0B], .truncated),
            ([0x0B, 0x08], .truncated),
            ([0x00, 0x01], .invalidFieldNumber),
            ([0x80, 0x80, 0x80, 0x80, 0x10, 0x01], .invalidFieldNumber),
            ([0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], .invalidFieldNumber),
            ([0x0E], .invalidWireType),
            ([0x0F], .invalidWireType),
            ([0x0C], .invalidWireType),
            ([0x0B, 0x0C, 0x0C], .invalidWireType),
            ([0x08] + [UInt8](repeating: 0xFF, count: 9) + [0x02], .oversizedVarint),
            ([0x08] + [UInt8](repeating: 0x80, count: 10) + [0x01], .oversizedVarint),
            ([UInt8](repeating: 0x0B, count: 1000), .tooDeep),
        ] as [([UInt8], ProtobufError)])
    func refused(bytes: [UInt8], expected: ProtobufError) {
        #expect(throws: expected) { try ProtobufMessage(bytes) }
    }

    @Test("more fields than any answer has are refused")
    func tooManyFields() {
        let field: [UInt8] = [0x08, 0x01]
        let bytes = [UInt8](repeatElement(field, count: 100_001).joined())
        #expect(throws: ProtobufError.tooManyFields) { try ProtobufMessage(bytes) }
    }

    @Test("text that is no UTF-8 is repaired rather than refused")
    func brokenText() throws {
        #expect(try ProtobufMessage([0x0A, 0x02, 0x61, 0xFF]).string(1) == "a\u{FFFD}")
    }

    @Test("every beginning of a message is read or refused, without a trap")
    func prefixes() {
        let bytes = ProtobufWriter.message { writer in
            writer.unsigned(1, .max)
            writer.message(2) { $0.message(3) { $0.string(4, "text") } }
            writer.element(536_870_911, [1, 2, 3])
        }
        for end in bytes.indices {
            do throws(ProtobufError) {
                _ = try ProtobufMessage(bytes[..<end]).message(2)?.message(3)?.string(4)
            } catch {
                #expect(error == .truncated)
            }
        }
    }
}
