// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Watches of random objects in random pieces")
struct WatchFuzzTests {
    /// The same numbers for the same seed, so a failure can be repeated.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
        }
    }

    private static let scalars: [Unicode.Scalar] = [
        "a", "\"", "\\", "{", "}", "[", "]", "\n", "\r", "\u{0}", "\u{1F}", "é", "\u{85}", "\u{2028}", "😀",
        ",",
    ]

    private func text(_ generator: inout Generator) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0..<12, using: &generator) {
            text.append(Self.scalars[Int.random(in: 0..<Self.scalars.count, using: &generator)])
        }
        return String(text)
    }

    private func value(_ generator: inout Generator, depth: Int = 0) -> JSONValue {
        switch Int.random(in: 0..<(depth < 4 ? 6 : 4), using: &generator) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &generator))
        case 3: return .string(text(&generator))
        case 4:
            return .array(
                (0..<Int.random(in: 0..<4, using: &generator)).map { _ in
                    value(&generator, depth: depth + 1)
                })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0..<4, using: &generator) {
                object[text(&generator)] = value(&generator, depth: depth + 1)
            }
            return .object(object)
        }
    }

    @Test("every event comes through as it was, however it is cut", arguments: 1...40)
    func roundTrip(seed: UInt64) async throws {
        var generator = Generator(state: seed)
        var expected: [[String: String]] = []
        var body: [UInt8] = []
        for index in 0..<20 {
            let note = text(&generator)
            var object = JSONValue.gadget("g\(index)").mergePatched(with: [
                "metadata": ["annotations": ["note": .string(note)]]
            ])
            object = object.mergePatched(with: ["status": value(&generator)])
            let event: JSONValue = ["type": "MODIFIED", "object": object]
            expected.append(["note": note])
            body += event.encoded() + (Bool.random(using: &generator) ? [0x0A] : [])
        }
        let scripted = ScriptedBody()
        var rest = body[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...200, using: &generator))
            scripted.yield(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        scripted.finish()
        let fixture = ClientFixture(ScriptedTransport(.watch(scripted)))
        var stream = try await fixture.client.watch(Gadget.self, from: "1", timeout: .seconds(270))
        var annotations: [[String: String]] = []
        while let event = try await stream.next() {
            guard case .modified(let gadget) = event else {
                Issue.record("got \(event)")
                return
            }
            annotations.append(gadget.metadata.annotations)
        }
        #expect(annotations == expected)
    }

    @Test("random bytes end in an error or in nothing, and never in an object", arguments: 1...20)
    func garbage(seed: UInt64) throws {
        var generator = Generator(state: seed)
        var framer = WatchFramer(limit: 4096)
        for _ in 0..<200 {
            let count = Int.random(in: 0..<64, using: &generator)
            framer.append((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
            do {
                while try framer.next({ $0.first }) != nil {}
            } catch {
                return
            }
        }
        #expect(framer.pendingByteCount <= 4096)
    }
}
