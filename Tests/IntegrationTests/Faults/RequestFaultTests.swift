// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What happens around a single request: answers that are lost, and an operator that dies.
@Suite("Faults: single requests", .serialized, .timeLimit(.minutes(20)))
struct RequestFaultTests {
    @Test(
        "a write whose answer is lost, although the server has acted, is done once and believed",
        arguments: AmbiguousWrite.all)
    func ambiguousWrites(_ write: AmbiguousWrite) async throws {
        try await ProxiedScenario.run("ambiguous") { run in
            let rule = try await run.proxy.add(
                FaultRule(
                    matching: RequestMatch(
                        methods: [write.method], path: write.path, ordinals: write.ordinals),
                    action: .swallowResponse(then: .reset)))
            let life = try await run.live(try run.startOperator())
            let swallowed = run.proxy.faults(of: rule)
            #expect(!swallowed.isEmpty)
            #expect(swallowed.allSatisfy { $0.status == 200 || $0.status == 201 || $0.status == 404 })
            FaultReport.record(
                row: "ambiguous-writes",
                fault:
                    "The answer to a write is lost after the server has acted: finalizer, Machine, status, delete.",
                promise:
                    "Each Machine is created once and deleted once, and the end is as if nothing had happened.",
                measured: [
                    "answers lost": .count(swallowed.count), "creation": .duration(life.creation),
                    "deletion": .duration(life.deletion),
                ])
        }
    }

    @Test(
        "a write whose answer never comes is repeated when its time is over, and done once",
        .enabled(if: FaultForm.current == .long))
    func silentWrites() async throws {
        try await ProxiedScenario.run("silent-writes") { run in
            for write in AmbiguousWrite.all where ["a Machine", "deletion"].contains(write.testDescription) {
                try await run.proxy.add(
                    FaultRule(
                        matching: RequestMatch(methods: [write.method], path: write.path, ordinals: 1...1),
                        action: .swallowResponse(then: .blackHole)))
            }
            let life = try await run.live(try run.startOperator())
            FaultReport.record(
                row: "silent-writes",
                fault:
                    "The connection falls silent after the server has carried out a write, twice: a Machine's and a deletion.",
                promise:
                    "The request is left after 30 s and repeated on another connection; nothing is done twice.",
                measured: ["creation": .duration(life.creation), "deletion": .duration(life.deletion)])
        }
    }

    @Test("an operator killed at any request is followed by one that finishes, and nothing is done twice")
    func killedAtEachRequest() async throws {
        var (kills, slowest) = (0, Duration.zero)
        for operation in KilledOperation.allCases {
            for point in FaultAction.HoldPoint.allCases {
                for request in 1...100 {
                    if FaultForm.current == .short, !operation.isRepresentative(request, point) { continue }
                    guard let recovery = try await kill(at: request, point, during: operation) else { break }
                    kills += 1
                    slowest = max(slowest, recovery)
                }
            }
        }
        #expect(kills >= FaultForm.choose(short: 4, long: 20))
        FaultReport.record(
            row: "killed-at-each-request",
            fault:
                "The operator is killed (SIGKILL) at each request of create, scale up, scale down and delete: before "
                + "the server has it, and after the server has acted.",
            promise:
                "The next operator finishes what was begun; no Machine is created twice or deleted wrongly.",
            measured: ["kills": .count(kills), "slowest recovery": .duration(slowest)])
    }

    /// Kills the operator at the nth request of an operation and lets another finish.
    ///
    /// - Returns: How long the other took; nil if the operation has no such request.
    private func kill(
        at request: Int, _ point: FaultAction.HoldPoint, during operation: KilledOperation
    ) async throws -> Duration? {
        try await ProxiedScenario.run("killed") { run in
            let scenario = run.scenario
            let first = try run.startOperator()
            if let document = operation.before {
                try await scenario.create(document)
                try await scenario.settle(document, first)
            } else {
                await first.logLine("Caches are filled")
            }
            let rule = try await run.proxy.add(
                FaultRule(
                    matching: RequestMatch(path: "vitistack.io", isWatch: false, ordinals: request...request),
                    action: .hold(point)))
            try await operation.begin(scenario)
            guard try await isHeld(run.proxy, rule, orEndOf: operation, scenario) else { return nil }
            await first.kill()
            let recovery = try await SystemClock().time {
                let second = try scenario.startOperator(resultsPath: first.resultsPath)
                try await operation.finish(scenario, second)
            }
            try await scenario.expectNoneTwice(
                of: "app", created: operation.created, deleted: operation.deleted)
            return recovery
        }
    }

    /// Waits until a request is held, or the operation is over without; whichever it was.
    private func isHeld(
        _ proxy: FaultProxy, _ rule: Int, orEndOf operation: KilledOperation, _ scenario: Scenario
    ) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await proxy.fault(of: rule)
                return true
            }
            group.addTask {
                try await operation.end(scenario)
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() == true
        }
    }
}

/// A kind of write, and which of them the answer is lost to.
struct AmbiguousWrite: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var method: String
    var path: String
    var ordinals: ClosedRange<Int>

    static let all = [
        AmbiguousWrite(
            testDescription: "finalizer", method: "PATCH", path: "/kubernetesclusters/app\\?", ordinals: 1...1
        ),
        AmbiguousWrite(
            testDescription: "the first three Machines", method: "PATCH", path: "/machines/",
            ordinals: 1...3),
        AmbiguousWrite(testDescription: "a Machine", method: "PATCH", path: "/machines/", ordinals: 1...1),
        AmbiguousWrite(testDescription: "status", method: "PATCH", path: "/app/status\\?", ordinals: 1...1),
        AmbiguousWrite(testDescription: "deletion", method: "DELETE", path: "/machines/", ordinals: 1...1),
        AmbiguousWrite(testDescription: "deletions", method: "DELETE", path: "/machines/", ordinals: 1...3),
    ]
}

/// Something that is asked of the operator while it may die.
enum KilledOperation: Sendable, CaseIterable {
    case create, scaleUp, scaleDown, delete

    private static let small = ClusterDocument("app", workers: [("w", 1)])
    private static let large = ClusterDocument("app", workers: [("w", 2)])

    /// The cluster that is there before.
    var before: ClusterDocument? {
        switch self {
        case .create: nil
        case .scaleUp, .delete: Self.small
        case .scaleDown: Self.large
        }
    }

    /// The cluster that is there afterwards.
    var after: ClusterDocument? {
        switch self {
        case .create, .scaleDown: Self.small
        case .scaleUp: Self.large
        case .delete: nil
        }
    }

    /// The Machines that may be created, before or meanwhile.
    var created: [String] { (before?.machineNames ?? []) + (after?.machineNames ?? []) }

    /// The Machines that may be deleted.
    var deleted: [String] {
        Array(Set(before?.machineNames ?? []).subtracting(after?.machineNames ?? []))
    }

    /// Whether the short form has this kill too.
    func isRepresentative(_ request: Int, _ point: FaultAction.HoldPoint) -> Bool {
        switch self {
        case .create: request == (point == .beforeForwarding ? 1 : 2)
        case .scaleUp, .scaleDown, .delete: request == 1 && point == .afterAnswer
        }
    }

    func begin(_ scenario: Scenario) async throws {
        switch self {
        case .create: try await scenario.create(Self.small)
        case .scaleUp, .scaleDown:
            guard let after else { return }
            try await scenario.edit("app", ["workers": ClusterDocument.workers(after.workers)])
        case .delete: _ = try await scenario.client.delete(StoredCluster.self, scenario.key("app"))
        }
    }

    /// Waits until the operator has done all of it.
    func end(_ scenario: Scenario) async throws {
        guard let after else {
            return try await scenario.client.waitUntilGone(StoredCluster.self, scenario.key("app"))
        }
        let count = Int64(after.machineNames.count)
        try await scenario.wait(for: "app") {
            $0.isComplete && $0.status["machineCount"]?.integer == count
        }
    }

    /// Waits for the end and checks it.
    func finish(_ scenario: Scenario, _ process: OperatorProcess) async throws {
        try await end(scenario)
        guard let after else {
            #expect(try await scenario.machines().isEmpty)
            #expect(process.files(in: "app") == nil)
            return
        }
        try await scenario.settle(after, process)
    }
}
