// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// Every test twice: over HTTP/2 and over HTTP/1.1.
@Suite("The fault proxy does what it says", .serialized, .timeLimit(.minutes(15)))
struct FaultProxyTests {
    @Test("without rules it changes nothing", arguments: Wire.allCases)
    func transparency(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            let written = try await bench.apply("one")
            #expect(written.wasCreated)
            let large = String(repeating: "x", count: 200 << 10)
            try await bench.apply("large", annotation: large)
            let list = try await bench.list()
            #expect(list.items.map(\.name) == ["large", "one"])
            #expect(list.items[0].metadata.annotations["note"]?.count == large.count)
            var watch = try await bench.watch(from: written.object.metadata.resourceVersion)
            #expect(await nextName(&watch) == "large")
            let missing = await apiError {
                _ = try await bench.client.get(StoredCluster.self, bench.key("none"))
            }
            #expect(missing?.isNotFound == true)
            #expect(bench.proxy.injected.entries.isEmpty)
        }
    }

    @Test("it keeps up with far more requests than an operator makes", arguments: Wire.allCases)
    func throughput(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            try await bench.apply("one")
            let clock = SystemClock()
            let start = clock.now
            try await concurrently(0..<500, width: 20) { _ in _ = try await bench.list() }
            print("500 requests over \(wire) took \((clock.now - start).seconds) s")
        }
    }

    @Test("a refusal is worded as a server words it, and the server knows nothing", arguments: Wire.allCases)
    func answers(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            for status in [410, 429, 500, 502, 503, 504] {
                let rule = try await bench.proxy.add(
                    FaultRule(matching: .writes, action: .answer(status: status, retryAfter: 7)))
                let error = await apiError { try await bench.apply("one") }
                #expect(error?.status?.code == status)
                #expect(error?.status?.retryAfter == .seconds(7))
                #expect(error?.isExpired == (status == 410))
                #expect(try await bench.proxy.fault(of: rule).action == "answer")
                try await bench.proxy.remove(rule)
            }
            #expect(try await bench.list().items.isEmpty)
        }
    }

    @Test("a dropped request never reaches the server", arguments: Wire.allCases)
    func drop(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            try await bench.proxy.add(FaultRule(matching: .writes, action: .drop))
            #expect(await bench.breaks { try await bench.apply("one") })
            #expect(try await bench.list().items.isEmpty)
        }
    }

    @Test(
        "an answer is swallowed after the server has acted", arguments: Wire.allCases,
        FaultAction.Silence.allCases)
    func swallowedResponse(_ wire: Wire, _ silence: FaultAction.Silence) async throws {
        try await ProxyBench.run(wire) { bench in
            var impatient = bench.client
            impatient.timeout = .seconds(1)
            let rule = try await bench.proxy.add(
                FaultRule(matching: .writes, action: .swallowResponse(then: silence)))
            let error = await apiError {
                _ = try await impatient.apply(StoredMachine.self, bench.key("one"), bench.machine("one"))
            }
            switch silence {
            case .reset: #expect(isInterruption(error))
            case .blackHole: #expect(error == .transport(.timedOut))
            }
            #expect(try await bench.proxy.fault(of: rule).status == 201)
            try await bench.proxy.clear()
            #expect(
                try await bench.controlPlane.adminClient().get(StoredMachine.self, bench.key("one")).name
                    == "one")
        }
    }

    @Test("a request is held, on either side of the server, until it is released", arguments: Wire.allCases)
    func hold(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            for point in FaultAction.HoldPoint.allCases {
                let name = point.rawValue
                let rule = try await bench.proxy.add(FaultRule(matching: .writes, action: .hold(point)))
                async let applied = bench.apply(name)
                let held = try await bench.proxy.fault(of: rule)
                let exists = try await bench.list().items.contains { $0.name == name }
                #expect(exists == (point == .afterAnswer))
                #expect(held.status == (exists ? 201 : nil))
                try await bench.proxy.release(held)
                #expect(try await applied.wasCreated)
                try await bench.proxy.remove(rule)
            }
        }
    }

    @Test("a list is cut after so many bytes", arguments: Wire.allCases, [false, true])
    func resetList(_ wire: Wire, whole: Bool) async throws {
        try await ProxyBench.run(wire) { bench in
            try await bench.apply("one")
            let rule = try await bench.proxy.add(
                FaultRule(
                    matching: .reads("machines"), action: .reset(after: .bytes(100), wholeConnection: whole)))
            #expect(await bench.breaks { _ = try await bench.list() })
            #expect(try await bench.proxy.fault(of: rule).action == "reset")
            try await bench.proxy.clear()
            #expect(try await bench.list().items.count == 1)
        }
    }

    @Test("a watch is cut after so many events", arguments: Wire.allCases)
    func resetWatch(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            let start = try await bench.list().resourceVersion
            for name in ["a", "b", "c"] { try await bench.apply(name) }
            try await bench.proxy.add(
                FaultRule(matching: .watches("machines"), action: .reset(after: .events(2))))
            var watch = try await bench.watch(from: start)
            #expect(await nextName(&watch) == "a")
            #expect(await nextName(&watch) == "b")
            #expect(await breaks(&watch))
        }
    }

    @Test("an ERROR event ends a watch", arguments: Wire.allCases, [410, 500])
    func errorEvent(_ wire: Wire, code: Int) async throws {
        try await ProxyBench.run(wire) { bench in
            let start = try await bench.list().resourceVersion
            try await bench.apply("a")
            try await bench.proxy.add(
                FaultRule(matching: .watches("machines"), action: .errorEvent(code: code, afterEvents: 1)))
            var watch = try await bench.watch(from: start)
            #expect(await nextName(&watch) == "a")
            guard case .failed(let status)? = try await watch.next() else {
                Issue.record("no ERROR event")
                return
            }
            #expect(status.code == code)
            #expect(status.reason == (code == 410 ? "Expired" : "InternalError"))
            #expect(try await watch.next() == nil)
            try await bench.proxy.clear()
            try await bench.proxy.add(
                FaultRule(matching: .watches("machines"), action: .errorEvent(code: code, afterEvents: 0)))
            #expect(try await bench.events(from: start, for: .seconds(60)) == ["failed: \(code)"])
        }
    }

    @Test(
        "a black hole keeps the connection and carries nothing more", arguments: Wire.allCases,
        [nil, FaultPoint.bytes(50)])
    func blackHole(_ wire: Wire, after point: FaultPoint?) async throws {
        try await ProxyBench.run(wire) { bench in
            var impatient = bench.client
            impatient.timeout = .seconds(1)
            let rule = try await bench.proxy.add(
                FaultRule(matching: .reads("machines"), action: .blackHole(after: point)))
            let error = await apiError {
                _ = try await impatient.list(StoredMachine.self, bench.selection)
            }
            #expect(error == .transport(.timedOut))
            #expect(try await bench.proxy.fault(of: rule).action == "black-hole")
        }
    }

    @Test("a response comes in single bytes, or slowly, and whole all the same", arguments: Wire.allCases)
    func slowBodies(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            let written = try await bench.apply("one")
            for action in [FaultAction.singleBytes, .throttle(bytesPerSecond: 20_000)] {
                let rule = try await bench.proxy.add(
                    FaultRule(matching: RequestMatch(path: "machines"), action: action))
                #expect(try await bench.list().items.map(\.document) == [written.object.document])
                var watch = try await bench.watch(from: ResourceVersion("0"))
                #expect(await nextName(&watch) == "one")
                try await bench.proxy.fault(2, of: rule)
                try await bench.proxy.clear()
            }
        }
    }

    @Test("bookmarks are taken out of a watch", arguments: Wire.allCases)
    func bookmarks(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            let rule = try await bench.proxy.add(
                FaultRule(matching: .watches("machines"), action: .swallowBookmarks))
            // Servers send some watches a bookmark two seconds before they end, and promise it to none.
            while bench.proxy.faults(of: rule).isEmpty {
                let start = try await bench.list().resourceVersion
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for seconds in 4..<10 {
                        group.addTask {
                            let names = try await bench.events(from: start, for: .seconds(seconds))
                            #expect(names == ["two"])
                        }
                    }
                    try await bench.apply("two")
                    try await group.waitForAll()
                }
                _ = try await bench.client.delete(StoredMachine.self, bench.key("two"))
            }
        }
    }

    @Test("GOAWAY costs a client nothing, served or not", arguments: Wire.allCases, [false, true])
    func goAway(_ wire: Wire, refusing: Bool) async throws {
        try await ProxyBench.run(wire) { bench in
            let version = try await bench.apply("one").object.metadata.resourceVersion
            var watch = try await bench.watch(from: version)
            let rule = try await bench.proxy.add(
                FaultRule(
                    matching: RequestMatch(methods: ["GET"], isWatch: false, ordinals: 2...2),
                    action: .goAway(refusing: refusing)))
            for _ in 0..<4 { #expect(try await bench.list().items.count == 1) }
            try await bench.proxy.fault(of: rule)
            // What was under way goes on.
            try await bench.apply("two")
            #expect(await nextName(&watch) == "two")
        }
    }

    @Test("watches on connections that are being left keep no request waiting", arguments: Wire.allCases)
    func manyGoAways(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            let version = try await bench.apply("one").object.metadata.resourceVersion
            try await bench.proxy.add(
                FaultRule(
                    matching: RequestMatch(methods: ["GET"], isWatch: false),
                    action: .goAway(refusing: false)))
            var watches: [WatchStream<StoredMachine>] = []
            for _ in 0..<4 {
                watches.append(try await bench.watch(from: version))
                #expect(try await bench.list().items.count == 1)
            }
            try await bench.apply("two")
            for index in watches.indices { #expect(await nextName(&watches[index]) == "two") }
        }
    }

    @Test("a delay is within its range, and chance follows from the seed", arguments: Wire.allCases)
    func replay(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            var runs: [[Int]] = []
            for seed: UInt64 in [7, 7, 8] {
                let proxy = try await FaultProxy.start(
                    to: bench.controlPlane, seed: seed, http1: wire == .http1)
                let client = try bench.controlPlane.linkedClient(proxy.kubeconfig).client
                try await proxy.add(
                    FaultRule(
                        matching: .reads("machines"), action: .delay(milliseconds: 1...20), probability: 0.5))
                for _ in 0..<40 { _ = try await client.list(StoredMachine.self, bench.selection) }
                runs.append(proxy.injected.entries.map(\.ordinal))
                await proxy.stop()
            }
            #expect(runs[0] == runs[1])
            #expect(runs[0] != runs[2])
            #expect((5..<35).contains(runs[0].count))
        }
    }

    @Test(
        "bytes are relayed unread, and cut where a rule says",
        arguments: [
            FaultAction.drop, .reset(after: .bytes(0)), .reset(after: .bytes(1500)),
            .blackHole(after: .bytes(1500)),
            .delay(milliseconds: 1...5), .throttle(bytesPerSecond: 20_000), .singleBytes,
        ])
    func relay(_ action: FaultAction) async throws {
        try await ProxyBench.run(.http2) { bench in
            let rule = try await bench.proxy.add(
                FaultRule(matching: RequestMatch(ordinals: 1...1, isRelay: true), action: action))
            var client = try bench.controlPlane.linkedClient(bench.proxy.relayKubeconfig).client
            client.timeout = .seconds(5)
            client.retry = .never
            let error = await apiError { _ = try await client.list(StoredMachine.self, bench.selection) }
            try await bench.proxy.fault(of: rule)
            switch action {
            case .delay, .throttle, .singleBytes: #expect(error == nil)
            default: #expect(error != nil)
            }
            let another = try bench.controlPlane.linkedClient(bench.proxy.relayKubeconfig).client
            _ = try await another.list(StoredMachine.self, bench.selection)
        }
    }

    @Test("all connections are broken, or fall silent, at once", arguments: Wire.allCases)
    func everything(_ wire: Wire) async throws {
        try await ProxyBench.run(wire) { bench in
            let version = try await bench.apply("one").object.metadata.resourceVersion
            var watch = try await bench.watch(from: version)
            try await bench.proxy.resetConnections()
            #expect(await breaks(&watch))
            var impatient = bench.client
            impatient.timeout = .seconds(1)
            _ = try await impatient.list(StoredMachine.self, bench.selection)
            try await bench.proxy.blackHoleConnections()
            let error = await apiError {
                _ = try await impatient.list(StoredMachine.self, bench.selection)
            }
            #expect(error == .transport(.timedOut))
        }
    }

    @Test("a rule that says what does not exist is refused")
    func refusedCommands() async throws {
        try await ProxyBench.run(.http2) { bench in
            await #expect(throws: FaultProxy.ProxyError.self) {
                try await bench.proxy.add(FaultRule(matching: .relayed, action: .answer(status: 500)))
            }
            await #expect(throws: FaultProxy.ProxyError.self) { try await bench.proxy.remove(17) }
        }
    }
}

/// What the client and the proxy speak.
enum Wire: Sendable, CaseIterable { case http2, http1 }

/// A proxy of its own, and a client of the operator's user that tries everything once.
private struct ProxyBench: Sendable {
    let controlPlane: ControlPlane
    let proxy: FaultProxy
    let namespace: String
    let client: KubernetesClient

    static func run(_ wire: Wire, _ body: (ProxyBench) async throws -> Void) async throws {
        let controlPlane = try await ControlPlane.shared()
        let proxy = try await FaultProxy.start(to: controlPlane, seed: 1, http1: wire == .http1)
        var client = try controlPlane.linkedClient(proxy.kubeconfig).client
        client.retry = .never
        let bench = ProxyBench(
            controlPlane: controlPlane, proxy: proxy,
            namespace: try await controlPlane.makeNamespace("proxy"), client: client)
        try await body(bench)
        await proxy.stop()
    }

    var selection: ObjectSelection { ObjectSelection(namespace: namespace) }

    func key(_ name: String) -> ObjectKey { ObjectKey(namespace: namespace, name: name) }

    func machine(_ name: String, annotation: String = "") -> JSONValue {
        [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "Machine",
            "metadata": ["name": .string(name), "annotations": ["note": .string(annotation)]],
            "spec": ["name": .string(name), "instanceType": "small"],
        ]
    }

    @discardableResult
    func apply(_ name: String, annotation: String = "") async throws -> Applied<StoredMachine> {
        try await client.apply(StoredMachine.self, key(name), machine(name, annotation: annotation))
    }

    func list() async throws -> ResourcePage<StoredMachine> {
        try await client.list(StoredMachine.self, selection)
    }

    func watch(from version: ResourceVersion) async throws -> WatchStream<StoredMachine> {
        // Longer than a test takes on any machine.
        try await client.watch(StoredMachine.self, selection, from: version, timeout: .seconds(3600))
    }

    /// The names in a watch that ends with the server's time limit.
    func events(from version: ResourceVersion, for timeout: Duration) async throws -> [String] {
        var watch = try await client.watch(StoredMachine.self, selection, from: version, timeout: timeout)
        var names: [String] = []
        while let event = try await watch.next() { names.append(event.name) }
        return names
    }

    /// Whether the connection broke under `body`, after something was sent.
    func breaks(_ body: () async throws -> Void) async -> Bool {
        isInterruption(await apiError(body))
    }
}

/// The name in the next event of an object, or how else the watch goes on; servers send bookmarks when they like.
private func nextName(_ watch: inout WatchStream<StoredMachine>) async -> String {
    do {
        while let event = try await watch.next() {
            if case .bookmark = event { continue }
            return event.name
        }
        return "end of the watch"
    } catch {
        return "\(error)"
    }
}

/// Whether the watch breaks instead of going on.
private func breaks(_ watch: inout WatchStream<StoredMachine>) async -> Bool {
    do {
        _ = try await watch.next()
        return false
    } catch {
        return isInterruption(error)
    }
}

private func isInterruption(_ error: APIError?) -> Bool {
    if case .transport(.interrupted) = error { true } else { false }
}

extension WatchEvent<StoredMachine> {
    /// The name of the object, or what else the event is.
    fileprivate var name: String {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object): object.name
        case .bookmark: "bookmark"
        case .failed(let status): "failed: \(status.code)"
        case .undecodable: "undecodable"
        }
    }
}
