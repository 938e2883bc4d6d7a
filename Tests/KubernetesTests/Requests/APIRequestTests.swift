// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import StructuredData
import Testing

@Suite("APIRequest")
struct APIRequestTests {
    private static let node = ResourceDefinition(
        group: "", version: "v1", kind: "Node", plural: "nodes", isNamespaced: false)
    private static let pod = ResourceDefinition(group: "", version: "v1", kind: "Pod", plural: "pods")
    private static let gadgets = "/apis/example.io/v1/namespaces/ns/gadgets"

    private func wire(_ request: APIRequest) throws -> HTTPRequest {
        try request.httpRequest(timeout: .seconds(30))
    }

    @Test("builds the paths of the core group, of other groups and of kinds without namespace")
    func paths() throws {
        let paths = [
            try APIRequest.get(Self.pod, .a).path, try APIRequest.get(Gadget.definition, .a).path,
            try APIRequest.get(Self.node, ObjectKey(namespace: "", name: "n1")).path,
            try APIRequest.list(Self.pod, ObjectSelection()).path,
            try APIRequest.list(Gadget.definition, ObjectSelection(namespace: "ns")).path,
        ]
        #expect(
            paths == [
                "/api/v1/namespaces/ns/pods/a", "\(Self.gadgets)/a", "/api/v1/nodes/n1", "/api/v1/pods",
                Self.gadgets,
            ])
    }

    @Test(
        "refuses names that would change the path",
        arguments: ["", ".", "..", "a/b", "a%2fb", "/", "%"])
    func badNames(name: String) {
        #expect(throws: APIError.self) {
            try APIRequest.get(Gadget.definition, ObjectKey(namespace: "ns", name: name))
        }
        #expect(throws: APIError.self) {
            try APIRequest.get(Gadget.definition, ObjectKey(namespace: name, name: "a"))
        }
        #expect(throws: APIError.self) {
            try APIRequest.create(Gadget.definition, namespace: name, .gadget("a"), fieldManager: "m")
        }
    }

    @Test("says which part of a path is wrong")
    func badNameMessage() {
        #expect(throws: APIError.invalidRequest("namespace: must not be empty")) {
            try APIRequest.get(Gadget.definition, ObjectKey(namespace: "", name: "a"))
        }
        #expect(throws: APIError.invalidRequest("namespace: Node lives in no namespace, not in \"ns\"")) {
            try APIRequest.get(Self.node, .a)
        }
    }

    @Test("tells the server the timeout")
    func get() throws {
        let request = try wire(.get(Gadget.definition, .a))
        #expect(request.method == .get)
        #expect(request.target == "\(Self.gadgets)/a?timeout=30s")
        #expect(request.headers == ["Accept": "application/json"])
        #expect(request.timeout == .seconds(30))
        #expect(request.body == nil)
    }

    @Test("encodes selectors, and asks for compression of lists only")
    func list() throws {
        let selection = ObjectSelection(
            namespace: "ns", labelSelector: "a in (x,y),!b,c=ü+1", fieldSelector: "metadata.name=n")
        let request = try wire(.list(Gadget.definition, selection))
        #expect(
            request.target
                == "\(Self.gadgets)?labelSelector=a%20in%20%28x%2Cy%29%2C%21b%2Cc%3D%C3%BC%2B1"
                + "&fieldSelector=metadata.name%3Dn&limit=500&timeout=30s")
        #expect(request.headers["Accept-Encoding"] == "gzip")
    }

    @Test(
        "asks for a version as the page and the age allow",
        arguments: [
            ("", nil, "limit=2"), ("", "0", "limit=2&resourceVersion=0"),
            ("", "42", "limit=2&resourceVersion=42&resourceVersionMatch=NotOlderThan"),
            ("", "", "limit=2"), ("to/ken=", "42", "limit=2&continue=to%2Fken%3D"),
        ] as [(String, String?, String)])
    func listVersions(token: String, version: String?, query: String) throws {
        let request = try APIRequest.list(
            Gadget.definition, ObjectSelection(), limit: 2, continueToken: token,
            resourceVersion: version.map { ResourceVersion($0) })
        #expect(try wire(request).target == "/apis/example.io/v1/gadgets?\(query)&timeout=30s")
    }

    @Test("an unpaged list has no limit")
    func unpagedList() throws {
        let request = try APIRequest.list(Gadget.definition, ObjectSelection(), limit: 0)
        #expect(request.query.isEmpty)
    }

    @Test("a watch asks for bookmarks and gives the server its timeout, and is not compressed")
    func watch() throws {
        let request = try wire(
            .watch(
                Gadget.definition, ObjectSelection(labelSelector: "a=b"), from: "9", timeout: .seconds(270)))
        #expect(
            request.target
                == "/apis/example.io/v1/gadgets?watch=true&allowWatchBookmarks=true&labelSelector=a%3Db"
                + "&resourceVersion=9&timeoutSeconds=270")
        #expect(request.headers["Accept-Encoding"] == nil)
    }

    @Test("a streaming list always sends the match rule with its wish")
    func streamingList() throws {
        let request = try wire(
            .watch(
                Gadget.definition, ObjectSelection(), from: "", timeout: .seconds(270),
                sendInitialEvents: true))
        #expect(
            request.target
                == "/apis/example.io/v1/gadgets?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"
                + "&resourceVersionMatch=NotOlderThan&timeoutSeconds=270")
    }

    @Test("a create posts to the collection")
    func create() throws {
        let request = try wire(
            .create(Gadget.definition, namespace: "ns", ["a": 1], fieldManager: "me & you", dryRun: true))
        #expect(request.method == .post)
        #expect(request.target == "\(Self.gadgets)?fieldManager=me%20%26%20you&dryRun=All&timeout=30s")
        #expect(request.headers["Content-Type"] == "application/json")
        #expect(request.body == Array(#"{"a":1}"#.utf8))
    }

    @Test("an apply is a patch of its own content type")
    func apply() throws {
        let request = try wire(.apply(Gadget.definition, .a, ["a": 1], fieldManager: "m"))
        #expect(request.method == .patch)
        #expect(request.target == "\(Self.gadgets)/a?fieldManager=m&force=true&timeout=30s")
        #expect(request.headers["Content-Type"] == "application/apply-patch+yaml")
        let polite = try wire(
            .apply(Gadget.definition, .a, [:], fieldManager: "m", force: false, dryRun: true))
        #expect(polite.target == "\(Self.gadgets)/a?fieldManager=m&dryRun=All&timeout=30s")
    }

    @Test("a merge patch may be of the status")
    func mergePatch() throws {
        let request = try wire(
            .mergePatch(Gadget.definition, .a, ["status": .null], subresource: .status, fieldManager: "m"))
        #expect(request.method == .patch)
        #expect(request.target == "\(Self.gadgets)/a/status?fieldManager=m&timeout=30s")
        #expect(request.headers["Content-Type"] == "application/merge-patch+json")
        #expect(request.body == Array(#"{"status":null}"#.utf8))
    }

    @Test("a replacement must name the version it replaces")
    func replace() throws {
        let request = try wire(.replace(Gadget.definition, .a, .gadget("a"), fieldManager: "m"))
        #expect(request.method == .put)
        #expect(request.target == "\(Self.gadgets)/a?fieldManager=m&timeout=30s")
        #expect(throws: APIError.self) {
            try APIRequest.replace(Gadget.definition, .a, ["metadata": ["name": "a"]], fieldManager: "m")
        }
    }

    @Test("a delete carries its options in the body")
    func delete() throws {
        let request = try wire(
            .delete(
                Gadget.definition, .a, preconditions: Preconditions(uid: "u", resourceVersion: "5"),
                propagation: .foreground, dryRun: true))
        #expect(request.method == .delete)
        #expect(request.target == "\(Self.gadgets)/a?timeout=30s")
        let body = try JSONValue(json: request.body ?? [])
        #expect(
            body == [
                "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground",
                "preconditions": ["uid": "u", "resourceVersion": "5"], "dryRun": ["All"],
            ])
    }

    @Test("an unconditional delete sends no empty preconditions")
    func unconditionalDelete() throws {
        let request = try APIRequest.delete(Gadget.definition, .a)
        #expect(request.body?["preconditions"] == nil)
        #expect(request.body?["propagationPolicy"] == "Background")
    }

    @Test("knows which requests may be repeated when nobody knows what became of them")
    func repeatability() throws {
        let gadget = Gadget.definition
        let patch: JSONValue = ["metadata": ["resourceVersion": "1"]]
        let generated: JSONValue = ["metadata": ["generateName": "a-"]]
        #expect(try APIRequest.get(gadget, .a).repeatability == .idempotent)
        #expect(try APIRequest.apply(gadget, .a, [:], fieldManager: "m").repeatability == .idempotent)
        #expect(try APIRequest.mergePatch(gadget, .a, patch, fieldManager: "m").repeatability == .idempotent)
        #expect(
            try APIRequest.mergePatch(gadget, .a, [:], fieldManager: "m").repeatability == .onlyIfUnprocessed)
        #expect(
            try APIRequest.delete(gadget, .a, preconditions: Preconditions(uid: "u")).repeatability
                == .idempotent)
        #expect(try APIRequest.delete(gadget, .a).repeatability == .onlyIfUnprocessed)
        #expect(
            try APIRequest.create(gadget, namespace: "ns", .gadget("a"), fieldManager: "m").repeatability
                == .detectable)
        #expect(
            try APIRequest.create(gadget, namespace: "ns", generated, fieldManager: "m").repeatability
                == .onlyIfUnprocessed)
    }

    @Test("refuses a body larger than servers take, before it is sent")
    func oversized() throws {
        let large: JSONValue = ["data": .string(String(repeating: "x", count: APIRequest.bodyLimit))]
        let request = try APIRequest.apply(Gadget.definition, .a, large, fieldManager: "m")
        #expect(throws: APIError.self) { try request.httpRequest(timeout: .seconds(30)) }
    }
}
