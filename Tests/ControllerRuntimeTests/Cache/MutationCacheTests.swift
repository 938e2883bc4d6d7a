// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import TestSupport
import Testing

@Suite("Mutation cache")
struct MutationCacheTests {
    private let clock = ManualClock()
    private let writer: StoreWriter<Widget>
    private let cache: MutationCache<Widget>
    private let key = ObjectKey("a")

    init() throws {
        let (store, writers) = Store<Widget>.make()
        writer = try #require(writers.first)
        cache = MutationCache(store, clock: clock)
        writer.replace(with: [Widget("a", version: 5, size: 1, owner: "x")], version: "10")
    }

    private func owned(_ uid: String) -> [String] {
        cache.list(ownedBy: uid).map { "\($0.metadata.name)\($0.size)" }.sorted()
    }

    @Test("without writes of ours it shows the store")
    func transparent() {
        #expect(cache.get(key)?.size == 1)
        #expect(owned("x") == ["a1"])
        #expect(cache.pendingCount == 0)
    }

    @Test("our write shows at once, and until the watch has delivered it")
    func written() {
        cache.record(written: Widget("a", version: 11, size: 2, owner: "x"))
        #expect(cache.get(key)?.size == 2)
        #expect(owned("x") == ["a2"])
        writer.upsert(Widget("a", version: 11, size: 2, owner: "x"))
        #expect(cache.get(key)?.size == 2)
        #expect(cache.pendingCount == 0)
    }

    @Test("an object of ours that the watch has not shown yet is there")
    func created() {
        cache.record(written: Widget("b", version: 12, size: 7, owner: "x"))
        #expect(cache.get(ObjectKey("b"))?.size == 7)
        #expect(owned("x") == ["a1", "b7"])
    }

    @Test("what the watch shows later than our write wins")
    func overtaken() {
        cache.record(written: Widget("a", version: 11, size: 2, owner: "x"))
        writer.upsert(Widget("a", version: 12, size: 3, owner: "x"))
        #expect(cache.get(key)?.size == 3)
        #expect(owned("x") == ["a3"])
    }

    @Test("an object that was created and deleted since does not linger")
    func ghost() {
        // A write that the store will not hear of for long stands before it in line.
        cache.record(written: Widget("z", version: 99, size: 0, owner: "x"))
        cache.record(written: Widget("b", version: 12, size: 7, owner: "x"))
        writer.upsert(Widget("b", version: 12, size: 7, owner: "x"))
        writer.remove(Widget("b", version: 13, size: 7, owner: "x"))
        #expect(cache.get(ObjectKey("b")) == nil)
        #expect(owned("x") == ["a1", "z0"])
    }

    @Test("a bookmark that has passed our write ends it")
    func bookmark() {
        cache.record(written: Widget("b", version: 12, owner: "x"))
        writer.advance(to: "12")
        #expect(cache.get(ObjectKey("b")) == nil)
        #expect(cache.pendingCount == 0)
    }

    @Test("a write that the watch has overtaken already is not noted")
    func late() {
        writer.upsert(Widget("a", version: 20, size: 9, owner: "x"))
        cache.record(written: Widget("a", version: 15, size: 2, owner: "x"))
        #expect(cache.get(key)?.size == 9)
        #expect(cache.pendingCount == 0)
    }

    @Test("an object that we deleted is gone at once")
    func deleted() {
        cache.record(deletedKey: key, uid: "uid-a")
        #expect(cache.get(key) == nil)
        #expect(owned("x").isEmpty)
        writer.remove(Widget("a", version: 11, owner: "x"))
        #expect(cache.get(key) == nil)
        #expect(cache.pendingCount == 0)
    }

    @Test("the deletion of one object does not hide its successor")
    func successor() {
        cache.record(deletedKey: key, uid: "uid-a")
        writer.upsert(Widget("a", uid: "other", version: 12, size: 4, owner: "x"))
        #expect(cache.get(key)?.size == 4)
    }

    @Test("an object created and deleted before the watch shows it stays hidden")
    func createdAndDeleted() {
        cache.record(written: Widget("b", version: 12, owner: "x"))
        cache.record(deletedKey: ObjectKey("b"), uid: "uid-b")
        #expect(cache.get(ObjectKey("b")) == nil)
        writer.upsert(Widget("b", version: 12, owner: "x"))
        #expect(cache.get(ObjectKey("b")) == nil)
        writer.remove(Widget("b", version: 13, owner: "x"))
        #expect(cache.get(ObjectKey("b")) == nil)
        #expect(cache.pendingCount == 0)
    }

    @Test("an object whose owner we changed moves to the other list")
    func ownerChange() {
        cache.record(written: Widget("a", version: 11, size: 1, owner: "y"))
        #expect(owned("x").isEmpty)
        #expect(owned("y") == ["a1"])
    }

    @Test("after its lifetime an entry gives way to the store")
    func expiry() {
        cache.record(written: Widget("b", version: 12, owner: "x"))
        clock.advance(by: .seconds(29))
        #expect(cache.get(ObjectKey("b")) != nil)
        clock.advance(by: .seconds(1))
        #expect(cache.get(ObjectKey("b")) == nil)
        #expect(cache.pendingCount == 0)
    }

    @Test(
        "random writes and late deliveries never show a state older than our last write", arguments: 0..<100)
    func model(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var version = 10
        var pending: [(isDeletion: Bool, widget: Widget)] = []
        var truth: [String: Widget] = ["a": Widget("a", version: 5, size: 1, owner: "x")]
        for _ in 0..<200 {
            if Bool.random(using: &random), !pending.isEmpty {
                let event = pending.removeFirst()
                _ = event.isDeletion ? writer.remove(event.widget) : writer.upsert(event.widget)
            } else {
                version += 1
                let name = ["a", "b", "c"][Int.random(in: 0..<3, using: &random)]
                if let known = truth[name], Int.random(in: 0..<3, using: &random) == 0 {
                    var gone = known
                    gone.metadata.resourceVersion = ResourceVersion("\(version)")
                    pending.append((true, gone))
                    truth[name] = nil
                    cache.record(deletedKey: known.key, uid: known.metadata.uid)
                } else {
                    let uid = truth[name]?.metadata.uid ?? "uid-\(name)-\(version)"
                    let widget = Widget(name, uid: uid, version: version, size: Int64(version), owner: "x")
                    truth[name] = widget
                    pending.append((false, widget))
                    cache.record(written: widget)
                }
            }
            for name in ["a", "b", "c"] { #expect(cache.get(ObjectKey(name)) == truth[name]) }
            #expect(Set(cache.list(ownedBy: "x")) == Set(truth.values))
        }
    }

    @Test("readers on many threads see whole objects and never go back, while events and writes come in")
    func threads() async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for version in 11..<2000 {
                    writer.upsert(Widget("a", version: version, size: Int64(version), owner: "x"))
                    if version % 7 == 0 { await Task.yield() }
                }
                return true
            }
            group.addTask {
                for version in 11..<2000 {
                    cache.record(written: Widget("a", version: version, size: Int64(version), owner: "x"))
                    if version % 5 == 0 { await Task.yield() }
                }
                return true
            }
            for _ in 0..<4 {
                group.addTask {
                    var last: Int64 = 0
                    for _ in 0..<2000 {
                        guard let seen = cache.list(ownedBy: "x").first, seen.size >= last,
                            seen.size == 1 || seen.metadata.resourceVersion.text == "\(seen.size)"
                        else { return false }
                        last = seen.size
                        await Task.yield()
                    }
                    return true
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
