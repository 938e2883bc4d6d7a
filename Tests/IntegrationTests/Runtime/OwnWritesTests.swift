// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Reading one's own writes on a real API server", .timeLimit(.minutes(15)))
struct OwnWritesTests {
    @Test("what we wrote is seen at once, and no more than that is kept when the watch has caught up")
    func overlay() async throws {
        let bench = try await Bench.shared("own-writes")
        try await running(RunningReflector<Widget>(bench)) { running in
            let cache = MutationCache(running.store, clock: SystemClock())
            for round in 0..<100 {
                let key = bench.key("w-\(round % 10)")
                if round % 10 == 9, let seen = cache.get(key) {
                    _ = try await bench.client.delete(Widget.self, key)
                    cache.record(deletedKey: key, uid: seen.metadata.uid)
                    #expect(cache.get(key) == nil)
                }
                let object = TestResources.widget(key.name, spec: ["size": .integer(Int64(round))])
                let written = try await bench.client.apply(Widget.self, key, object).object
                cache.record(written: written)
                #expect(cache.get(key)?.spec("size")?.integer == Int64(round))
            }
            try await bench.create("the-last")
            try await running.sees("the-last")
            let list = try await bench.client.list(Widget.self, bench.selection()).items
            for object in list { #expect(cache.get(object.key)?.document == object.document) }
            #expect(cache.pendingCount == 0)
        }
    }

    @Test("another's write after ours is seen when the watch tells it, and not undone by what we remember")
    func foreignWrite() async throws {
        let bench = try await Bench.shared("foreign-write")
        let other = try bench.anotherClient().client
        try await running(RunningReflector<Widget>(bench)) { running in
            let cache = MutationCache(running.store, clock: SystemClock())
            let ours = try await bench.client.apply(
                Widget.self, bench.key("a"), TestResources.widget("a", spec: ["size": 1])
            ).object
            let theirs = try await other.mergePatch(Widget.self, ours.key, ["spec": ["size": 2]])
            cache.record(written: ours)
            try await running.changes.first {
                $0.new?.metadata.resourceVersion == theirs.metadata.resourceVersion
            }
            #expect(cache.get(ours.key)?.spec("size") == 2)
            _ = try await other.delete(Widget.self, ours.key)
            try await running.sees("a", gone: true)
            #expect(cache.get(ours.key) == nil)
        }
    }
}
