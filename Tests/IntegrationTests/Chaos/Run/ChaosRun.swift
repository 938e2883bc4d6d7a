// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// How a run goes: all of it follows from these numbers.
struct ChaosPlan: Sendable {
    var seed: UInt64
    var writers = 4
    var clustersPerWriter = 2
    /// Of each writer.
    var operationsPerRound = 12
    var faultsPerRound = 2
    var operators = 2
    var faults: [ChaosFault.Kind] = ChaosFault.Kind.allCases
    var logLevel = "debug"
    /// How to run it again.
    var replay: String
}

/// What was found, and everything needed to find it again.
struct ChaosFailure: Error, CustomStringConvertible {
    var plan: ChaosPlan
    var violations: [Violation]
    var script: [String]
    /// What the API server did about the clusters in question.
    var trail: [String]

    var description: String {
        """
        \(violations.count) violations with seed \(plan.seed); once more: \(plan.replay)
        \(violations.prefix(40).map { "  \($0)".prefix(1200) }.joined(separator: "\n"))
        What was done:
        \(script.map { "  \($0)" }.joined(separator: "\n"))
        What became of it:
        \(trail.map { "  \($0)" }.joined(separator: "\n"))
        """
    }
}

/// Random work by several writers under random faults; at each quiet point everything is checked.
final class ChaosRun: Sendable {
    private struct State {
        var history = HistoryChecker()
        var audit = AuditChecker()
        /// The last round, as it was planned.
        var script: [String] = []
    }

    let plan: ChaosPlan
    let scenario: Scenario
    let fleet: Fleet
    let clock = SystemClock()
    private let ledger = Locked(Ledger())
    private let journal: EtcdJournal
    private let audit: AuditTail
    private let state = Locked(State())
    /// How long the operator may take to put everything right: longer than its back-off, which faults have driven up.
    private static let patience = Duration.seconds(400)

    private let proxy: FaultProxy

    private init(_ plan: ChaosPlan, _ scenario: Scenario, _ users: UserPool) async throws {
        (self.plan, self.scenario) = (plan, scenario)
        proxy = try await FaultProxy.start(to: scenario.controlPlane, seed: plan.seed)
        fleet = try Fleet(
            scenario, users, server: "https://127.0.0.1:\(proxy.port)", count: plan.operators,
            flags: [
                "--reconcile-interval=1s", "--max-concurrent-reconciles=4",
                "--watch-label-selector=chaos=yes", "--log-level", plan.logLevel,
            ])
        journal = try await EtcdJournal(scenario.controlPlane, prefix: "/registry/vitistack.io/")
        audit = AuditTail(scenario)
    }

    /// Runs rounds as long as `goesOn` says, which hears at each quiet point.
    static func run(
        _ plan: ChaosPlan, on controlPlane: ControlPlane, _ users: UserPool,
        goesOn: @escaping @Sendable (ChaosRun, Int) async throws -> Bool
    ) async throws {
        try await Scenario.run("chaos", on: controlPlane) { scenario in
            let run = try await ChaosRun(plan, scenario, users)
            defer { run.journal.stop() }
            try await run.prepare()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await run.fleet.run(plan.operators) }
                try await run.rounds(goesOn)
                group.cancelAll()
            }
            await run.proxy.stop()
        }
    }

    /// Rights for the operators, and objects that are none of their business.
    private func prepare() async throws {
        try await scenario.bindRoles(to: UserPool.group, kind: "Group")
        let map = try await scenario.client.create(
            ConfigMap.self, TestResources.configMap("somebody"), namespace: scenario.namespace)
        // Without the label that the operators select by.
        let cluster = try await scenario.create(ClusterDocument("somebody", workers: [("w", 1)]))
        ledger.withLock { ledger in
            ledger.foreigners[map.metadata.uid] = .init(
                kind: "ConfigMap", name: map.name, document: map.document)
            ledger.foreigners[cluster.metadata.uid] = .init(
                kind: "KubernetesCluster", name: cluster.name, document: cluster.document)
            ledger.everForeign.formUnion([map.metadata.uid, cluster.metadata.uid])
        }
    }

    // MARK: Rounds

    private func rounds(_ goesOn: (ChaosRun, Int) async throws -> Bool) async throws {
        var scripts = (0..<plan.writers).map {
            Script(seed: plan.seed, writer: $0, clusters: plan.clustersPerWriter)
        }
        var faults = FaultPlan(seed: plan.seed, kinds: plan.faults, operators: plan.operators)
        var number = 0
        repeat {
            number += 1
            let work = scripts.indices.map { scripts[$0].round(plan.operationsPerRound) }
            let trouble = faults.round(plan.faultsPerRound, operations: work.reduce(0) { $0 + $1.count })
            write(number, work, trouble)
            try await carryOut(number, work, trouble)
            try await proxy.clear()
            try await settle()
        } while try await goesOn(self, number)
    }

    /// Writes the round down for whoever has to understand a failure.
    private func write(_ number: Int, _ work: [[Operation]], _ trouble: [FaultPlan.Entry]) {
        let lines =
            work.enumerated().flatMap { writer, operations in
                operations.enumerated().map { "round \(number), writer \(writer), \($0): \($1)" }
            } + trouble.map { "round \(number), \($0)" }
        state.withLock { $0.script = Array(($0.script + lines).suffix(1000)) }
    }

    private func carryOut(_ number: Int, _ work: [[Operation]], _ trouble: [FaultPlan.Entry]) async throws {
        let begun = Journal<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, operations) in work.enumerated() {
                let writer = writer(index)
                group.addTask {
                    for (serial, operation) in operations.enumerated() {
                        begun.append(index)
                        try await writer.perform(operation, number * 1000 + serial)
                    }
                }
            }
            group.addTask {
                for entry in trouble {
                    try await begun.wait { $0.count > entry.after }
                    try await self.inject(entry.fault)
                }
            }
            // Unlike `waitForAll`, this ends with the first that fails.
            while try await group.next() != nil {}
        }
    }

    private func writer(_ index: Int) -> Writer {
        Writer(
            scenario: scenario, ledger: ledger, clock: clock, resultsPath: fleet.resultsPath,
            tag: "\(plan.seed)-\(index)")
    }

    private func inject(_ fault: ChaosFault) async throws {
        switch fault {
        case .killOperator(let slot): fleet.signal(slot, SIGKILL)
        case .stopOperator(let slot): fleet.signal(slot, SIGTERM)
        case .pauseOperator(let slot, let milliseconds):
            fleet.signal(slot, SIGSTOP)
            try await clock.sleep(for: .milliseconds(milliseconds))
            fleet.signal(slot, SIGCONT)
        case .killServer:
            try await scenario.controlPlane.restartAPIServer(kill: true)
            // While a kind is not served, the garbage collector forgets it, and never learns which owners went
            // meanwhile: their Machines would stay for ever, in the way of a cluster of the same name.
            try await scenario.controlPlane.restartControllerManager()
        case .pauseServer(let milliseconds):
            try await scenario.controlPlane.signal("apiserver", SIGSTOP)
            try await clock.sleep(for: .milliseconds(milliseconds))
            try await scenario.controlPlane.signal("apiserver", SIGCONT)
        case .network(let rule, let milliseconds):
            let number = try await proxy.add(rule)
            try await clock.sleep(for: .milliseconds(milliseconds))
            try await proxy.remove(number)
        case .resetConnections: try await proxy.resetConnections()
        }
    }

    // MARK: Quiet points

    /// Waits until everything is as the model says and the operators have nothing more to do, then checks what
    /// happened on the way.
    private func settle() async throws {
        let deadline = clock.now + Self.patience
        while true {
            try await writer(0).release()
            let violations = try await check()
            if violations.isEmpty, try await isAtRest() { break }
            try await check(fleet.crashes)
            guard clock.now < deadline else {
                _ = try await audit.upToNow()
                throw failure(violations)
            }
            try await clock.sleep(for: .milliseconds(100))
        }
        try await checkTrail()
        let machines = try await scenario.machines()
        ledger.withLock { ledger in
            for (name, cluster) in ledger.clusters where WantedMachine.all(of: cluster.spec) != nil {
                let own = machines.filter { $0.metadata.controller?.uid == cluster.uid }
                ledger.clusters[name]?.settled = Dictionary(own.map { ($0.name, $0.metadata.uid) }) { $1 }
                ledger.clusters[name]?.settledSpec = cluster.spec
            }
        }
    }

    /// What is not as it must be now.
    private func check() async throws -> [Violation] {
        var truth = Truth()
        truth.clusters = try await scenario.client.list(
            StoredCluster.self, ObjectSelection(namespace: scenario.namespace)
        ).items
        truth.machines = try await scenario.machines()
        truth.configMaps = try await scenario.client.list(
            ConfigMap.self, ObjectSelection(namespace: scenario.namespace)
        ).items.filter { $0.name == "somebody" }
        truth.manifests = Manifests.read(fleet.resultsPath)
        truth.metrics = await fleet.metrics()
        return ClusterModel.violations(ledger.withLock { $0 }, truth)
    }

    /// Whether the operators look at every cluster twice and write nothing.
    private func isAtRest() async throws -> Bool {
        let before = try await journal.upToNow().count
        let written = try await operatorWrites()
        let start = await fleet.reconciles()
        let needed = Double(2 * ledger.withLock { $0.clusters.count })
        let deadline = clock.now + Self.patience
        while clock.now < deadline {
            let now = await fleet.reconciles()
            // One that was started anew counts from zero.
            guard now >= start, journal.entries.count == before else { return false }
            if now >= start + needed { break }
            try await clock.sleep(for: .milliseconds(100))
        }
        let isQuiet = try await operatorWrites() == written && journal.entries.count == before
        guard isQuiet, try await check().isEmpty else { return false }
        state.withLock { $0.audit.quietPoints = $0.audit.quietPoints.suffix(1) + [clock.timestamp] }
        return true
    }

    /// How often operators wrote anything but their leases.
    private func operatorWrites() async throws -> Int {
        let users = Set(fleet.incarnations.map(\.user))
        return try await audit.upToNow().count { users.contains($0.user) && $0.resource != "leases" }
    }

    private func checkTrail() async throws {
        let entries = try await journal.upToNow()
        let audited = try await audit.upToNow()
        let known = ledger.withLock { $0 }
        let violations = state.withLock { state in
            for entry in entries {
                if let change = Change(entry, namespace: scenario.namespace) {
                    state.history.take(change, known)
                }
            }
            state.audit.incarnations = fleet.incarnations
            let violations =
                state.history.violations
                + state.audit.violations(audited, creations: state.history.creations)
            state.history.settle()
            return violations
        }
        try await check(violations + fleet.crashes)
        journal.forget()
        audit.forget()
    }

    private func check(_ violations: [Violation]) async throws {
        if !violations.isEmpty { throw failure(violations) }
    }

    private func failure(_ violations: [Violation]) -> ChaosFailure {
        ChaosFailure(
            plan: plan, violations: violations, script: state.withLock { $0.script }, trail: trail(violations)
        )
    }

    /// The last changes of, and requests about, the clusters that the violations are about.
    private func trail(_ violations: [Violation]) -> [String] {
        let clusters = Set(
            violations.compactMap {
                $0.subject.split(whereSeparator: { "-/. ".contains($0) }).dropFirst().first
            })
        let changes = journal.entries.compactMap { Change($0, namespace: scenario.namespace) }
            .filter { clusters.contains($0.name.prefix { $0 != "-" }) }
        let requests = audit.entries.filter { $0.cluster.map { clusters.contains($0[...]) } ?? false }
            .sorted { $0.time < $1.time }
        return changes.suffix(150).map(\.description) + requests.suffix(150).map(\.description)
    }
}

/// The manifests below a results path.
enum Manifests {
    /// By directory, then by Machine; what is no manifest stands under its own name.
    static func read(_ path: String) -> [String: [String: JSONValue]] {
        var manifests: [String: [String: JSONValue]] = [:]
        for directory in list(path) {
            manifests[directory] = [:]
            for file in list("\(path)/\(directory)") where file != ".talos-operator.json" {
                let name = file.hasSuffix(".yaml") ? String(file.dropLast(".yaml".count)) : file
                manifests[directory]?[name] = document("\(path)/\(directory)/\(file)")
            }
        }
        return manifests
    }

    private static func list(_ path: String) -> [String] {
        guard
            case .success(let names) = Result(catching: { () throws(FileError) in try FileSystem.list(path) })
        else { return [] }
        return names
    }

    private static func document(_ path: String) -> JSONValue {
        let documents = Result { try YAML.documents(try FileSystem.read(path, limit: 16 << 20)) }
        guard case .success(let documents) = documents, let first = documents.first else { return .null }
        return first
    }
}

extension Fleet {
    /// The metrics of each operator that answers.
    func metrics() async -> [String] {
        var pages: [String] = []
        for member in members {
            let page = await Result { try await member.process.metrics() }
            if case .success(let page) = page { pages.append(page) }
        }
        return pages
    }

    /// How often clusters were looked at by those that run.
    func reconciles() async -> Double {
        await metrics().reduce(0) { sum, page in
            sum + Truth.samples("controller_runtime_reconcile_total", in: page).values.reduce(0, +)
        }
    }
}

extension Result where Failure == any Error {
    /// What an asynchronous body returns or throws.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
