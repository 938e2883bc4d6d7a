// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Reading from a real API server", .timeLimit(.minutes(15)))
struct ReadingTests {
    @Test("what the server refuses arrives as the error that it is")
    func typedErrors() async throws {
        let bench = try await Bench.shared("errors")
        let client = bench.client
        let first = try await bench.create("one")

        let missing = await apiError { _ = try await client.get(Widget.self, bench.key("none")) }
        #expect(missing?.isNotFound == true)
        let twice = await apiError { try await bench.create("one") }
        #expect(twice?.isAlreadyExists == true)
        let invalid = await apiError { try await bench.create("bad", spec: ["size": -1]) }
        #expect(invalid?.isInvalid == true)
        #expect(invalid?.status?.causes.map(\.field) == ["spec.size"])
        let stale = first.document.mergePatched(with: ["spec": ["size": 3]])
        _ = try await client.mergePatch(Widget.self, first.key, ["spec": ["size": 2]])
        let conflict = await apiError {
            _ = try await client.replace(Widget.self, first.key, stale)
        }
        #expect(conflict?.isConflict == true)
        let unknown = await apiError { _ = try await client.list(Gizmo.self, bench.selection()) }
        #expect(unknown?.isUnserved == true)
        let tooLarge = await apiError {
            try await bench.create("large", spec: ["text": .string(String(repeating: "x", count: 2 << 20))])
        }
        #expect(tooLarge != nil)
    }

    @Test("a user without rights is told who may not do what")
    func forbidden() async throws {
        let bench = try await Bench.shared("forbidden")
        let configuration = try await bench.controlPlane.configuration(ofUser: "nobody-in-particular")
        let client = try bench.controlPlane.linkedClient(configuration).client
        let error = await apiError { _ = try await client.list(Widget.self, bench.selection()) }
        #expect(error?.isForbidden == true)
        #expect(error?.status?.message.contains("\"nobody-in-particular\" cannot list resource") == true)
    }

    @Test("a server that another authority vouches for is not spoken to, not even with the system's trust")
    func trust() async throws {
        let controlPlane = try await ControlPlane.shared()
        let other = try await controlPlane.shell(
            """
            openssl req -x509 -new -config "$HACK/control-plane/openssl.cnf" -extensions authority \
                -newkey rsa:2048 -nodes -keyout /dev/null -days 1 -subj /CN=other 2>/dev/null
            """)
        let strange = Array(other.joined(separator: "\n").utf8)
        for trust in [ClusterConfiguration.Trust.certificates(.inline(strange)), .system] {
            var configuration = try controlPlane.adminConfiguration()
            configuration.trust = trust
            let client = try controlPlane.linkedClient(configuration).client
            let error = await apiError { _ = try await client.serverVersion() }
            guard case .transport(.tlsFailed) = error else {
                Issue.record("\(trust): \(String(describing: error))")
                continue
            }
        }
    }

    @Test("the server says its version, that it is ready and which kinds it has")
    func discovery() async throws {
        let client = try await ControlPlane.shared().adminClient()
        #expect(try await client.serverVersion().major == 1)
        try await client.checkAvailability()
        #expect(try await client.exists(Widget.definition))
        #expect(try await !client.exists(Gizmo.definition))
    }

    @Test("a list of 1200 objects comes in three pages of one version, each object once")
    func pages() async throws {
        let bench = try await Bench.shared("pages")
        try await bench.fill(1200)
        let list = try await bench.client.list(ConfigMap.self, bench.selection(), limit: 500)
        let names = Set(list.items.map(\.metadata.name)).subtracting(["kube-root-ca.crt"])
        #expect(names.count == 1200)
        #expect(list.items.count - names.count <= 1)

        let requests = bench.link.exchanges.entries.filter { $0.query("limit") == "500" }
        #expect(requests.count == 3)
        let continued = requests.filter { $0.query("continue") != nil }
        #expect(continued.count == 2)
        #expect(continued.allSatisfy { $0.query("resourceVersion") == nil })

        let first = try await bench.client.page(ConfigMap.self, bench.selection(), limit: 500)
        let second = try await bench.client.page(
            ConfigMap.self, bench.selection(), limit: 500, continueToken: first.continueToken)
        #expect(first.resourceVersion == second.resourceVersion)
    }

    @Test(
        "label and field selectors select on the server what they say",
        arguments: [
            ("app in (x,y),!old", "", ["a", "b"]), ("app=x", "", ["a", "c"]), ("app!=x", "", ["b", "d"]),
            ("", "metadata.name=c", ["c"]), ("app=x", "metadata.name!=a", ["c"]), ("old=yes+no", "", []),
        ])
    func selectors(labels: String, fields: String, expected: [String]) async throws {
        let bench = try await Bench.shared("selectors")
        try await bench.create("a", labels: ["app": "x"])
        try await bench.create("b", labels: ["app": "y"])
        try await bench.create("c", labels: ["app": "x", "old": "yes"])
        try await bench.create("d")
        let selection = bench.selection(labels: labels, fields: fields)
        if labels.contains("+") {
            let error = await apiError { _ = try await bench.client.list(Widget.self, selection) }
            #expect(error?.status?.code == 400)
            return
        }
        let list = try await bench.client.list(Widget.self, selection)
        #expect(list.items.map(\.metadata.name).sorted() == expected)
    }

    @Test("a list at a version yet to come is refused once and not tried again")
    func futureVersion() async throws {
        let bench = try await Bench.shared("future")
        let error = await apiError {
            _ = try await bench.client.page(
                Widget.self, bench.selection(), resourceVersion: "999999999999")
        }
        #expect(error?.status?.isTooLargeResourceVersion == true)
        #expect(bench.link.exchanges.entries.map(\.status) == [504])
    }

    @Test("a malformed version ends a watch with the server's status, whatever form that takes")
    func malformedVersion() async throws {
        let bench = try await Bench.shared("malformed")
        let error = await apiError {
            _ = try await bench.client.watch(
                Widget.self, bench.selection(), from: "nonsense", timeout: .seconds(10))
        }
        #expect(error?.status?.code == 500 || error?.status?.code == 400)
    }

    @Test("a server that knows no streaming lists refuses one, so that a client can fall back")
    func streamingList() async throws {
        let bench = try await Bench.shared("streaming")
        let version = try await bench.client.serverVersion()
        try #require(version.minor < 27, "newer servers answer with a list")
        let error = await apiError {
            _ = try await bench.client.watch(
                Widget.self, bench.selection(), from: "", timeout: .seconds(10), sendInitialEvents: true)
        }
        #expect(error?.isInvalid == true)
    }

    @Test("a warning of the server's is passed on once, however often it comes")
    func warnings() async throws {
        let bench = try await Bench.shared("warnings")
        let version = try await bench.client.serverVersion()
        try #require(version.minor < 22, "newer servers have no deprecated kind that all have")
        for _ in 0..<20 { _ = try await bench.client.list(OldIngress.self, bench.selection()) }
        let warnings = bench.notices.entries.compactMap { notice in
            if case .warning(let text) = notice { text } else { nil }
        }
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains("extensions/v1beta1 Ingress is deprecated") == true)
    }
}

/// A kind that no server has.
private enum GizmoKind: RawKind {
    static let definition = ResourceDefinition(
        group: TestResources.group, version: "v1", kind: "Gizmo", plural: "gizmos")
}

private typealias Gizmo = RawObject<GizmoKind>
