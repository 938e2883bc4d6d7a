// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Objects as large as etcd takes", .timeLimit(.minutes(15)))
struct LargeObjectTests {
    /// Below etcd's limit of 1.5 MiB for a request, with room for the rest of the object.
    private static let size = (1536 - 24) << 10

    @Test("one of 1.5 MiB passes whole through apply, get, list and watch")
    func largest() async throws {
        let bench = try await Bench.shared("largest")
        let text = Self.text(of: Self.size)
        let start = try await bench.client.list(Widget.self, bench.selection()).resourceVersion
        let applied = try await bench.client.apply(
            Widget.self, bench.key("a"), TestResources.widget("a", spec: ["text": .string(text)])
        ).object
        #expect(applied.spec("text")?.string == text)
        #expect(try await bench.client.get(Widget.self, bench.key("a")).spec("text")?.string == text)
        let listed = try await bench.client.list(Widget.self, bench.selection()).items
        #expect(listed.map { $0.spec("text")?.string == text } == [true])
        var stream = try await bench.client.watch(
            Widget.self, bench.selection(), from: start, timeout: .seconds(60))
        guard case .added(let seen) = try await stream.next() else {
            Issue.record("the watch does not begin with the object")
            return
        }
        #expect(seen.document == applied.document)
    }

    @Test("one that is larger is refused with the server's words")
    func tooLarge() async throws {
        let bench = try await Bench.shared("too-large")
        let error = await apiError {
            try await bench.create("a", spec: ["text": .string(Self.text(of: 2 << 20))])
        }
        #expect(error?.status != nil)
    }

    @Test("a list of many large ones arrives compressed and whole")
    func manyLarge() async throws {
        let bench = try await Bench.shared("many-large")
        let text = Self.text(of: 256 << 10)
        try await concurrently(0..<16, width: 4) { number in
            try await bench.create("w-\(number)", spec: ["text": .string(text)])
        }
        let list = try await bench.client.list(Widget.self, bench.selection(), limit: 10)
        #expect(list.items.count == 16)
        #expect(list.items.allSatisfy { $0.spec("text")?.string == text })
    }

    @Test("line separators, escapes and every plane of Unicode pass through a watch unharmed")
    func oddText() async throws {
        let bench = try await Bench.shared("odd-text")
        let odd = "\u{2028}\u{2029}\u{85}\u{0}\u{1B}\"\\/\r\n\t{}[]é中🦊\u{10FFFF}\u{FEFF}\u{FFFD}"
        let text = String(repeating: odd, count: (1 << 20) / odd.utf8.count / 2)
        let start = try await bench.client.list(Widget.self, bench.selection()).resourceVersion
        let spec = JSONValue.object(["text": .string(text), odd: "key"])
        let made = try await bench.create("a", spec: spec)
        #expect(made.document["spec"] == spec)
        var stream = try await bench.client.watch(
            Widget.self, bench.selection(), from: start, timeout: .seconds(60))
        guard case .added(let seen) = try await stream.next() else {
            Issue.record("the watch does not begin with the object")
            return
        }
        #expect(seen.document == made.document)
    }

    /// Text in which no two places are alike, so that a lost or repeated piece shows.
    private static func text(of size: Int) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 16)
        var number = 0
        while bytes.count < size {
            bytes += Array("\(number);".utf8)
            number += 1
        }
        return String(decoding: bytes.prefix(size), as: UTF8.self)
    }
}
