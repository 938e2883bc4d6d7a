// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import Platform

/// Makes passes over one cluster until there is nothing left to do, and tells what happens.
struct LiveRun {
    /// How a run ended.
    enum End: Sendable, Hashable {
        /// What was asked for is there.
        case done
        /// Somebody has to look; why.
        case halted(String)
        /// What it waits for did not come in time.
        case timedOut(String)
        /// It was told to stop; running it again goes on.
        case stopped
    }

    /// The longest pause between two looks while something is under way.
    private static let pause = Duration.seconds(2)

    let engine: LifecycleEngine
    let longCalls: LongCalls
    let cluster: ManagedCluster
    let store: StateFile
    let clock: any Clock
    let output: Output

    /// Goes on until `isDone` finds that the cluster is as it was asked for.
    ///
    /// Between two passes it can be stopped at any time, and within one as well: what was begun is in the record, and
    /// the next run goes on with it.
    func run(
        _ record: LifecycleRecord, timeout: Duration, isDone: @escaping @Sendable (LifecycleReport) -> Bool
    ) async throws(CommandFailure) -> End {
        let result = await withTaskGroup(
            of: Result<End, CommandFailure>?.self, returning: Result<End, CommandFailure>?.self
        ) { group in
            group.addTask {
                await longCalls.run()
                return nil
            }
            group.addTask {
                do throws(CommandFailure) {
                    return .success(try await passes(record, timeout: timeout, isDone: isDone))
                } catch {
                    return .failure(error)
                }
            }
            for await result in group {
                guard let result else { continue }
                group.cancelAll()
                return result
            }
            return nil
        }
        return try result?.get() ?? .stopped
    }

    private func passes(
        _ record: LifecycleRecord, timeout: Duration, isDone: @Sendable (LifecycleReport) -> Bool
    ) async throws(CommandFailure) -> End {
        let deadline = clock.now + timeout
        var (record, cluster, told) = (record, cluster, Progress())
        while true {
            let left = store.leftMachines
            cluster.desired.nodes.removeAll { left.contains($0.name) }
            let pass: LifecyclePass
            do throws(LifecycleError) {
                pass = try await engine.pass(cluster, record, store, depth: .close)
            } catch {
                if error == .cancelled || Task.isCancelled { return .stopped }
                throw CommandFailure("\(store.path): \(error)")
            }
            record = pass.record
            let report = pass.report
            for line in told.news(pass, report, at: clock.timestamp) { output.printError("\(line)\n") }
            if let halt = report.halt, record.operations.values.allSatisfy(\.isHalted) {
                return .halted(
                    "\(halt.reason.rawValue)\(halt.node.map { " (\($0))" } ?? ""): \(halt.message)")
            }
            if isDone(report), record.operations.isEmpty, pass.performed.isEmpty { return .done }
            if clock.now > deadline { return .timedOut(report.message) }
            guard await sleep(min(pass.wake ?? Self.pause, Self.pause)) else { return .stopped }
        }
    }

    /// False if the task was cancelled meanwhile.
    private func sleep(_ duration: Duration) async -> Bool {
        do {
            try await clock.sleep(for: duration)
            return true
        } catch {
            return false
        }
    }
}

/// Remembers what was told, so that each thing is told once.
private struct Progress {
    private var steps: [String: String] = [:]
    private var message = ""
    private var waits: [Wait] = []

    mutating func news(_ pass: LifecyclePass, _ report: LifecycleReport, at now: Timestamp) -> [String] {
        var lines: [String] = []
        for step in report.steps {
            let text = "\(step.operation) \(step.step.rawValue)"
            if steps[step.node] != text { lines.append("\(step.node): \(text)") }
            steps[step.node] = text
        }
        for node in steps.keys.sorted() where !report.steps.contains(where: { $0.node == node }) {
            lines.append("\(node): done")
            steps[node] = nil
        }
        if report.message != message {
            lines.append("\(report.state.rawValue): \(report.message)")
            message = report.message
        }
        if report.waits.map(\.message) != waits.map(\.message) {
            lines += report.waits.prefix(3).map { wait in
                let isNamed = wait.node.map { wait.message.hasPrefix("\($0) ") } ?? true
                return "  waits: \(isNamed ? "" : "\(wait.node ?? ""): ")\(wait.message)"
            }
            waits = report.waits
        }
        let time = now.rfc3339().dropFirst(11).dropLast(1)
        return lines.map { "\(time) \($0)" }
    }
}
