// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

@Suite("The Kubernetes of a managed cluster")
struct WorkloadClusterTests {
    private static func cluster(
        _ handler: @escaping @Sendable (HTTPRequest) -> ScriptedTransport.Answer?
    ) -> (WorkloadCluster, ScriptedTransport) {
        let transport = ScriptedTransport(handler: handler)
        let client = KubernetesClient(
            transport: transport, endpoint: Endpoint(scheme: .https, host: "192.0.2.100", port: 6443),
            fieldManager: "talos-operator", clock: ManualClock(), retry: .never)
        return (WorkloadCluster(client: client), transport)
    }

    private static func pod(_ name: String, _ patch: String = "{}") -> JSONValue {
        let pod: JSONValue = [
            "metadata": ["name": .string(name), "namespace": "apps", "uid": .string("uid-\(name)")],
            "spec": ["nodeName": "a", "containers": [["image": "x:1"]]], "status": ["phase": "Running"],
        ]
        return pod.mergePatched(with: Fixture.json(patch))
    }

    private static func list(_ items: JSONValue...) -> ScriptedTransport.Answer {
        .json(["kind": "PodList", "metadata": [:], "items": .array(items)])
    }

    private static let policy = ScriptedTransport.Answer.json([
        "resources": [["name": "poddisruptionbudgets", "kind": "PodDisruptionBudget", "namespaced": true]]
    ])

    @Test("A drain asks for the eviction of what is to go, by UID, and of nothing else")
    func drain() async throws {
        let (cluster, transport) = Self.cluster { request in
            switch (request.method, request.path) {
            case (.get, "/api/v1/pods"):
                Self.list(
                    Self.pod("web"), Self.pod("bare"),
                    Self.pod(
                        "ds",
                        #"{"metadata":{"ownerReferences":[{"kind":"DaemonSet","name":"d","uid":"1","controller":true}]}}"#
                    ),
                    Self.pod("static", #"{"metadata":{"annotations":{"kubernetes.io/config.mirror":"x"}}}"#),
                    Self.pod("done", #"{"status":{"phase":"Succeeded"}}"#),
                    Self.pod("leaving", #"{"metadata":{"deletionTimestamp":"2024-01-01T12:00:00Z"}}"#))
            case (.get, "/apis/policy/v1"): Self.policy
            case (.post, "/api/v1/namespaces/apps/pods/web/eviction"): .json(201, ["kind": "Status"])
            case (.post, "/api/v1/namespaces/apps/pods/bare/eviction"):
                .json(
                    429,
                    [
                        "kind": "Status", "reason": "TooManyRequests", "code": 429,
                        "message": "Cannot evict pod",
                        "details": [
                            "causes": [
                                [
                                    "reason": "DisruptionBudget",
                                    "message": "The disruption budget bare needs 1",
                                ]
                            ]
                        ],
                    ])
            default: nil
            }
        }
        let round = try await cluster.drain("a", force: false)
        #expect(round.left == 3 && round.blockers == ["apps/bare: The disruption budget bare needs 1"])
        #expect(round.result == .partly("3 pods are left; apps/bare: The disruption budget bare needs 1"))
        let evictions = transport.requests.filter { $0.method == .post }
        #expect(
            evictions.count == 2 && transport.requests.first?.query("fieldSelector") == "spec.nodeName%3Da")
        let web = try #require(evictions.first { $0.path.contains("web") }?.body)
        let body = try JSONValue(json: web)
        #expect(body["apiVersion"] == "policy/v1" && body["kind"] == "Eviction")
        #expect(body["deleteOptions"]?["preconditions"]?["uid"] == "uid-web")
    }

    @Test("An old server is asked in the words that it knows")
    func oldServer() async throws {
        let (cluster, transport) = Self.cluster { request in
            switch (request.method, request.path) {
            case (.get, "/api/v1/pods"): Self.list(Self.pod("web"))
            case (.get, "/apis/policy/v1"): .failure(404, reason: "NotFound")
            case (.post, _): .json(201, ["kind": "Status"])
            default: nil
            }
        }
        #expect(try await cluster.drain("a", force: false).left == 1)
        let body = try JSONValue(json: try #require(transport.requests.last?.body))
        #expect(body["apiVersion"] == "policy/v1beta1")
    }

    @Test("Force deletes what an eviction would have asked for, by UID and with the time that pods ask for")
    func force() async throws {
        let (cluster, transport) = Self.cluster { request in
            switch request.method {
            case .get: Self.list(Self.pod("web"))
            case .delete: .json(["kind": "Status", "status": "Success"])
            default: nil
            }
        }
        #expect(try await cluster.drain("a", force: true).left == 1)
        let request = try #require(transport.requests.last)
        #expect(request.method == .delete && request.path == "/api/v1/namespaces/apps/pods/web")
        let body = try JSONValue(json: try #require(request.body))
        #expect(body["preconditions"]?["uid"] == "uid-web" && body["gracePeriodSeconds"] == nil)
    }

    @Test("An empty node is done, and an unreadable pod is no reason to believe that a node is empty")
    func emptiness() async throws {
        let (empty, transport) = Self.cluster { _ in Self.list() }
        #expect(try await empty.drain("a", force: false).result == .done)
        #expect(transport.requests.count == 1)
        let (odd, _) = Self.cluster { _ in Self.list(["metadata": ["namespace": "apps"]]) }
        await #expect(throws: APIError.self) { try await odd.drain("a", force: false) }
    }

    @Test("What is gone already counts as evicted")
    func gone() async throws {
        let (cluster, _) = Self.cluster { request in
            switch (request.method, request.path) {
            case (.get, "/api/v1/pods"): Self.list(Self.pod("web"), Self.pod("bare"))
            case (.get, _): Self.policy
            case (.post, let path) where path.contains("web"): .failure(404, reason: "NotFound")
            case (.post, _): .failure(409, reason: "Conflict")
            default: nil
            }
        }
        #expect(try await cluster.drain("a", force: false).blockers.isEmpty)
    }

    private static func body(_ spec: String, by: String? = nil) -> JSONValue {
        var annotations: JSONObject = [:]
        annotations["cluster.vitistack.io/cordoned-by"] = by.map { .string($0) }
        return [
            "metadata": [
                "name": "a", "uid": "uid-a", "resourceVersion": "7", "annotations": .object(annotations),
            ], "spec": Fixture.json(spec), "status": [:],
        ]
    }

    private static func node(_ spec: String, by: String? = nil) -> ScriptedTransport.Answer {
        .json(body(spec, by: by))
    }

    @Test("A node is cordoned under our name, at the version that was read")
    func cordon() async throws {
        let (cluster, transport) = Self.cluster { _ in Self.node("{}") }
        #expect(try await cluster.cordon("a") == .done)
        let request = try #require(transport.requests.last)
        #expect(request.method == .patch)
        let expected = Fixture.json(
            """
            {"metadata": {"resourceVersion": "7", "annotations": {"cluster.vitistack.io/cordoned-by": "talos-operator"}},
             "spec": {"unschedulable": true}}
            """)
        #expect(try JSONValue(json: try #require(request.body)) == expected)
    }

    @Test("What others have cordoned is left to them")
    func foreignCordon() async throws {
        let (foreign, transport) = Self.cluster { _ in Self.node(#"{"unschedulable": true}"#) }
        #expect(try await foreign.cordon("a") == .alreadyDone)
        #expect(try await foreign.uncordon("a", isSchedulable: false) == .alreadyDone)
        #expect(transport.requests.allSatisfy { $0.method == .get })
        let (ours, requests) = Self.cluster { _ in
            Self.node(#"{"unschedulable": true}"#, by: "talos-operator")
        }
        #expect(try await ours.uncordon("a", isSchedulable: false) == .done)
        #expect(requests.requests.last?.method == .patch)
    }

    @Test(
        "Our mark is taken from a node that somebody made schedulable again: what is cordoned next is theirs")
    func leftMark() async throws {
        // Between the look and the request somebody may have cordoned it: that stays.
        for spec in ["{}", #"{"unschedulable": true}"#] {
            let (cluster, transport) = Self.cluster { _ in Self.node(spec, by: "talos-operator") }
            #expect(try await cluster.uncordon("a", isSchedulable: true) == .done)
            let patch = try JSONValue(json: try #require(transport.requests.last?.body))
            #expect(patch["metadata"]?["annotations"] == ["cluster.vitistack.io/cordoned-by": .null])
            #expect(patch["metadata"]?["resourceVersion"] == "7" && patch["spec"] == nil)
        }
        let (listed, _) = Self.cluster { _ in
            .json(["kind": "NodeList", "metadata": [:], "items": [Self.body("{}", by: "talos-operator")]])
        }
        #expect(try await listed.nodes().map(\.observation.isCordonedByUs) == [true])
    }

    @Test("A node that Kubernetes does not know needs nothing")
    func noNode() async throws {
        let (cluster, _) = Self.cluster { _ in .failure(404, reason: "NotFound") }
        #expect(try await cluster.cordon("a") == .alreadyDone)
        #expect(try await cluster.uncordon("a", isSchedulable: false) == .alreadyDone)
        #expect(try await cluster.deleteNode("a") == .alreadyDone)
    }

    @Test("Manifests are applied where the server serves them, what others need first, and none is deleted")
    func manifests() async throws {
        let (cluster, transport) = Self.cluster { request in
            switch (request.method, request.path) {
            case (.get, "/api/v1"):
                .json([
                    "resources": [
                        ["name": "namespaces", "kind": "Namespace", "namespaced": false],
                        ["name": "namespaces/status", "kind": "Namespace", "namespaced": false],
                        ["name": "configmaps", "kind": "ConfigMap", "namespaced": true],
                        ["name": "secrets", "kind": "Secret", "namespaced": true],
                    ]
                ])
            case (.patch, let path) where path.contains("secrets"):
                .failure(422, reason: "Invalid", message: "token abcdef is invalid")
            case (.patch, _): .json([:])
            default: .failure(404, reason: "NotFound")
            }
        }
        let result = try await cluster.sync([
            ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "c", "namespace": "n"]],
            ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s", "namespace": "n"]],
            ["apiVersion": "x/v1", "kind": "Other", "metadata": ["name": "o"]],
            ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "n"]],
        ])
        #expect(
            result == .notNow("Secret s: 422 Invalid; Other o: the server has no Other in x/v1"))
        let patches = transport.requests.filter { $0.method == .patch }
        #expect(
            patches.map(\.path) == [
                "/api/v1/namespaces/n", "/api/v1/namespaces/n/configmaps/c", "/api/v1/namespaces/n/secrets/s",
            ])
        #expect(patches.allSatisfy { $0.headers["Content-Type"] == "application/apply-patch+yaml" })
        #expect(!transport.requests.contains { $0.method == .delete })
    }

    @Test(
        "Failures of Kubernetes tell what is known",
        arguments: [
            (APIError.transport(.timedOut), ActionResult.unknown("no response in time")),
            (.transport(.connectFailed("x")), .notNow("cannot connect: x")),
            (.fenced, .notNow("not sent, since this process may no longer be the leader")),
            (
                .status(APIStatus(code: 403, reason: "Forbidden", message: "no")),
                .refused("403 Forbidden: no")
            ),
            (.status(APIStatus(code: 409, reason: "Conflict", message: "no")), .notNow("409 Conflict: no")),
            (.status(APIStatus(code: 503, reason: "x", message: "no")), .notNow("503 x: no")),
        ])
    func results(_ error: APIError, _ expected: ActionResult) {
        #expect(error.result == expected)
    }
}
