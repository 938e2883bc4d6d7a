// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Testing

@Suite("WatchFramer")
struct WatchFramerTests {
    private func values(_ pieces: [[UInt8]], limit: Int = 1 << 20) throws -> [String] {
        var framer = WatchFramer(limit: limit)
        var values: [String] = []
        for piece in pieces {
            framer.append(piece)
            while let value = try framer.next({ String(decoding: $0, as: UTF8.self) }) {
                values.append(value)
            }
        }
        return values
    }

    private let sample = [
        #"{"type":"ADDED","object":{"a":"}{][","b":"\"\\","c":["é😀\u2028\u0085","\ud83d\ude00"]}}"#,
        #"{}"#, #"{"x":{"y":[[],{}]}}"#,
    ]

    @Test("gives the same values wherever the body is split in two")
    func everySplit() throws {
        let body = Array(sample.joined(separator: "\n").utf8)
        for index in 0...body.count {
            #expect(try values([Array(body[..<index]), Array(body[index...])]) == sample)
        }
    }

    @Test("gives the same values byte by byte")
    func singleBytes() throws {
        let body = Array(sample.joined(separator: "\r\n\r\n").utf8)
        #expect(try values(body.map { [$0] }) == sample)
    }

    @Test("does not need line ends, and tolerates blank lines")
    func separators() throws {
        #expect(try values([Array("{}{}".utf8)]) == ["{}", "{}"])
        #expect(try values([Array("\n \r\n{}\n\n\t{}\r\n".utf8), [], Array("\n".utf8)]) == ["{}", "{}"])
        #expect(try values([Array("{\n \"a\": 1\n}\n".utf8)]) == ["{\n \"a\": 1\n}"])
    }

    @Test("keeps an unfinished value to itself")
    func truncated() throws {
        var framer = WatchFramer()
        framer.append(Array(#"{"a":1}{"b":"#.utf8))
        #expect(try framer.next { $0.count } == 7)
        #expect(try framer.next { $0.count } == nil)
        #expect(framer.pendingByteCount == 5)
    }

    @Test("takes a value of many pieces and a limit, and refuses one byte more")
    func limit() throws {
        let large = Array("{\"a\":\"\(String(repeating: "x", count: 1000))\"}".utf8)
        let pieces = stride(from: 0, to: large.count, by: 100).map {
            Array(large[$0..<min($0 + 100, large.count)])
        }
        #expect(try values(pieces, limit: large.count).count == 1)
        #expect(throws: WatchFramer.Failure.tooLarge(limit: large.count - 1)) {
            try values(pieces, limit: large.count - 1)
        }
        #expect(throws: WatchFramer.Failure.tooLarge(limit: 100)) {
            try values([Array(large[..<500])], limit: 100)
        }
    }

    @Test("refuses what is not an object at once", arguments: ["<html>", "[]", "null", "1", "\"a\"", "}"])
    func notAnObject(text: String) {
        #expect(throws: WatchFramer.Failure.notAnObject(text.utf8.first ?? 0)) {
            try values([Array("{}\n\(text)".utf8)])
        }
    }
}
