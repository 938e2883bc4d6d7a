// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport

/// A namespaced kind with nothing but metadata and a number.
struct Widget: Resource, Hashable {
    static let definition = ResourceDefinition(
        group: "test.example", version: "v1", kind: "Widget", plural: "widgets")

    var metadata: ObjectMeta
    var size: Int64

    init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        size = try object.expectObject().object("spec")?.integer("size") ?? 0
    }

    init(
        _ name: String, namespace: String = "ns", uid: String? = nil, version: Int = 1, size: Int64 = 0,
        owner: String? = nil
    ) {
        metadata = ObjectMeta(
            name: name, namespace: namespace, uid: uid ?? "uid-\(name)",
            resourceVersion: ResourceVersion("\(version)"))
        self.size = size
        if let owner {
            metadata.ownerReferences = [
                OwnerReference(
                    apiVersion: "test.example/v1", kind: "Box", name: "box-\(owner)", uid: owner)
            ]
        }
    }

    var json: JSONValue {
        [
            "apiVersion": "test.example/v1", "kind": "Widget",
            "metadata": [
                "name": .string(metadata.name), "namespace": .string(metadata.namespace),
                "uid": .string(metadata.uid), "resourceVersion": .string(metadata.resourceVersion.text),
                "ownerReferences": .array(metadata.ownerReferences.map(\.json)),
                "finalizers": .array(metadata.finalizers.map { .string($0) }),
            ],
            "spec": ["size": .integer(size)],
        ]
    }
}

/// A list answer with these widgets.
func listAnswer(
    _ widgets: [Widget], version: Int, continueToken: String = "", remaining: Int? = nil
) -> ScriptedTransport.Answer {
    var metadata: JSONObject = [
        "resourceVersion": .string("\(version)"), "continue": .string(continueToken),
    ]
    metadata["remainingItemCount"] = remaining.map { .integer(Int64($0)) }
    return .json(
        200,
        [
            "apiVersion": "test.example/v1", "kind": "WidgetList", "metadata": .object(metadata),
            "items": .array(widgets.map(\.json)),
        ])
}

extension ObjectKey {
    /// A key in the namespace that widgets live in.
    init(_ name: String) {
        self.init(namespace: "ns", name: name)
    }
}

extension KubernetesClient {
    /// A client of a scripted server.
    init(_ transport: any HTTPTransport, clock: any Clock, fence: WriteFence? = nil) {
        self.init(
            transport: transport, endpoint: Endpoint(scheme: .https, host: "api", port: 6443),
            fieldManager: "test", clock: clock, retry: .never, fence: fence, jitter: { 0 })
    }
}

/// Keeps what was told, in order.
final class Recorder<Value: Sendable>: Sendable {
    private let state = Locked<[Value]>([])
    private let arrival = Locked<[(count: Int, continuation: CheckedContinuation<Void, Never>)]>([])

    var values: [Value] { state.withLock { $0 } }

    func append(_ value: Value) {
        let count = state.withLock { values in
            values.append(value)
            return values.count
        }
        let ready = arrival.withLock { waiters in
            defer { waiters.removeAll { $0.count <= count } }
            return waiters.filter { $0.count <= count }
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Returns once `count` values are there.
    func wait(for count: Int) async {
        await withCheckedContinuation { continuation in
            let isReady = arrival.withLock { waiters in
                if state.withLock({ $0.count }) >= count { return true }
                waiters.append((count, continuation))
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}

extension Logger {
    /// A logger that writes every line to `sink`.
    static func recording(_ sink: RecordingLogSink, _ clock: any Clock) -> Logger {
        Logger(sink: sink, level: .debug, clock: clock)
    }

    static func silent(_ clock: any Clock) -> Logger {
        Logger(sink: RecordingLogSink(), level: .error, clock: clock)
    }
}
