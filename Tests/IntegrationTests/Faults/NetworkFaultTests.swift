// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import TestSupport
import Testing

/// What a network, or a server under pressure, does to requests; see `RequestFaultTests` for single writes.
@Suite("Faults: network", .serialized, .timeLimit(.minutes(10)))
struct NetworkFaultTests {
    @Test("latency makes everything slower and nothing wrong")
    func latency() async throws {
        var lives: [Int: Life] = [:]
        let delays = FaultForm.choose(short: [1, 300], long: [1, 10, 100, 1000, 5000])
        for delay in delays {
            lives[delay] = try await ProxiedScenario.run("latency") { run in
                try await run.proxy.add(FaultRule(action: .delay(milliseconds: delay...delay)))
                return try await run.live(try run.startOperator())
            }
        }
        FaultReport.record(
            row: "latency", fault: "Each request takes 1 ms to 5 s longer.",
            promise:
                "Everything is done, and nothing twice; time grows with the number of requests in a row.",
            measured: [
                "longest delay": .duration(.milliseconds(delays.last ?? 0)),
                "creation then": .duration(lives[delays.last ?? 0]?.creation ?? .zero),
                "deletion then": .duration(lives[delays.last ?? 0]?.deletion ?? .zero),
                "creation at 1 ms": .duration(lives[1]?.creation ?? .zero),
            ])
    }

    @Test("a server that turns requests away is asked again no sooner than it says", arguments: [nil, 1])
    func tooManyRequests(retryAfter: Int?) async throws {
        try await ProxiedScenario.run("storm") { run in
            // Whether the watches come through does not matter: the machines' must open for anything to happen.
            let share = FaultForm.choose(short: retryAfter == nil ? 0.5 : 0.2, long: 0.8)
            let rule = try await run.proxy.add(
                FaultRule(
                    matching: RequestMatch(path: "vitistack.io"),
                    action: .answer(status: 429, retryAfter: retryAfter), probability: share))
            let observer = try await run.proxy.add(
                FaultRule(matching: RequestMatch(path: "vitistack.io"), action: .observe))
            let process = try run.startOperator()
            let life = try await run.live(process)
            let refusals = run.proxy.faults(of: rule)
            if let retryAfter { expectPatience(refusals, run.proxy.faults(of: observer), retryAfter) }
            let longest = Dictionary(grouping: refusals) { "\($0.method) \($0.target)" }.values.map(\.count)
                .max()
            if retryAfter == nil {
                FaultReport.record(
                    row: "429-storm",
                    fault: "The server answers requests with 429, eight of ten in the long form.",
                    promise:
                        "Nothing is lost or done twice; refused requests are repeated with growing waits.",
                    measured: [
                        "creation": .duration(life.creation), "deletion": .duration(life.deletion),
                        "refusals": .count(refusals.count), "most of one request": .count(longest ?? 0),
                    ])
            } else {
                FaultReport.record(
                    row: "429-storm-retry-after",
                    fault: "The server answers requests with 429 and Retry-After: 1.",
                    promise:
                        "Nothing is lost or done twice; no request is repeated before its second is over.",
                    measured: [
                        "creation": .duration(life.creation), "deletion": .duration(life.deletion),
                        "refusals": .count(refusals.count), "most of one request": .count(longest ?? 0),
                    ])
            }
        }
    }

    /// Expects that whatever was refused came back no sooner than the server had asked.
    private func expectPatience(_ refusals: [InjectedFault], _ served: [InjectedFault], _ seconds: Int) {
        let all = Dictionary(grouping: refusals + served) { "\($0.method) \($0.target)" }
        for (request, faults) in all {
            let faults = faults.sorted { $0.time < $1.time }
            for (earlier, later) in zip(faults, faults.dropFirst()) where earlier.action == "answer" {
                // The proxy's times are cut to milliseconds.
                #expect(later.time - earlier.time >= .milliseconds(1000 * seconds - 2), "\(request)")
            }
        }
    }

    @Test("refusals of all kinds, from the server and from what stands before it, are outlived")
    func serverErrors() async throws {
        try await ProxiedScenario.run("server-errors") { run in
            for status in [500, 502, 503, 504] {
                try await run.proxy.add(
                    FaultRule(
                        matching: RequestMatch(path: "vitistack.io"), action: .answer(status: status),
                        probability: FaultForm.choose(short: 0.1, long: 0.2)))
            }
            let life = try await run.live(try run.startOperator())
            FaultReport.record(
                row: "server-errors",
                fault: "Requests are answered with 500, 502 (HTML), 503 or 504 at random.",
                promise: "Nothing is lost or done twice.",
                measured: [
                    "creation": .duration(life.creation), "deletion": .duration(life.deletion),
                    "refusals": .count(run.proxy.injected.entries.count),
                ])
        }
    }

    @Test("an expired version costs one list of its kind, whether told at once or in the stream")
    func expired() async throws {
        try await ProxiedScenario.run("expired") { run in
            let kinds = ["kubernetesclusters", "machines"]
            func watches(_ kind: String, _ ordinals: ClosedRange<Int>?) -> RequestMatch {
                RequestMatch(methods: ["GET"], path: "/\(kind)\\?", isWatch: true, ordinals: ordinals)
            }
            var (lists, opened, errors): ([Int], [Int], [Int]) = ([], [], [])
            for kind in kinds {
                try await run.proxy.add(
                    FaultRule(matching: watches(kind, 1...1), action: .answer(status: 410)))
                opened.append(
                    try await run.proxy.add(FaultRule(matching: watches(kind, nil), action: .observe)))
                lists.append(
                    try await run.proxy.add(
                        FaultRule(matching: .reads("/\(kind)\\?limit=500"), action: .observe)))
            }
            let process = try run.startOperator()
            for watch in opened { try await run.proxy.fault(of: watch) }
            for kind in kinds {
                errors.append(
                    try await run.proxy.add(
                        FaultRule(
                            matching: watches(kind, 1...1), action: .errorEvent(code: 410, afterEvents: 0))))
            }
            try await run.proxy.resetConnections()
            for error in errors { try await run.proxy.fault(of: error) }
            for list in lists { try await run.proxy.fault(3, of: list) }
            _ = try await run.live(process)
            // With one object the operator asks whether the server's version is behind its own.
            for list in lists { #expect(run.proxy.faults(of: list).count == 3) }
            FaultReport.record(
                row: "expired",
                fault: "A watch is refused with 410 when it opens, another with an event of it.",
                promise: "One list of the kind for each, and nothing else.",
                measured: ["lists of a kind after two": .count(run.proxy.faults(of: lists[1]).count)])
        }
    }

    @Test("connections that break in the middle of lists, watches and writes cost repetitions alone")
    func resets() async throws {
        try await ProxiedScenario.run("resets") { run in
            let lists = try await run.proxy.add(
                FaultRule(matching: .reads("machines\\?limit=500"), action: .observe))
            for bytes in [0, 10, 60] {
                let ordinal = [0: 1, 10: 2, 60: 3][bytes] ?? 1
                try await run.proxy.add(
                    FaultRule(
                        matching: RequestMatch(
                            methods: ["GET"], path: "machines\\?limit=500", isWatch: false,
                            ordinals: ordinal...ordinal
                        ),
                        action: .reset(after: .bytes(bytes), wholeConnection: bytes == 10)))
            }
            let watches = try await run.proxy.add(
                FaultRule(matching: .watches(), action: .reset(after: .events(1)), probability: 0.7))
            let writes = try await run.proxy.add(
                FaultRule(
                    matching: RequestMatch(methods: ["PATCH", "DELETE"], path: "vitistack.io"),
                    action: .reset(after: .bytes(10), wholeConnection: true), probability: 0.3))
            let life = try await run.live(try run.startOperator())
            // Three that broke and one that did not; no watch that breaks makes a new list necessary.
            #expect(run.proxy.faults(of: lists).count == 4)
            FaultReport.record(
                row: "resets",
                fault: "Connections are reset in the middle of lists, watches and answers to writes.",
                promise: "Nothing is lost or done twice; no watch that breaks costs a list.",
                measured: [
                    "broken watches": .count(run.proxy.faults(of: watches).count),
                    "broken writes": .count(run.proxy.faults(of: writes).count),
                    "creation": .duration(life.creation), "deletion": .duration(life.deletion),
                ])
        }
    }

    @Test("TCP connections that break after any number of bytes, in the handshake too, are replaced")
    func relayedResets() async throws {
        try await ProxiedScenario.run("relayed-resets") { run in
            for (ordinal, bytes) in [0, 100, 1200, 2000, 4000, 9000].enumerated() {
                try await run.proxy.add(
                    FaultRule(
                        matching: RequestMatch(ordinals: (ordinal + 1)...(ordinal + 1), isRelay: true),
                        action: .reset(after: .bytes(bytes))))
            }
            let life = try await run.live(try run.startRelayedOperator())
            FaultReport.record(
                row: "tcp-resets",
                fault: "TCP connections are reset after 0 to 9,000 bytes, TLS handshakes included.",
                promise: "Nothing is lost or done twice.",
                measured: [
                    "broken connections": .count(run.proxy.injected.entries.count),
                    "creation": .duration(life.creation),
                ])
        }
    }

    @Test("bodies may come in single bytes, and slowly")
    func slowBodies() async throws {
        try await ProxiedScenario.run("slow-bodies") { run in
            for number in 0..<FaultForm.choose(short: 15, long: 50) {
                try await run.scenario.create(ClusterDocument("c\(number)"))
            }
            try await run.proxy.add(FaultRule(matching: .reads(), action: .throttle(bytesPerSecond: 10_000)))
            try await run.proxy.add(FaultRule(matching: .watches(), action: .singleBytes))
            try await run.proxy.add(FaultRule(matching: .writes, action: .singleBytes))
            let process = try run.startOperator()
            let start = await SystemClock().time { _ = await process.logLine("Caches are filled") }
            let life = try await run.live(process)
            FaultReport.record(
                row: "slow-bodies",
                fault: "Lists come at 10 kB/s, watches and answers to writes in single bytes.",
                promise: "Everything is read as it was sent; nothing is lost or done twice.",
                measured: ["start": .duration(start), "creation": .duration(life.creation)])
        }
    }

    @Test("without bookmarks a watch that breaks goes on all the same")
    func noBookmarks() async throws {
        try await ProxiedScenario.run("no-bookmarks") { run in
            try await run.proxy.add(FaultRule(matching: .watches(), action: .swallowBookmarks))
            let process = try run.startOperator()
            _ = try await run.live(process, "first")
            try await run.proxy.resetConnections()
            let life = try await run.live(process, "second")
            FaultReport.record(
                row: "no-bookmarks", fault: "No watch gets a bookmark, and then all connections break.",
                promise: "Nothing is lost or done twice.", measured: ["creation": .duration(life.creation)])
        }
    }

    @Test("GOAWAY, served and refused, is not noticed")
    func goAway() async throws {
        try await ProxiedScenario.run("goaway") { run in
            for refusing in [false, true] {
                try await run.proxy.add(
                    FaultRule(
                        matching: RequestMatch(path: "vitistack.io"), action: .goAway(refusing: refusing),
                        probability: 0.2))
            }
            let life = try await run.live(try run.startOperator())
            FaultReport.record(
                row: "goaway",
                fault: "The server sends GOAWAY with every third answer, and refuses half of these.",
                promise: "Nothing is lost or done twice.",
                measured: [
                    "connections left": .count(run.proxy.injected.entries.count),
                    "creation": .duration(life.creation),
                ])
        }
    }

    @Test(
        "connections that fall silent are left without a restart", .enabled(if: FaultForm.current == .long))
    func blackHoles() async throws {
        try await ProxiedScenario.run("black-holes") { run in
            let process = try run.startOperator()
            _ = try await run.live(process, "first")
            try await run.proxy.blackHoleConnections()
            let life = try await run.live(process, "second")
            FaultReport.record(
                row: "black-holes", fault: "All connections stay open and carry nothing any more.",
                promise: "Watches are left after 90 s of silence and requests after 30 s; nothing is lost.",
                measured: ["creation": .duration(life.creation), "deletion": .duration(life.deletion)])
        }
    }
}
