// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Testing

@Suite("Store")
struct StoreTests {
    private let store: Store<Widget>
    private let writer: StoreWriter<Widget>

    init() throws {
        let (store, writers) = Store<Widget>.make()
        self.store = store
        writer = try #require(writers.first)
    }

    /// Changes as `+name`, `~name`, `-name`, sorted where the order between objects means nothing.
    private func summary(_ changes: [StoreChange<Widget>]?) -> [String]? {
        changes?.map { change in
            let name = "\(change.key?.name ?? "?")/\((change.new ?? change.old)?.metadata.uid ?? "?")"
            return (change.old == nil ? "+" : change.new == nil ? "-" : "~") + name
        }
    }

    @Test("a list fills it, and only then is it synced")
    func list() {
        #expect(!store.hasSynced)
        writer.beginList()
        _ = writer.addPage([Widget("a", version: 3)])
        #expect(!store.hasSynced)
        _ = writer.endList(version: "10")
        #expect(store.hasSynced)
        #expect(store.get(ObjectKey("a"))?.metadata.name == "a")
        #expect(store.resourceVersion(forNamespace: "anything") == "10")
    }

    @Test("what a second list does not show is reported as deleted, what is the same is not reported")
    func relist() {
        writer.replace(with: [Widget("a"), Widget("b"), Widget("c")], version: "5")
        let changes = writer.replace(with: [Widget("a"), Widget("b", version: 7)], version: "9")
        #expect(summary(changes) == ["~b/uid-b", "-c/uid-c"])
        #expect(store.count == 2)
    }

    @Test("an incomplete list takes nothing for deleted")
    func incomplete() {
        writer.replace(with: [Widget("a"), Widget("b")], version: "5")
        writer.beginList()
        _ = writer.addPage([Widget("a")])
        #expect(writer.endList(version: "6", isComplete: false).isEmpty)
        #expect(store.count == 2)
    }

    @Test("a list that begins again forgets the pages of the one before")
    func restart() {
        writer.replace(with: [Widget("a"), Widget("b")], version: "5")
        writer.beginList()
        _ = writer.addPage([Widget("a")])
        writer.beginList()
        _ = writer.addPage([Widget("b")])
        #expect(summary(writer.endList(version: "6")) == ["-a/uid-a"])
    }

    @Test("an object made anew under its old name is a deletion and an addition")
    func recreated() {
        writer.replace(with: [Widget("a", uid: "one", version: 3)], version: "5")
        #expect(summary(writer.upsert(Widget("a", uid: "two", version: 8))) == ["-a/one", "+a/two"])
        #expect(
            summary(writer.replace(with: [Widget("a", uid: "three", version: 9)], version: "9"))
                == ["-a/two", "+a/three"])
    }

    @Test(
        "an event that is not newer than what was seen is ignored",
        arguments: [(5, false), (4, false), (10, false), (11, true), (100, true)])
    func stale(version: Int, isNews: Bool) {
        writer.replace(with: [Widget("a", version: 4)], version: "10")
        #expect((writer.upsert(Widget("a", version: version, size: 9)) != nil) == isNews)
        #expect(store.get(ObjectKey("a"))?.size == (isNews ? 9 : 0))
    }

    @Test("an old addition does not bring a deleted object back")
    func resurrection() {
        writer.replace(with: [Widget("a", version: 4)], version: "10")
        #expect(summary(writer.remove(Widget("a", version: 12))) == ["-a/uid-a"])
        #expect(writer.upsert(Widget("a", version: 4)) == nil)
        #expect(store.count == 0)
    }

    @Test("versions that cannot be compared count as news unless they are equal")
    func opaque() {
        writer.replace(with: [], version: "abc")
        var widget = Widget("a")
        widget.metadata.resourceVersion = "xyz"
        #expect(writer.upsert(widget) != nil)
        #expect(writer.upsert(widget) == nil)
    }

    @Test("a list from a server that was set back wins over newer objects")
    func regression() {
        writer.replace(with: [Widget("a", version: 90, size: 1)], version: "100")
        writer.replace(with: [Widget("a", version: 20, size: 2)], version: "50")
        #expect(store.get(ObjectKey("a"))?.size == 2)
        #expect(writer.upsert(Widget("a", version: 51, size: 3)) != nil)
    }

    @Test("objects are found by their controlling owner, through every change")
    func owners() {
        writer.replace(
            with: [Widget("a", owner: "x"), Widget("b", owner: "x"), Widget("c", owner: "y"), Widget("d")],
            version: "1")
        func owned(_ uid: String) -> [String] { store.list(ownedBy: uid).map(\.metadata.name).sorted() }
        #expect(owned("x") == ["a", "b"])
        writer.upsert(Widget("b", version: 2, owner: "y"))
        #expect(owned("x") == ["a"])
        #expect(owned("y") == ["b", "c"])
        writer.remove(Widget("a", version: 3, owner: "x"))
        #expect(owned("x").isEmpty)
        writer.upsert(Widget("d", version: 4, owner: "x"))
        #expect(owned("x") == ["d"])
        #expect(owned("nobody").isEmpty)
    }

    @Test("a store of several namespaces is synced when all are, and each list speaks for its own")
    func namespaces() {
        let (store, writers) = Store<Widget>.make(namespaces: ["one", "two"])
        writers[0].replace(with: [Widget("a", namespace: "one")], version: "5")
        #expect(!store.hasSynced)
        writers[1].replace(with: [Widget("a", namespace: "two")], version: "7")
        #expect(store.hasSynced)
        #expect(store.count == 2)
        writers[0].replace(with: [], version: "8")
        #expect(store.list().map(\.metadata.namespace) == ["two"])
        #expect(store.resourceVersion(forNamespace: "one") == "8")
        #expect(store.resourceVersion(forNamespace: "two") == "7")
    }
}
