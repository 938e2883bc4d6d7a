// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ControllerRuntime

@Suite("Reflector")
struct ReflectorTests {
    private let clock = ManualClock()
    private let changes = Recorder<StoreChange<Widget>>()
    private let events = Recorder<ReflectorObserver.Event>()
    private let lines = RecordingLogSink()

    private func reflector(
        _ transport: ScriptedTransport, namespaces: [String] = []
    ) throws -> (Reflector<Widget>, Store<Widget>) {
        let (store, writers) = Store<Widget>.make(namespaces: namespaces)
        let (changes, events) = (changes, events)
        let reflector = Reflector(
            client: KubernetesClient(transport, clock: clock), into: try #require(writers.first),
            handlers: [{ changes.append($0) }], clock: clock, random: { 0 },
            logger: .recording(lines, clock), observer: ReflectorObserver { events.append($0) })
        return (reflector, store)
    }

    /// Runs the reflector while `body` does.
    private func run(_ reflector: Reflector<Widget>, _ body: () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await reflector.run() }
            await body()
            group.cancelAll()
        }
    }

    private func names(_ store: Store<Widget>) -> [String] { store.list().map(\.metadata.name).sorted() }

    @Test("the store follows the list and the watch, and handlers see what the store shows")
    func follow() async throws {
        let body = ScriptedBody()
        let transport = ScriptedTransport(
            listAnswer([Widget("a", version: 3)], version: 10, continueToken: "t"),
            listAnswer([Widget("b", version: 4)], version: 10), .watch(body))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await reflector.waitForSync()
            #expect(names(store) == ["a", "b"])
            await transport.waitForRequests(3)
            body.yield(event: "ADDED", Widget("c", version: 11).json)
            body.yield(event: "MODIFIED", Widget("a", version: 12, size: 5).json)
            body.yield(event: "DELETED", Widget("b", version: 13).json)
            await changes.wait(for: 5)
            #expect(names(store) == ["a", "c"])
            #expect(store.get(ObjectKey("a"))?.size == 5)
        }
        #expect(transport.requests[0].query("limit") == "500")
        #expect(transport.requests[1].query("continue") == "t")
        #expect(transport.requests[2].query("resourceVersion") == "10")
        #expect(transport.requests[2].query("allowWatchBookmarks") == "true")
        #expect(transport.requests[2].query("timeoutSeconds") == "240")
        #expect(reflector.currentStatus.version == "13")
    }

    @Test("objects of a kind that stays away are taken for deleted, and are back when it is")
    func vanishedKind() async throws {
        let body = ScriptedBody()
        let isGone = Locked(false)
        let transport = ScriptedTransport { request in
            if isGone.withLock({ $0 }) { return .failure(404, reason: "NotFound") }
            let isWatch = request.query("watch") != nil
            return isWatch ? .watch(body) : listAnswer([Widget("a", version: 3)], version: 10)
        }
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            isGone.withLock { $0 = true }
            body.finish()
            while !store.list().isEmpty {
                await clock.waitForSleepers()
                clock.advance(by: .seconds(10))
                await Task.yield()
            }
            await changes.wait(for: 2)
            #expect(changes.values.last?.new == nil)
            isGone.withLock { $0 = false }
            while store.list().isEmpty {
                if clock.nextDeadline != nil { clock.advance(by: .seconds(10)) }
                await Task.yield()
            }
        }
        #expect(names(store) == ["a"])
        #expect(lines.lines.contains { $0.contains("Kind is gone") })
    }

    @Test("after a break it resumes at the last version; a replayed event reaches no handler")
    func resume() async throws {
        let (first, second) = (ScriptedBody(), ScriptedBody())
        let transport = ScriptedTransport(
            listAnswer([], version: 10), .watch(first), .watch(second),
            listAnswer([Widget("a", version: 11)], version: 12),
            listAnswer([Widget("a", version: 11)], version: 12))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            first.yield(event: "ADDED", Widget("a", version: 11).json)
            first.yield(event: "BOOKMARK", ["metadata": ["resourceVersion": "12"]])
            first.yield(Array("{\"type\":\"ADDED\",\"object\":{\"meta".utf8))
            await changes.wait(for: 1)
            first.fail(.interrupted("reset"))
            await transport.waitForRequests(5)
            second.yield(event: "ADDED", Widget("a", version: 11).json)
            second.yield(event: "ADDED", Widget("b", version: 14).json)
            await changes.wait(for: 2)
            #expect(names(store) == ["a", "b"])
        }
        #expect(transport.requests[2].query("resourceVersion") == "12")
        #expect(transport.requests[3].query("fieldSelector") == "metadata.name%3Da")
        #expect(transport.requests[4].query("limit") == "1")
        #expect(transport.requests[4].query("fieldSelector") == nil)
        #expect(events.values.contains(.stale))
        #expect(!events.values.contains { if case .relisting = $0 { true } else { false } })
    }

    @Test("a server with another past than ours is noticed though its version is ahead, and listed anew")
    func otherPast() async throws {
        let (first, second, third) = (ScriptedBody(), ScriptedBody(), ScriptedBody())
        let transport = ScriptedTransport(
            listAnswer([Widget("a", version: 9)], version: 10), .watch(first), .watch(second),
            listAnswer([Widget("a", version: 7)], version: 30),
            listAnswer([Widget("a", version: 7)], version: 30),
            listAnswer([Widget("a", version: 7)], version: 30), .watch(third))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            clock.advance(by: .seconds(10))
            first.fail(.interrupted("restored"))
            await transport.waitForRequests(7)
        }
        #expect(store.get(ObjectKey("a"))?.metadata.resourceVersion == "7")
        #expect(events.values.contains(.relisting(.versionRegression)))
    }

    @Test("a server that has more objects than we know of when the watch has caught up is listed anew")
    func otherNumber() async throws {
        let (first, second, third) = (ScriptedBody(), ScriptedBody(), ScriptedBody())
        let both = [Widget("a", version: 9), Widget("resurrected", version: 5)]
        let transport = ScriptedTransport(
            listAnswer([Widget("a", version: 9)], version: 10), .watch(first), .watch(second),
            listAnswer([Widget("a", version: 9)], version: 30), listAnswer(both, version: 30),
            listAnswer(both, version: 31), .watch(third))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            clock.advance(by: .seconds(10))
            first.fail(.interrupted("restored"))
            await transport.waitForRequests(5)
            second.yield(event: "BOOKMARK", ["metadata": ["resourceVersion": "29"]])
            second.yield(event: "BOOKMARK", ["metadata": ["resourceVersion": "30"]])
            await transport.waitForRequests(7)
        }
        #expect(names(store) == ["a", "resurrected"])
        #expect(events.values.contains(.relisting(.versionRegression)))
    }

    @Test("after 410 a new list reports what was deleted meanwhile")
    func expired() async throws {
        let body = ScriptedBody()
        let transport = ScriptedTransport(
            listAnswer([Widget("a"), Widget("b")], version: 10), .watch(body),
            listAnswer([Widget("b")], version: 50), .watch(ScriptedBody()))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            clock.advance(by: .seconds(10))
            body.yield(
                event: "ERROR",
                ["kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "old"])
            await changes.wait(for: 3)
            await transport.waitForRequests(4)
            #expect(names(store) == ["b"])
        }
        #expect(changes.values[2].old?.metadata.name == "a")
        #expect(changes.values[2].new == nil)
        #expect(events.values.contains(.relisting(.expired)))
        #expect(transport.requests[2].query("resourceVersion") == nil)
        #expect(transport.requests[3].query("resourceVersion") == "50")
    }

    @Test("a watch that falls silent is opened anew and what it missed is delivered")
    func stall() async throws {
        let (dead, live) = (ScriptedBody(), ScriptedBody())
        let transport = ScriptedTransport(
            listAnswer([Widget("a", version: 3)], version: 10), .watch(dead), .watch(live),
            listAnswer([], version: 20), listAnswer([], version: 20))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            await clock.waitForSleepers()
            #expect(!dead.isDistrusted)
            clock.advance(by: .seconds(90))
            await transport.waitForRequests(5)
            #expect(dead.isDistrusted)
            #expect(!live.isDistrusted)
            live.yield(event: "DELETED", Widget("a", version: 15).json)
            await changes.wait(for: 2)
            #expect(store.count == 0)
        }
        #expect(transport.requests[2].query("resourceVersion") == "10")
    }

    @Test("events keep a watch alive beyond its idle limit")
    func alive() async throws {
        let body = ScriptedBody()
        let transport = ScriptedTransport(listAnswer([], version: 10), .watch(body))
        let (reflector, _) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            for version in 11...14 {
                await clock.waitForSleepers()
                clock.advance(by: .seconds(50))
                body.yield(event: "ADDED", Widget("w\(version)", version: version).json)
                await changes.wait(for: version - 10)
            }
            #expect(transport.requests.count == 2)
        }
    }

    @Test("a list that is forbidden is told, tried again, and heals by itself")
    func forbidden() async throws {
        let transport = ScriptedTransport(
            .failure(403, reason: "Forbidden", message: "no widgets for you"), listAnswer([], version: 10),
            .watch(ScriptedBody()))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await clock.waitForSleepers()
            #expect(reflector.currentStatus.lastError?.isForbidden == true)
            #expect(!store.hasSynced)
            clock.advance(by: .seconds(5))
            await reflector.waitForSync()
            #expect(reflector.currentStatus.lastError == nil)
        }
        #expect(lines.lines.contains { $0.contains("no widgets for you") })
    }

    @Test("an event that cannot be read is counted and passed over if it says which version it is")
    func unreadableEvent() async throws {
        let body = ScriptedBody()
        let transport = ScriptedTransport(listAnswer([], version: 10), .watch(body))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            body.yield(
                event: "ADDED",
                [
                    "metadata": ["name": "bad", "namespace": "ns", "resourceVersion": "11"],
                    "spec": ["size": "large"],
                ])
            body.yield(event: "ADDED", Widget("good", version: 12).json)
            await changes.wait(for: 1)
            #expect(names(store) == ["good"])
        }
        #expect(events.values.prefix(2) == [.listed(items: 0, duration: .zero), .undecodable])
    }

    @Test(
        "an event without a version leads to a new list",
        arguments: [
            ["type": "ADDED", "object": .null], ["type": "FOO", "object": ["metadata": [:]]], ["object": [:]],
        ] as [JSONValue])
    func nothingToGoBy(event: JSONValue) async throws {
        let body = ScriptedBody()
        let transport = ScriptedTransport(
            listAnswer([], version: 10), .watch(body), listAnswer([Widget("a")], version: 20),
            .watch(ScriptedBody()))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            body.yield(event.encoded())
            await events.wait(for: 3)
            while clock.nextDeadline != clock.now + .milliseconds(800) { await Task.yield() }
            clock.advance(by: .seconds(2))
            await transport.waitForRequests(4)
            #expect(names(store) == ["a"])
        }
        #expect(events.values.contains(.relisting(.decode)))
    }

    @Test("a listed object that cannot be read does not let others be taken for deleted")
    func unreadableItem() async throws {
        let body = ScriptedBody()
        var broken = Widget("a", version: 15).json.object ?? JSONObject()
        broken["spec"] = ["size": "large"]
        let transport = ScriptedTransport(
            listAnswer([Widget("a"), Widget("b")], version: 10), .watch(body),
            .json(
                200,
                [
                    "kind": "WidgetList", "metadata": ["resourceVersion": "20"], "items": [.object(broken)],
                ]), .watch(ScriptedBody()))
        let (reflector, store) = try reflector(transport)
        await run(reflector) {
            await transport.waitForRequests(2)
            clock.advance(by: .seconds(10))
            body.yield(
                event: "ERROR",
                ["kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "old"])
            await transport.waitForRequests(4)
            #expect(names(store) == ["a", "b"])
        }
        #expect(events.values.contains(.undecodable))
    }

    @Test("a reflector of one namespace asks for that alone")
    func namespace() async throws {
        let transport = ScriptedTransport(listAnswer([], version: 10), .watch(ScriptedBody()))
        let (reflector, _) = try reflector(transport, namespaces: ["team"])
        await run(reflector) { await transport.waitForRequests(2) }
        #expect(transport.requests.allSatisfy { $0.path == "/apis/test.example/v1/namespaces/team/widgets" })
        #expect(reflector.name == "widgets/team")
    }

    @Test("cancellation ends it wherever it is", arguments: 0..<4)
    func cancellation(place: Int) async throws {
        let answers: [[ScriptedTransport.Answer]] = [
            [.silence], [.failure(.connectFailed("no"))], [listAnswer([], version: 1), .silence],
            [listAnswer([], version: 1), .watch(ScriptedBody())],
        ]
        let transport = ScriptedTransport()
        for answer in answers[place] { transport.enqueue(answer) }
        let (reflector, _) = try reflector(transport)
        await run(reflector) { await transport.waitForRequests(answers[place].count) }
    }
}
