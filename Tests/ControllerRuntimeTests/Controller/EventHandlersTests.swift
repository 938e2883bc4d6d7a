// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Platform
import TestSupport
import Testing

@Suite("Event handlers")
struct EventHandlersTests {
    private static let box = ResourceDefinition(
        group: "test.example", version: "v2", kind: "Box", plural: "boxes")

    private func widget(_ references: OwnerReference...) -> Widget {
        var widget = Widget("w")
        widget.metadata.ownerReferences = references
        return widget
    }

    private func reference(
        _ name: String, apiVersion: String = "test.example/v1", kind: String = "Box",
        isController: Bool = true
    ) -> OwnerReference {
        OwnerReference(
            apiVersion: apiVersion, kind: kind, name: name, uid: "u", isController: isController)
    }

    private func owners(_ old: Widget?, _ new: Widget?, _ kind: ResourceDefinition = box) -> Set<String> {
        Set(
            EventHandlers.controllers(of: StoreChange(old: old, new: new), kind: kind)
                .map(\.description))
    }

    @Test("the controlling owner is meant, whatever the version of its API")
    func owner() {
        #expect(owners(nil, widget(reference("b"))) == ["ns/b"])
        #expect(owners(widget(reference("b")), nil) == ["ns/b"])
    }

    @Test("a change of owner concerns both")
    func bothOwners() {
        #expect(owners(widget(reference("b1")), widget(reference("b2"))) == ["ns/b1", "ns/b2"])
    }

    @Test("owners of another kind or group, and those that do not control, are not meant")
    func others() {
        #expect(owners(nil, widget(reference("b", kind: "Bag"))).isEmpty)
        #expect(owners(nil, widget(reference("b", apiVersion: "other/v1"))).isEmpty)
        #expect(owners(nil, widget(reference("b", apiVersion: "v1"))).isEmpty)
        #expect(owners(nil, widget(reference("b", isController: false))).isEmpty)
        #expect(owners(nil, widget()).isEmpty)
    }

    @Test("a malformed reference is skipped and the next one counts")
    func malformed() {
        let references = [
            reference("x", apiVersion: "test.example/v1/extra"), reference(""), reference("good"),
        ]
        var object = widget()
        object.metadata.ownerReferences = references
        #expect(owners(nil, object) == ["ns/good"])
    }

    @Test("a cluster-wide owner has a key without namespace, and a namespaced one owns nothing cluster-wide")
    func scopes() {
        var wide = Self.box
        wide.isNamespaced = false
        #expect(owners(nil, widget(reference("b")), wide) == ["b"])
        var object = widget(reference("b"))
        object.metadata.namespace = ""
        #expect(owners(nil, object).isEmpty)
    }

    @Test("handlers add the object or its owner to the queue")
    func enqueue() async {
        let queue = WorkQueue(clock: ManualClock())
        let change = StoreChange(old: nil, new: widget(reference("b")))
        let object: ChangeHandler<Widget> = EventHandlers.enqueueObject(queue)
        let owner: ChangeHandler<Widget> = EventHandlers.enqueueController(of: Self.box, queue)
        object(change)
        owner(change)
        #expect(await queue.next() == ObjectKey("w"))
        #expect(await queue.next() == ObjectKey("b"))
    }

    @Test("a status change alone is not worth a reconcile; everything else is")
    func predicate() {
        var old = Widget("w")
        old.metadata.generation = 3
        func matters(_ change: (inout Widget) -> Void) -> Bool {
            var new = old
            change(&new)
            return ChangePredicates.isBeyondStatus(StoreChange(old: old, new: new))
        }
        #expect(!matters { $0.metadata.resourceVersion = "77" })
        #expect(matters { $0.metadata.generation = 4 })
        #expect(matters { $0.metadata.generation = 0 })
        #expect(matters { $0.metadata.labels["a"] = "b" })
        #expect(matters { $0.metadata.annotations["a"] = "b" })
        #expect(matters { $0.metadata.finalizers = ["f"] })
        #expect(matters { $0.metadata.deletionTimestamp = Timestamp(nanosecondsSince1970: 0) })
        #expect(matters { $0.metadata.ownerReferences = [reference("b")] })
        #expect(ChangePredicates.isBeyondStatus(StoreChange(old: nil, new: old)))
        #expect(ChangePredicates.isBeyondStatus(StoreChange(old: old, new: nil)))
    }

    @Test("a kind that does not count generations is always worth one")
    func withoutGeneration() {
        #expect(ChangePredicates.isBeyondStatus(StoreChange(old: Widget("w"), new: Widget("w", version: 2))))
    }
}
