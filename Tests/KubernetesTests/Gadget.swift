// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// A resource that exists for these tests only.
struct Gadget: Resource, Hashable {
    static let definition = ResourceDefinition(
        group: "example.io", version: "v1", kind: "Gadget", plural: "gadgets")

    var metadata: ObjectMeta
    var size: Int64

    init(_ object: JSONValue) throws(DecodingProblem) {
        metadata = try ObjectMeta(of: object)
        do {
            size = try object["spec"]?.object?.integer("size") ?? 0
        } catch {
            throw error.within("spec")
        }
    }
}

extension JSONValue {
    /// A gadget as the server would send it.
    static func gadget(_ name: String, size: JSONValue = 1, version: String = "1") -> JSONValue {
        [
            "apiVersion": "example.io/v1", "kind": "Gadget",
            "metadata": [
                "name": .string(name), "namespace": "ns", "uid": .string("uid-\(name)"),
                "resourceVersion": .string(version),
                "managedFields": [["manager": "someone"]],
            ],
            "spec": ["size": size],
        ]
    }

    static func gadgets(_ items: [JSONValue], version: String = "7", next: String = "") -> JSONValue {
        [
            "apiVersion": "example.io/v1", "kind": "GadgetList",
            "metadata": ["resourceVersion": .string(version), "continue": .string(next)],
            "items": .array(items),
        ]
    }
}

extension ObjectKey {
    static let a = ObjectKey(namespace: "ns", name: "a")
}

extension Endpoint {
    static let test = Endpoint(scheme: .https, host: "api.test", port: 6443)
}

/// A client on a scripted server and a clock that the test moves.
struct ClientFixture {
    let transport: ScriptedTransport
    let clock = ManualClock()
    let observed = Recorder<RequestObservation>()
    let notices = Recorder<ClientNotice>()
    var client: KubernetesClient

    init(
        _ transport: ScriptedTransport, endpoint: Endpoint = .test,
        credentials: any CredentialSource = FixedCredential.none, retry: RetryPolicy = .standard
    ) {
        self.transport = transport
        let (observed, notices) = (observed, notices)
        client = KubernetesClient(
            transport: transport, endpoint: endpoint, fieldManager: "tester", credentials: credentials,
            clock: clock, retry: retry,
            observers: ClientObservers(request: { observed.add($0) }, notice: { notices.add($0) }),
            jitter: { 0 })
    }
}

/// Collects what a closure is told.
final class Recorder<Value: Sendable>: Sendable {
    private let state = Locked<[Value]>([])

    var values: [Value] { state.withLock { $0 } }

    func add(_ value: Value) {
        state.withLock { $0.append(value) }
    }
}

/// The error that `body` throws; nil if it throws none.
func apiError<Value>(_ body: () async throws(APIError) -> Value) async -> APIError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
