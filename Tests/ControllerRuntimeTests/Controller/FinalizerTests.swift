// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Finalizer")
struct FinalizerTests {
    private let finalizer = Finalizer("test.example/f")

    private func widget(_ finalizers: String..., isBeingDeleted: Bool = false) -> Widget {
        var widget = Widget("a", version: 7)
        widget.metadata.finalizers = finalizers
        if isBeingDeleted { widget.metadata.deletionTimestamp = Timestamp(nanosecondsSince1970: 0) }
        return widget
    }

    @Test("adding keeps what others have put there and names the version that was read")
    func addition() {
        #expect(
            finalizer.addition(to: widget("other/x").metadata)
                == ["metadata": ["resourceVersion": "7", "finalizers": ["other/x", "test.example/f"]]])
    }

    @Test("nothing is added twice, nor to an object that is being deleted")
    func noAddition() {
        #expect(finalizer.addition(to: widget("test.example/f").metadata) == nil)
        #expect(finalizer.addition(to: widget(isBeingDeleted: true).metadata) == nil)
    }

    @Test("removing takes away our own entry alone")
    func removal() {
        #expect(
            finalizer.removal(from: widget("other/x", "test.example/f").metadata)
                == ["metadata": ["resourceVersion": "7", "finalizers": ["other/x"]]])
        #expect(finalizer.removal(from: widget("other/x").metadata) == nil)
    }

    @Test("each is one merge patch, and none if there is nothing to do")
    func requests() async throws {
        let transport = ScriptedTransport { _ in .json(200, Widget("a", version: 8).json) }
        let client = KubernetesClient(transport, clock: ManualClock())
        #expect(try await finalizer.add(to: widget(), client).metadata.resourceVersion == "8")
        _ = try await finalizer.add(to: widget("test.example/f"), client)
        try await finalizer.remove(from: widget("test.example/f"), client)
        try await finalizer.remove(from: widget(), client)
        #expect(transport.requests.map(\.method) == [.patch, .patch])
        #expect(transport.requests[0].path == "/apis/test.example/v1/namespaces/ns/widgets/a")
        #expect(transport.requests[0].headers["Content-Type"] == "application/merge-patch+json")
    }

    @Test("an object that is gone needs no removal; a conflict is for the caller")
    func outcomes() async throws {
        let client = KubernetesClient(
            ScriptedTransport(.failure(404, reason: "NotFound"), .failure(409, reason: "Conflict")),
            clock: ManualClock())
        #expect(try await finalizer.remove(from: widget("test.example/f"), client) == nil)
        await #expect(throws: APIError.self) {
            try await finalizer.remove(from: widget("test.example/f"), client)
        }
    }
}
