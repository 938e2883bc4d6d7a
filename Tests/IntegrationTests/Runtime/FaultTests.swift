// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Glibc
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// One at a time: they all disturb the same control plane.
@Suite("Client and reflector while the control plane fails", .serialized, .timeLimit(.minutes(15)))
struct FaultTests {
    @Test("an API server killed five times under writes costs no event and at most one list each time")
    func killedServer() async throws {
        let bench = try await Bench.disturbed("killed")
        let controlPlane = bench.controlPlane
        try await running(RunningReflector<Widget>(bench)) { running in
            try await Self.whileWriting(bench) {
                for _ in 0..<5 { try await controlPlane.restartAPIServer(kill: true) }
            }
            try await bench.create("the-last")
            try await running.sees("the-last")
            let list = try await bench.client.list(Widget.self, bench.selection()).items
            expectLegalHistory(running.changes.entries, endingWith: list)
            #expect(running.relists.count <= 5)
            #expect(Set(running.relists).isSubset(of: [.expired]))
        }
    }

    @Test("what was deleted or remade while the server had no memory of our version is told as gone")
    func tombstones() async throws {
        let bench = try await Bench.disturbed("tombstones")
        let other = try bench.anotherClient().client
        let old = try await bench.create("remade")
        try await bench.create("deleted")
        try await bench.create("kept")
        try await running(RunningReflector<Widget>(bench)) { running in
            bench.link.cut()
            for name in ["deleted", "remade"] { _ = try await other.delete(Widget.self, bench.key(name)) }
            _ = try await other.create(
                Widget.self, TestResources.widget("remade"), namespace: bench.namespace)
            try await bench.controlPlane.restartAPIServer(kill: true)
            bench.link.mend()
            try await running.sees("deleted", gone: true)
            try await running.sees("remade", gone: true)
            let list = try await bench.client.list(Widget.self, bench.selection()).items
            let changes = running.changes.entries
            expectLegalHistory(changes, endingWith: list)
            #expect(running.relists == [.expired])
            let remade = changes.filter { $0.key == old.key }
            #expect(remade.count == 3)
            #expect(remade[1].old?.metadata.uid == old.metadata.uid && remade[1].new == nil)
            #expect(changes.count { $0.key?.name == "kept" } == 1)
        }
    }

    @Test("a server that is stopped and goes on loses nothing and is not given up")
    func frozenServer() async throws {
        let bench = try await Bench.disturbed("frozen")
        let other = try bench.anotherClient()
        try await running(RunningReflector<Widget>(bench)) { running in
            let before = try await bench.create("before")
            _ = try await other.client.get(Widget.self, before.key)
            try await bench.controlPlane.signal("apiserver", SIGSTOP)
            var impatient = other.client
            impatient.timeout = .seconds(5)
            impatient.retry = .never
            let error = await apiError { _ = try await impatient.get(Widget.self, before.key) }
            try await bench.controlPlane.signal("apiserver", SIGCONT)
            #expect(error == .transport(.timedOut))
            try await bench.create("after")
            try await running.sees("after")
            let list = try await bench.client.list(Widget.self, bench.selection()).items
            expectLegalHistory(running.changes.entries, endingWith: list)
            #expect(running.relists.isEmpty)
        }
    }

    @Test("a server restored from an older backup is noticed, and everything is listed anew")
    func restoredBackup() async throws {
        let bench = try await Bench.disturbed("restored")
        try await bench.create("in-the-backup")
        try await bench.controlPlane.backUp()
        try await running(RunningReflector<Widget>(bench)) { running in
            // More than the control plane itself writes until the reflector looks again.
            for number in 0..<300 { try await bench.create("lost-\(number)") }
            try await running.sees("lost-299")
            try await bench.controlPlane.restoreBackup()
            try await running.sees("lost-299", gone: true)
            #expect(running.store.list().map(\.metadata.name) == ["in-the-backup"])
            #expect(running.relists == [.versionRegression])
            try await bench.create("new")
            try await running.sees("new")
        }
    }

    @Test("a snapshot that expires between two pages is read anew, as of one moment")
    func compactedList() async throws {
        let bench = try await Bench.disturbed("compacted")
        try await bench.fill(30)
        let hasCompacted = Locked(false)
        bench.link.intercept { request throws(TransportError) in
            let isFirst = hasCompacted.withLock { done in
                guard request.target.contains("continue="), !done else { return false }
                done = true
                return true
            }
            guard isFirst else { return }
            do {
                _ = try await bench.controlPlane.adminClient().create(
                    ConfigMap.self, TestResources.configMap("m-late"), namespace: bench.namespace)
                try await bench.controlPlane.compact()
            } catch {
                throw .invalidConfiguration("\(error)")
            }
        }
        defer { bench.link.intercept(nil) }  // it refers to the bench, and that to the link
        let list = try await bench.client.list(ConfigMap.self, bench.selection(), limit: 10)
        let statuses = bench.link.exchanges.entries.suffix(from: 30).map(\.status)
        #expect(statuses == [200, 410, 200, 200, 200, 200])
        #expect(list.items.count { $0.metadata.name.hasPrefix("m-") } == 31)
        #expect(Set(list.items.map(\.key)).count == list.items.count)
    }

    @Test(
        "a token that was revoked is read anew within the same call, and watches come back with the new one")
    func revokedToken() async throws {
        let bench = try await Bench.disturbed("token")
        let controlPlane = bench.controlPlane
        try await controlPlane.grant(
            Scenario.operatorUser, in: bench.namespace, group: TestResources.group, resources: ["widgets"])
        let (client, link) = try controlPlane.linkedClient(controlPlane.operatorKubeconfig)
        let (waiting, waitingLink) = try controlPlane.linkedClient(controlPlane.operatorKubeconfig)
        try await running(RunningReflector<Widget>(bench, client: client)) { running in
            _ = try await waiting.list(Widget.self, bench.selection())
            // The old token goes from the server, and its place is taken in the file.
            try await controlPlane.shell(
                """
                grep -vF "$(cat "$STATE/operator.token")" "$STATE/tokens.csv" >"$STATE/tokens.new"
                mv "$STATE/tokens.new" "$STATE/tokens.csv"
                cp "$STATE/operator.next-token" "$STATE/operator.token"
                """)
            try await controlPlane.restartAPIServer(kill: true)
            _ = try await waiting.list(Widget.self, bench.selection())
            #expect(waitingLink.exchanges.entries.map(\.status).suffix(3) == [200, 401, 200])
            try await bench.create("after")
            try await running.sees("after")
            let watches = link.exchanges.entries.filter { $0.isWatch && $0.status == 200 }
            #expect(Set(watches.map(\.authorization)).count == 2)
        }
    }

    @Test("a server that turns requests away is asked again when it says so, and every request succeeds")
    func busyServer() async throws {
        let bench = try await Bench.disturbed("busy")
        let controlPlane = bench.controlPlane
        let user = "busy-in-\(bench.namespace)"
        try await controlPlane.grant(
            user, in: bench.namespace, group: TestResources.group, resources: ["widgets"])
        try await bench.create("a")
        try await controlPlane.restartAPIServer(
            kill: true,
            flags: [
                "--enable-priority-and-fairness=false", "--max-requests-inflight=3",
                "--max-mutating-requests-inflight=1",
            ])
        let configuration = try await controlPlane.configuration(ofUser: user)
        let notices = Journal<ClientNotice>()
        let (client, link) = try controlPlane.linkedClient(
            configuration, observers: ClientObservers(notice: { notices.append($0) }))
        // On a busy machine the requests may come one by one, and none too many.
        for _ in 0..<20 where !link.exchanges.entries.contains(where: { $0.status == 429 }) {
            try await crowd(client, bench)
        }
        let refused = link.exchanges.entries.count { $0.status == 429 }
        #expect(refused > 0)
        #expect(refused < link.exchanges.entries.count { $0.status == 200 } * 10)
        let retries = notices.entries.compactMap { notice in
            if case .retrying(_, _, _, _, let delay, let error) = notice { (delay, error) } else { nil }
        }
        #expect(retries.contains { $0.1.status?.reason == "TooManyRequests" && $0.0 >= .seconds(1) })
        try await controlPlane.restartAPIServer(kill: true, flags: [""])
    }

    /// Takes all places of a server that has three, and then asks for more.
    private func crowd(_ client: KubernetesClient, _ bench: Bench) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Each takes a place for the three seconds that the server waits for the future.
            for _ in 0..<3 {
                group.addTask {
                    _ = try? await client.page(
                        Widget.self, bench.selection(), resourceVersion: "999999999999")
                }
            }
            for _ in 0..<50 {
                group.addTask { _ = try await client.get(Widget.self, bench.key("a")) }
            }
            try await group.waitForAll()
        }
    }

    @Test("connections that the server asks to leave cost no request and create nothing twice")
    func goneAwayConnections() async throws {
        let bench = try await Bench.disturbed("go-away")
        try await bench.controlPlane.restartAPIServer(kill: true, flags: ["--goaway-chance=0.02"])
        try await running(RunningReflector<Widget>(bench)) { running in
            try await concurrently(0..<300, width: 6) { number in
                let made = try await bench.create("w-\(number)")
                _ = try await bench.client.get(Widget.self, made.key)
                // A patch of a certain version may be sent again when a connection breaks, as the operator's are.
                let version = JSONValue.string(made.metadata.resourceVersion.text)
                _ = try await bench.client.mergePatch(
                    Widget.self, made.key,
                    ["metadata": ["resourceVersion": version], "spec": ["size": 2]])
            }
            try await bench.create("the-last")
            try await running.sees("the-last")
            let list = try await bench.client.list(Widget.self, bench.selection()).items
            #expect(list.count == 301)
            expectLegalHistory(running.changes.entries, endingWith: list)
        }
        try await bench.controlPlane.restartAPIServer(kill: true, flags: [""])
    }

    /// Runs `work` while four writers apply and delete objects, whatever comes.
    private static func whileWriting(_ bench: Bench, _ work: () async throws -> Void) async throws {
        let isOver = Locked(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask { try await write(bench, writer, until: isOver) }
            }
            try await work()
            isOver.withLock { $0 = true }
            try await group.waitForAll()
        }
    }

    private static func write(_ bench: Bench, _ writer: Int, until isOver: Locked<Bool>) async throws {
        let client = try bench.anotherClient().client
        var round = 0
        while !isOver.withLock({ $0 }) {
            let key = bench.key("w-\(writer)-\(round % 7)")
            let spec: JSONValue = ["size": .integer(Int64(round))]
            let error = await apiError {
                if round % 5 == 4 {
                    _ = try await client.delete(Widget.self, key)
                } else {
                    _ = try await client.apply(Widget.self, key, TestResources.widget(key.name, spec: spec))
                }
            }
            guard let error else {
                round += 1
                continue
            }
            guard error.isOutage else { throw error }
            try await SystemClock().sleep(for: .milliseconds(50))
        }
    }
}

extension APIError {
    /// Whether it is what a client sees of a server that is not there, is starting, or has just gone.
    fileprivate var isOutage: Bool {
        switch self {
        case .transport: !isCancelled
        case .status(let status): [403, 404, 500, 503, 504, 429].contains(status.code)
        default: false
        }
    }
}
