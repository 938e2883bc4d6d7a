// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import TestSupport
import Testing

@testable import ControllerRuntime

/// What a work queue promises, kept in the most simple-minded way.
private struct Model {
    /// The version of each key that the last addition asked to be seen.
    var wanted: [ObjectKey: Int] = [:]
    /// The newest version that a finished run has seen.
    var seen: [ObjectKey: Int] = [:]
    /// Keys in work, and the version that was wanted when they were taken.
    var working: [ObjectKey: Int] = [:]

    /// Whether every version that was ever added has been seen by a run that began later.
    var isServed: Bool { wanted.allSatisfy { seen[$0.key, default: 0] >= $0.value } }
}

@Suite("The work queue against a model")
struct WorkQueueModelTests {
    private static let keys = (0..<6).map { ObjectKey("k\($0)") }

    @Test(
        "no addition is lost and no key is in work twice, in any order of things", arguments: UInt64(0)..<60)
    func orders(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var state = WorkQueueState()
        var model = Model()
        var now = Instant(nanoseconds: 0)

        func take() {
            guard let (key, waited) = state.take(at: now) else { return }
            #expect(model.working[key] == nil, "\(key) is in work twice")
            #expect(waited >= .zero)
            model.working[key] = model.wanted[key, default: 0]
        }
        func finish(_ key: ObjectKey) {
            #expect(state.done(key, at: now) >= .zero)
            model.seen[key] = model.working.removeValue(forKey: key)
        }

        for _ in 0..<400 {
            now = now + .milliseconds(Int.random(in: 0...50, using: &random))
            let key = try #require(Self.keys.randomElement(using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                state.add(key, at: now)
                model.wanted[key, default: 0] += 1
            case 4:
                state.add(key, notBefore: now + .milliseconds(Int.random(in: 1...200, using: &random)))
                model.wanted[key, default: 0] += 1
            case 5: _ = state.releaseDue(at: now)
            case 6..<8: take()
            default: if let key = model.working.keys.sorted().first { finish(key) }
            }
            #expect(state.depth <= Self.keys.count)
            #expect(state.depth + model.working.count + state.delayedCount <= 3 * Self.keys.count)
        }
        // Workers that go on come to an end, and then nothing is left.
        var rounds = 0
        while rounds < 100, !(model.isServed && model.working.isEmpty && state.nextDeadline == nil) {
            now = now + .milliseconds(200)
            _ = state.releaseDue(at: now)
            take()
            for key in model.working.keys.sorted() { finish(key) }
            rounds += 1
        }
        #expect(model.isServed, "\(model)")
        #expect(state.depth == 0 && state.delayedCount == 0)
        #expect(state.unfinished(at: now) == (.zero, .zero))
    }
}
