// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import Glibc
import HTTP
import Observability
import Platform
import StructuredData

/// The commands that talk to the machines of one cluster, without a management cluster: the operator's own engine over
/// a cluster's file.
struct LiveCommand {
    private let options: LiveOptions
    private let files: CommandFiles
    private let output: Output
    private let clock: any Clock

    /// Returns 0 if nothing is left to do, 2 if a dry run finds something to do, 1 if that failed.
    static func execute(
        _ options: LiveOptions, environment: [String: String], output: Output = .standard,
        clock: any Clock = SystemClock(), until shutdown: @escaping @Sendable () async -> Void
    ) async -> Int32 {
        let command = LiveCommand(
            options: options, files: CommandFiles(environment: environment), output: output, clock: clock)
        return await output.reporting { () async throws(CommandFailure) in
            try await stopping(when: shutdown) { () async throws(CommandFailure) in try await command.run() }
        }
    }

    private func run() async throws(CommandFailure) -> Int32 {
        let mayMake = options.job.begins && !options.isDryRun
        let live = try await LiveCluster.read(options, files, output, mayMakeSecrets: mayMake)
        let isExclusive = options.job.changes && !options.isDryRun
        let state = try StateFile(
            directory: live.directory, contract: live.spec.talosContract, isExclusive: isExclusive)
        let record = try state.read()
        let cluster = try await live.managed(options, resumeToken: clock.timestamp.rfc3339())
        for node in cluster.desired.nodes where !node.hasMachine {
            output.printError(
                "warning: \(node.name): has no address: --node \(node.name)=HOST, or spec.machineData.\(node.name).address\n"
            )
        }
        let longCalls = LongCalls()
        let engine: LifecycleEngine
        do throws(TransportError) {
            engine = try LifecycleEngine.connected(
                userAgent: Version.userAgent, longCalls: longCalls,
                snapshots: SnapshotDirectory(path: "\(live.directory)/snapshots"),
                logger: Logger(sink: StandardErrorSink(), level: .error, format: .text, clock: clock),
                clock: clock)
        } catch {
            throw CommandFailure("\(error)")
        }
        let preview = await engine.preview(cluster, record)
        switch options.job {
        case .nodes: return show(preview.report)
        case .health: return try await health(engine, cluster, record, state)
        case .diff: return difference(preview.observation)
        case .apply, .bootstrap, .upgrade, .reset: break
        }
        let plan = LivePlan(cluster.desired, preview, options.job)
        output.print(plan.text)
        guard !plan.isEmpty else { return 0 }
        if options.isDryRun { return 2 }
        guard try isConfirmed(plan, live.name) else {
            throw CommandFailure("nothing was done: it was not confirmed")
        }
        let run = LiveRun(
            engine: engine, longCalls: longCalls, cluster: cluster, store: state, clock: clock, output: output
        )
        return try await finish(run, record)
    }

    private func finish(_ run: LiveRun, _ record: LifecycleRecord) async throws(CommandFailure) -> Int32 {
        let job = options.job
        let end = try await run.run(record, timeout: options.timeout) { job.isDone($0) }
        switch end {
        case .done:
            if case .reset(let reset) = job, reset.nodes.isEmpty { try run.store.remove() }
            output.printError("done\n")
            return 0
        case .halted(let reason): throw CommandFailure("halted: \(reason)")
        case .timedOut(let message): throw CommandFailure("not done in time: \(message)")
        case .stopped:
            throw CommandFailure(
                "stopped: what was begun is in \(run.store.path), and the same command goes on")
        }
    }

    // MARK: Looking

    private func show(_ report: LifecycleReport) -> Int32 {
        switch options.format {
        case .text: output.print(report.text)
        case .json: output.print(String(decoding: report.json.encoded(), as: UTF8.self) + "\n")
        }
        return 0
    }

    /// Checks once, or until all is well where time was given.
    private func health(
        _ engine: LifecycleEngine, _ cluster: ManagedCluster, _ record: LifecycleRecord, _ state: StateFile
    ) async throws(CommandFailure) -> Int32 {
        let deadline = clock.now + options.timeout
        while true {
            let report = await engine.preview(cluster, record).report
            if report.health.isHealthy || clock.now >= deadline {
                for check in report.health.checks { output.print("\(check.line)\n") }
                return report.health.isHealthy ? 0 : 1
            }
            do {
                try await clock.sleep(for: .seconds(2))
            } catch {
                throw CommandFailure("stopped")
            }
        }
    }

    private func difference(_ observation: ClusterObservation) -> Int32 {
        var differs = false
        var isUnknown = false
        for (name, node) in observation.nodes.sorted(by: { $0.key < $1.key }) {
            switch node.config {
            case .matches: continue
            case .unknown:
                isUnknown = true
                output.printError("\(name): \(node.configProblem ?? node.contact.sentence)\n")
            case .staged:
                differs = true
                output.print("=== \(name)\nstaged for the next reboot\n")
            case .differs(let change):
                differs = true
                output.print("=== \(name)\n\(change.summary)\n")
            }
        }
        return isUnknown ? 2 : differs ? 1 : 0
    }

    // MARK: Asking

    /// Whether somebody wants it: a yes, or for a reset the name of the cluster.
    private func isConfirmed(_ plan: LivePlan, _ name: String) throws(CommandFailure) -> Bool {
        if options.isAssumedYes { return true }
        guard isatty(STDIN_FILENO) == 1 else {
            throw CommandFailure(
                "nothing was done: standard input is no terminal to confirm it at; --yes does it")
        }
        let isReset = if case .reset = options.job { true } else { false }
        output.printError(
            isReset ? "This destroys data. Type \(name) to go on: " : "Carry this out? [y/N] ")
        let answer = readLine()?.lowercased() ?? ""
        return isReset ? answer == name : ["y", "yes"].contains(answer)
    }
}

extension LiveOptions.Job {
    /// Whether it may begin a cluster, with secrets of its own.
    var begins: Bool {
        switch self {
        case .apply, .bootstrap: true
        case .health, .nodes, .upgrade, .reset, .diff: false
        }
    }

    /// Whether it does anything to machines.
    var changes: Bool {
        switch self {
        case .apply, .bootstrap, .upgrade, .reset: true
        case .health, .nodes, .diff: false
        }
    }

    /// Whether a report shows what was asked for.
    func isDone(_ report: LifecycleReport) -> Bool {
        switch self {
        case .bootstrap: report.etcd != nil
        case .reset(let reset):
            reset.nodes.isEmpty ? report.nodes.isEmpty : !report.nodes.contains(where: \.isLeaving)
        case .apply, .upgrade, .health, .nodes, .diff:
            report.state == .running || report.state == .degraded
        }
    }
}

/// Runs `work` in a task that `shutdown` cancels.
private func stopping(
    when shutdown: @escaping @Sendable () async -> Void,
    _ work: @escaping @Sendable () async throws(CommandFailure) -> Int32
) async throws(CommandFailure) -> Int32 {
    let result = await withTaskGroup(
        of: Result<Int32, CommandFailure>?.self, returning: Result<Int32, CommandFailure>?.self
    ) { group in
        group.addTask {
            do throws(CommandFailure) {
                return .success(try await work())
            } catch {
                return .failure(error)
            }
        }
        group.addTask {
            await shutdown()
            return nil
        }
        // Either may be first; when it was told to stop, what is under way comes to its end.
        for await first in group {
            group.cancelAll()
            if let first { return first }
        }
        return nil
    }
    guard let result else { throw CommandFailure("stopped") }
    return try result.get()
}

extension HealthCheck {
    /// A line for people: what was checked, and what came of it.
    fileprivate var line: String {
        let word =
            switch outcome {
            case .passed: "ok"
            case .failed: "FAILED"
            case .unknown: "unknown"
            case .skipped: "skipped"
            }
        return "\(word): \(name.rawValue): \(message)"
    }
}
