// SPDX-License-Identifier: Apache-2.0
import ClusterController
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// An API server in memory that knows no more than a profile asks for.
///
/// It answers without a system call, and what it does are a few functions with names that a profiler can leave out, so
/// that what is measured is the operator alone.
final class SampleServer: HTTPTransport {
    private struct State {
        var version = 1000
        /// Clusters that are not as `SampleDocuments` has them, by name.
        var clusters: [String: JSONValue] = [:]
        /// Watch events that no watch has shown yet.
        var events: [(plural: String, bytes: [UInt8])] = []
        var nextMachine = 1_000_000
    }

    /// How many clusters, with their Machines, there were from the beginning.
    let clusterCount: Int
    /// Counts the watches that were opened; what happens before that the lists show.
    let opened = Tally()
    private let watches = ["kubernetesclusters": ScriptedBody(), "machines": ScriptedBody()]
    private let state = Locked(State())

    init(clusters: Int) {
        clusterCount = clusters
    }

    // MARK: What happens on its own

    /// Somebody creates a cluster; the watch shows it at the next `showEvents`.
    @_silgen_name("profile_server_create")
    @inline(never)
    func createCluster(_ number: Int) {
        change(number) { SampleDocuments.cluster(number, version: $0, isNew: true) }
    }

    /// A provider writes into the status of a cluster's first Machine what means nothing to the operator.
    @_silgen_name("profile_server_beat")
    @inline(never)
    func beatHeart(of number: Int, _ beat: Int) throws {
        try state.withLock { state in
            state.version += 1
            guard let machine = try SampleDocuments.machines(of: number, version: state.version).first else {
                return
            }
            let status: JSONValue = [
                "status": [
                    "phase": "Provisioning", "lastHeartbeat": .integer(Int64(beat)),
                    "addresses": [["type": "InternalIP", "address": "192.168.1.17"]],
                ]
            ]
            Self.note("MODIFIED", "machines", machine.mergePatched(with: status), &state)
        }
    }

    /// Lets the watches show what has happened; how many events that was.
    func showEvents() -> Int {
        let events = state.withLock { state in
            defer { state.events = [] }
            return state.events
        }
        for event in events { watches[event.plural]?.yield(event.bytes) }
        return events.count
    }

    private func change(_ number: Int, _ make: (Int) -> JSONValue) {
        state.withLock { state in
            state.version += 1
            let cluster = make(state.version)
            state.clusters[SampleDocuments.clusterName(number)] = cluster
            Self.note("ADDED", "kubernetesclusters", cluster, &state)
        }
    }

    private static func note(_ type: String, _ plural: String, _ object: JSONValue, _ state: inout State) {
        let event: JSONValue = ["type": .string(type), "object": object]
        state.events.append((plural, event.encoded() + [UInt8(ascii: "\n")]))
    }

    // MARK: Requests

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        do {
            return try answer(request)
        } catch {
            throw .interrupted("\(error)")
        }
    }

    func open(_ request: HTTPRequest) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody) {
        let plural = request.path.split(separator: "/").last.map(String.init) ?? ""
        guard let body = watches[plural] else { throw .connectFailed("nobody watches \(plural)") }
        opened.add()
        return (HTTPResponseHead(status: 200, headers: ["Content-Type": "application/json"]), body)
    }

    /// hack/profile.py knows this function by its name and counts nothing while it runs.
    @_silgen_name("profile_server_answer")
    @inline(never)
    private func answer(_ request: HTTPRequest) throws -> HTTPResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        let body = try request.body.map { try JSONValue(json: $0) } ?? .null
        return try state.withLock { state in
            state.version += 1
            switch request.method {
            case .get: return response(200, try list(parts.last ?? "", request, version: state.version))
            case .post: return response(201, body)
            case .patch where parts.contains("machines"): return response(201, apply(body, &state))
            default: return response(200, patch(body, parts, &state))
            }
        }
    }

    private func response(_ status: Int, _ document: JSONValue) -> HTTPResponse {
        let head = HTTPResponseHead(status: status, headers: ["Content-Type": "application/json"])
        return HTTPResponse(head: head, body: document.encoded())
    }

    private func apply(_ body: JSONValue, _ state: inout State) -> JSONValue {
        state.nextMachine += 1
        let uid = SampleDocuments.uid(state.nextMachine, 0)
        let machine = SampleDocuments.applied(body, uid: uid, version: state.version)
        Self.note("ADDED", "machines", machine, &state)
        return machine
    }

    private func patch(_ body: JSONValue, _ parts: [String], _ state: inout State) -> JSONValue {
        let name = parts.last == "status" ? parts[parts.count - 2] : parts[parts.count - 1]
        let number = Int(name.drop { !$0.isWholeNumber }) ?? 0
        let cluster = state.clusters[name] ?? SampleDocuments.cluster(number, version: 0)
        let patched = cluster.mergePatched(with: body).mergePatched(
            with: ["metadata": ["resourceVersion": .string("\(state.version)")]])
        if number >= clusterCount { state.clusters[name] = patched }
        Self.note("MODIFIED", "kubernetesclusters", patched, &state)
        return patched
    }

    /// A page; the token is the number of the first cluster in it.
    private func list(_ plural: String, _ request: HTTPRequest, version: Int) throws -> JSONValue {
        let isMachines = plural == "machines"
        let limit = Int(request.query("limit") ?? "") ?? Int.max
        let pageSize = isMachines ? max(limit / 8, 1) : limit
        let first = Int(request.query("continue") ?? "") ?? 0
        let last = min(first + min(pageSize, clusterCount), clusterCount)
        let items = try (first..<last).flatMap { number in
            isMachines
                ? try SampleDocuments.machines(of: number, version: 900)
                : [SampleDocuments.cluster(number, version: 900)]
        }
        return [
            "kind": isMachines ? "MachineList" : "KubernetesClusterList",
            "metadata": [
                "resourceVersion": .string("\(version)"),
                "continue": last < clusterCount ? .string("\(last)") : "",
            ],
            "items": .array(items),
        ]
    }
}
