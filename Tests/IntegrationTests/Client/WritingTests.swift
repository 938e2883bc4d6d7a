// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Writing to a real API server", .timeLimit(.minutes(15)))
struct WritingTests {
    @Test("applying creates, applies anew without a trace, and tells the two apart")
    func apply() async throws {
        let bench = try await Bench.shared("apply")
        let object = TestResources.widget("a", spec: ["size": 3])
        let first = try await bench.client.apply(Widget.self, bench.key("a"), object)
        #expect(first.wasCreated)
        let second = try await bench.client.apply(Widget.self, bench.key("a"), object)
        #expect(!second.wasCreated)
        #expect(second.object.metadata.resourceVersion == first.object.metadata.resourceVersion)
    }

    @Test("a field that another manager owns is a conflict with its name, unless it is taken by force")
    func ownership() async throws {
        let bench = try await Bench.shared("ownership")
        let other = try bench.anotherClient(fieldManager: "provider").client
        let key = bench.key("a")
        _ = try await other.apply(
            Widget.self, key, TestResources.widget("a", spec: ["size": 1, "color": "red"]))

        let ours = TestResources.widget("a", spec: ["size": 2])
        let conflict = await apiError {
            _ = try await bench.client.apply(Widget.self, key, ours, force: false)
        }
        #expect(conflict?.isConflict == true)
        #expect(conflict?.status?.causes.map(\.field) == [".spec.size"])
        #expect(conflict?.status?.causes.first?.message.contains("provider") == true)

        let forced = try await bench.client.apply(Widget.self, key, ours).object
        #expect(forced.spec("size") == 2)
        #expect(forced.spec("color") == "red")
    }

    @Test("a field left out of the next apply is gone, others' fields are not")
    func leavingOut() async throws {
        let bench = try await Bench.shared("leaving-out")
        let key = bench.key("a")
        let both = TestResources.widget("a", spec: ["size": 1, "ours": "x"])
        _ = try await bench.client.apply(Widget.self, key, both)
        let other = try bench.anotherClient().client
        _ = try await other.mergePatch(Widget.self, key, ["spec": ["theirs": "y"]])
        let left = try await bench.client.apply(Widget.self, key, TestResources.widget("a")).object
        #expect(left.document["spec"] == ["size": 1, "theirs": "y"])
    }

    @Test("unknown fields, whole numbers beyond 2^53, empty and deep values come back as they went")
    func fidelity() async throws {
        let bench = try await Bench.shared("fidelity")
        let spec: JSONValue = [
            "size": 1, "big": 9_007_199_254_740_993, "least": .integer(.min), "most": .integer(.max),
            "fraction": .double(0.1), "large": .double(1e300), "empty": [:], "none": [], "text": "",
            "deep": [["a": [["b": [1, [2, [3]]]]]]], "yes": "yes",
            "é\u{2028}🦊": "\u{0}\u{1F}\u{7F}\u{80}\u{85}\u{2028}\u{2029}\u{FEFF}\u{FFFE}\u{FFFF}🦊\"\\",
        ]
        let applied = try await bench.client.apply(
            Widget.self, bench.key("a"), TestResources.widget("a", spec: spec)
        ).object
        #expect(applied.document["spec"] == spec)
        let labelled = try await bench.client.mergePatch(
            Widget.self, bench.key("a"), ["metadata": ["labels": ["touched": "yes"]]])
        #expect(labelled.document["spec"] == spec)
        #expect(labelled.metadata.generation == applied.metadata.generation)
        let replaced = try await bench.client.replace(
            Widget.self, bench.key("a"), labelled.document.mergePatched(with: ["spec": ["size": 2]]))
        #expect(replaced.document["spec"] == spec.mergePatched(with: ["size": 2]))
        #expect(try await bench.client.get(Widget.self, bench.key("a")).document == replaced.document)
    }

    @Test("status and spec change through their own paths only, and only the spec counts as a generation")
    func statusSubresource() async throws {
        let bench = try await Bench.shared("status")
        let made = try await bench.create("a")
        let patch: JSONValue = ["spec": ["size": 5], "status": ["phase": "Running"]]

        let status = try await bench.client.mergePatch(
            Widget.self, made.key, patch, subresource: .status)
        #expect(status.spec("size") == 1)
        #expect(status.document["status"]?["phase"] == "Running")
        #expect(status.metadata.generation == made.metadata.generation)

        let main = try await bench.client.mergePatch(
            Widget.self, made.key, ["spec": ["size": 5], "status": ["phase": "Failed"]])
        #expect(main.spec("size") == 5)
        #expect(main.document["status"]?["phase"] == "Running")
        #expect(main.metadata.generation == made.metadata.generation + 1)
    }

    @Test("a merge patch on an old version is refused, one on the present version is not")
    func patchOnVersion() async throws {
        let bench = try await Bench.shared("patch-version")
        let made = try await bench.create("a")
        func patch(_ size: Int64, _ version: ResourceVersion) -> JSONValue {
            ["metadata": ["resourceVersion": .string(version.text)], "spec": ["size": .integer(size)]]
        }
        let first = patch(2, made.metadata.resourceVersion)
        _ = try await bench.client.mergePatch(Widget.self, made.key, first)
        let error = await apiError {
            _ = try await bench.client.mergePatch(Widget.self, made.key, first)
        }
        #expect(error?.isConflict == true)
        #expect(bench.link.exchanges.entries.suffix(1).map(\.status) == [409])
    }

    @Test("a dry run says what would happen and changes nothing")
    func dryRun() async throws {
        let bench = try await Bench.shared("dry-run")
        let client = bench.client
        let made = try await bench.create("a")
        let created = try await client.create(
            Widget.self, TestResources.widget("b"), namespace: bench.namespace, dryRun: true)
        #expect(!created.metadata.uid.isEmpty)
        let patched = try await client.mergePatch(Widget.self, made.key, ["spec": ["size": 9]], dryRun: true)
        #expect(patched.spec("size") == 9)
        let applied = try await client.apply(
            Widget.self, made.key, TestResources.widget("a", spec: ["size": 8]), dryRun: true)
        #expect(applied.object.spec("size") == 8)
        _ = try await client.delete(Widget.self, made.key, dryRun: true)
        let left = try await client.list(Widget.self, bench.selection()).items
        #expect(left.map(\.document) == [made.document])
    }

    @Test("a delete with the wrong UID or version is a conflict and the object stays")
    func preconditions() async throws {
        let bench = try await Bench.shared("preconditions")
        let made = try await bench.create("a")
        let wrong = [
            Preconditions(uid: "00000000-0000-0000-0000-000000000000"),
            Preconditions(uid: made.metadata.uid, resourceVersion: "1"),
        ]
        for preconditions in wrong {
            let error = await apiError {
                _ = try await bench.client.delete(Widget.self, made.key, preconditions: preconditions)
            }
            #expect(error?.isConflict == true)
        }
        #expect(try await bench.client.get(Widget.self, made.key).metadata.uid == made.metadata.uid)
        let right = Preconditions(
            uid: made.metadata.uid, resourceVersion: made.metadata.resourceVersion)
        let deleted = try await bench.client.delete(Widget.self, made.key, preconditions: right)
        guard case .gone = deleted else {
            Issue.record("still there: \(deleted)")
            return
        }
    }

    @Test("a delete answers whether the object is gone, was not there, or waits for its finalizers")
    func deletion() async throws {
        let bench = try await Bench.shared("deletion")
        _ = try await bench.client.create(
            ConfigMap.self, TestResources.configMap("plain"), namespace: bench.namespace)
        guard case .gone = try await bench.client.delete(ConfigMap.self, bench.key("plain")),
            case .gone = try await bench.client.delete(ConfigMap.self, bench.key("plain"))
        else {
            Issue.record("a deleted ConfigMap is said to be there")
            return
        }
        let held = try await bench.create("held")
        _ = try await bench.client.mergePatch(
            Widget.self, held.key, ["metadata": ["finalizers": ["testing.vitistack.io/hold"]]])
        guard case .terminating(let waiting) = try await bench.client.delete(Widget.self, held.key) else {
            Issue.record("an object with a finalizer is said to be gone")
            return
        }
        #expect(waiting.metadata.isBeingDeleted)
        #expect(waiting.metadata.finalizers == ["testing.vitistack.io/hold"])
        _ = try await bench.client.mergePatch(Widget.self, held.key, ["metadata": ["finalizers": .null]])
        try await bench.client.waitUntilGone(Widget.self, held.key)
    }

    @Test("a foreground delete waits for what the object owns, and says so")
    func foregroundDeletion() async throws {
        let bench = try await Bench.shared("foreground")
        let owner = try await bench.create("owner")
        let reference = OwnerReference(
            apiVersion: Widget.definition.apiVersion, kind: "Widget", name: "owner",
            uid: owner.metadata.uid)
        let child = try await bench.create("child", owner: reference)
        _ = try await bench.client.mergePatch(
            Widget.self, child.key, ["metadata": ["finalizers": ["testing.vitistack.io/hold"]]])
        let deleted = try await bench.client.delete(Widget.self, owner.key, propagation: .foreground)
        guard case .terminating(let waiting) = deleted else {
            Issue.record("the owner is gone before its child")
            return
        }
        #expect(waiting.metadata.finalizers == ["foregroundDeletion"])
        _ = try await bench.client.mergePatch(Widget.self, child.key, ["metadata": ["finalizers": .null]])
    }

    @Test("twenty writers that look again after a conflict lose no write")
    func conflictingWriters() async throws {
        let bench = try await Bench.shared("writers")
        let key = try await bench.create("counter", spec: ["size": 0]).key
        let attempts = Locked(0)
        try await concurrently(0..<20, width: 20) { _ in
            while true {
                let now = try await bench.client.get(Widget.self, key)
                let size = (now.spec("size")?.integer ?? 0) + 1
                let patch: JSONValue = [
                    "metadata": ["resourceVersion": .string(now.metadata.resourceVersion.text)],
                    "spec": ["size": .integer(size)],
                ]
                attempts.withLock { $0 += 1 }
                let error = await apiError {
                    _ = try await bench.client.mergePatch(Widget.self, key, patch)
                }
                guard let error else { return }
                guard error.isConflict else { throw error }
            }
        }
        #expect(try await bench.client.get(Widget.self, key).spec("size") == 20)
        // Each round at least one of those that are left succeeds.
        #expect(attempts.withLock { $0 } <= 210)
    }

    @Test("a request on a path or with a body that the server cannot take is not sent at all")
    func localRefusals() async throws {
        let bench = try await Bench.shared("local")
        let nowhere = await apiError {
            _ = try await bench.client.get(Widget.self, ObjectKey(namespace: "", name: "a"))
        }
        let climbing = await apiError { _ = try await bench.client.get(Widget.self, bench.key("..")) }
        let large = await apiError {
            try await bench.create("a", spec: ["text": .string(String(repeating: "x", count: 4 << 20))])
        }
        for error in [nowhere, climbing, large] {
            guard case .invalidRequest = error else {
                Issue.record("sent, or refused for another reason: \(String(describing: error))")
                continue
            }
        }
        #expect(bench.link.exchanges.entries.isEmpty)
    }
}
