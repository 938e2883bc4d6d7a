// SPDX-License-Identifier: Apache-2.0
import ClusterController
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// An API server in memory that understands what a reconciler does to clusters and Machines.
///
/// Watches are not part of it: a test says when the caches learn of what has changed.
final class FakeAPI: Sendable {
    private struct State {
        var objects: [String: JSONValue] = [:]
        /// What was applied last, by path: server-side apply removes what is no longer in it.
        var applied: [String: JSONValue] = [:]
        var version: Int64 = 100
        var requests: [String] = []
        var events: [JSONValue] = []
        var failures: [String: ScriptedTransport.Answer] = [:]
        /// Fields of a Machine's spec that the server drops.
        var prunedFields: [String] = []
        /// Fields of a status that the server drops.
        var prunedStatus: [String] = []
    }

    private let state = Locked(State())

    /// A client of this server.
    func client(clock: any Clock) -> KubernetesClient {
        let transport = ScriptedTransport { request in self.answer(request) }
        return KubernetesClient(
            transport: transport, endpoint: Endpoint(scheme: .https, host: "fake", port: 443),
            fieldManager: APINames.fieldManager, clock: clock, retry: .never)
    }

    // MARK: What tests do

    /// Puts an object there, or in the place of the one there, as any other client would.
    func put(_ path: String, _ object: JSONValue) {
        state.withLock { state in
            state.version += 1
            let uid = object["metadata"]?["uid"]?.string ?? "uid-\(state.version)"
            let stamp: JSONValue = [
                "metadata": ["uid": .string(uid), "resourceVersion": .string("\(state.version)")]
            ]
            state.objects[path] = object.mergePatched(with: stamp)
        }
    }

    /// Changes an object as any other client would, generation included if its spec changes.
    func patch(_ path: String, _ patch: JSONValue) {
        state.withLock { state in
            if let object = state.objects[path] {
                _ = Self.store(object.mergePatched(with: patch), path, &state)
            }
        }
    }

    func remove(_ path: String) {
        state.withLock { $0.objects[path] = nil }
    }

    func object(_ path: String) -> JSONValue? {
        state.withLock { $0.objects[path] }
    }

    /// The objects of a kind, by path.
    func objects(_ plural: String) -> [JSONValue] {
        state.withLock { state in
            state.objects.filter { $0.key.hasPrefix("\(plural)/") }.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// Answers the next requests of this name, as `requests` has it, otherwise; nil ends that.
    func fail(_ request: String, _ answer: ScriptedTransport.Answer?) {
        state.withLock { $0.failures[request] = answer }
    }

    func prune(_ fields: String...) {
        state.withLock { $0.prunedFields = fields }
    }

    func pruneStatus(_ fields: String...) {
        state.withLock { $0.prunedStatus = fields }
    }

    /// The requests since the last call, as in `apply machines/default/simple-cp-0`.
    func takeRequests() -> [String] {
        state.withLock { state in
            defer { state.requests = [] }
            return state.requests
        }
    }

    /// The events, as in `Warning ValidationFailed message`.
    var events: [String] {
        state.withLock { state in
            state.events.map { event in
                [event["type"], event["reason"], event["message"]].map { $0?.string ?? "" }.joined(
                    separator: " ")
            }
        }
    }

    var resourceVersion: ResourceVersion { state.withLock { ResourceVersion("\($0.version)") } }

    // MARK: The server

    private func answer(_ request: HTTPRequest) -> ScriptedTransport.Answer {
        let parts = request.path.split(separator: "/")
        guard let index = parts.firstIndex(of: "namespaces"), parts.count >= index + 3 else {
            return .failure(404, reason: "NotFound")
        }
        let path = ([parts[index + 2], parts[index + 1]] + parts[(index + 3)...].prefix(1)).joined(
            separator: "/")
        let isStatus = parts.last == "status"
        let body = request.body.map { Fixture.json(String(decoding: $0, as: UTF8.self)) } ?? .null
        return state.withLock { state in
            let verb = Self.verb(request)
            let name = "\(verb) \(path)\(isStatus ? "/status" : "")"
            state.requests.append(name)
            if let failure = state.failures[name] { return failure }
            return switch verb {
            case "apply": Self.apply(body, path, &state)
            case "delete": Self.delete(body, path, &state)
            case "patch": Self.patch(body, path, isStatus, &state)
            case "create": Self.create(body, path, &state)
            case "get": state.objects[path].map { .json(200, $0) } ?? .failure(404, reason: "NotFound")
            default: .failure(405, reason: "MethodNotAllowed")
            }
        }
    }

    /// Nothing but events and Secrets is created here.
    private static func create(_ body: JSONValue, _ collection: String, _ state: inout State)
        -> ScriptedTransport.Answer
    {
        guard body["kind"] == "Secret" else {
            state.events.append(body)
            return .json(201, body)
        }
        let path = "\(collection)/\(body["metadata"]?["name"]?.string ?? "")"
        if state.objects[path] != nil { return .failure(409, reason: "AlreadyExists") }
        return .json(201, store(body, path, &state))
    }

    private static func verb(_ request: HTTPRequest) -> String {
        switch request.method {
        case .patch: request.headers["Content-Type"] == "application/apply-patch+yaml" ? "apply" : "patch"
        case .delete: "delete"
        case .post: "create"
        default: "get"
        }
    }

    private static func apply(_ body: JSONValue, _ path: String, _ state: inout State)
        -> ScriptedTransport.Answer
    {
        let existing = state.objects[path]
        let uid = body["metadata"]?["uid"]
        guard let existing else {
            if uid != nil { return .failure(409, reason: "Conflict") }
            state.applied[path] = body
            var object = body.mergePatched(with: ["metadata": ["generation": 1]])
            object = prune(object, state.prunedFields)
            return .json(201, store(object, path, &state))
        }
        if let uid, uid != existing["metadata"]?["uid"] { return .json(422, invalid("metadata.uid")) }
        let owners = existing["metadata"]?["ownerReferences"]?.array ?? []
        let wanted = body["metadata"]?["ownerReferences"]?.array ?? []
        if owners.contains(where: { $0["controller"] == true && $0["uid"] != wanted.first?["uid"] }) {
            return .json(422, invalid("metadata.ownerReferences"))
        }
        let removal = JSONValue.mergePatch(from: state.applied[path] ?? .null, to: body) ?? [:]
        state.applied[path] = body
        let object = prune(existing.mergePatched(with: removal).mergePatched(with: body), state.prunedFields)
        return .json(200, object == existing ? existing : store(object, path, &state))
    }

    private static func patch(
        _ body: JSONValue, _ path: String, _ isStatus: Bool, _ state: inout State
    ) -> ScriptedTransport.Answer {
        guard let existing = state.objects[path] else { return .failure(404, reason: "NotFound") }
        let metadata = existing["metadata"]
        if let version = body["metadata"]?["resourceVersion"], version != metadata?["resourceVersion"] {
            return .failure(409, reason: "Conflict")
        }
        let change: JSONValue = isStatus ? ["status": body["status"] ?? .null] : body
        let nulls = state.prunedStatus.map { JSONObject.Member(key: $0, value: .null) }
        let object = existing.mergePatched(with: change)
            .mergePatched(with: nulls.isEmpty ? [:] : ["status": .object(JSONObject(nulls))])
        if object["metadata"]?["deletionTimestamp"] != nil,
            object["metadata"]?["finalizers"]?.array?.isEmpty != false
        {
            state.objects[path] = nil
            return .json(object)
        }
        return .json(store(object, path, &state))
    }

    private static func delete(_ body: JSONValue, _ path: String, _ state: inout State)
        -> ScriptedTransport.Answer
    {
        guard let existing = state.objects[path] else { return .failure(404, reason: "NotFound") }
        if let uid = body["preconditions"]?["uid"], uid != existing["metadata"]?["uid"] {
            return .failure(409, reason: "Conflict")
        }
        guard existing["metadata"]?["finalizers"]?.array?.isEmpty == false else {
            state.objects[path] = nil
            return .json(["kind": "Status", "apiVersion": "v1", "status": "Success"])
        }
        let mark: JSONValue = ["metadata": ["deletionTimestamp": "2024-01-01T12:00:00Z"]]
        return .json(store(existing.mergePatched(with: mark), path, &state))
    }

    /// Keeps an object under a new version, and counts a generation if its spec changed.
    private static func store(_ object: JSONValue, _ path: String, _ state: inout State) -> JSONValue {
        state.version += 1
        let existing = state.objects[path]
        var generation = existing?["metadata"]?["generation"]?.integer ?? 1
        if let existing, existing["spec"] != object["spec"] { generation += 1 }
        let uid = existing?["metadata"]?["uid"] ?? .string("uid-\(state.version)")
        let stored = object.mergePatched(with: [
            "metadata": [
                "uid": uid, "resourceVersion": .string("\(state.version)"),
                "generation": .integer(generation),
            ]
        ])
        state.objects[path] = stored
        return stored
    }

    private static func prune(_ object: JSONValue, _ fields: [String]) -> JSONValue {
        let nulls = fields.map { JSONObject.Member(key: $0, value: .null) }
        return object.mergePatched(with: ["spec": .object(JSONObject(nulls))])
    }

    /// A refusal because of one field.
    private static func invalid(_ field: String) -> JSONValue {
        let cause: JSONValue = ["reason": "FieldValueInvalid", "message": "m", "field": .string(field)]
        return [
            "kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422, "message": "invalid",
            "details": ["causes": [cause]],
        ]
    }
}
