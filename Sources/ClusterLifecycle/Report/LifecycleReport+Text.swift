// SPDX-License-Identifier: Apache-2.0
import Platform

extension LifecycleReport {
    /// The report for a terminal: what the cluster is doing, what it waits for, and a table of its nodes.
    package var text: String {
        var lines = ["\(state.rawValue): \(message)"]
        if let since { lines.append("  since \(since.rfc3339())") }
        lines += waits.map { wait in
            let until = wait.until.map { ", until \($0.rfc3339())" } ?? ""
            return "  waits: \(wait.sentence)\(until)"
        }
        if let problem = health.firstProblem, state != .degraded {
            lines.append("  health: \(problem.name.rawValue): \(problem.message)")
        }
        if let etcd { lines.append("  etcd: \(etcd)") }
        if let plan { lines += plan.lines }
        return (lines + [""] + table).joined(separator: "\n") + "\n"
    }

    /// The table of nodes with its head, one line each.
    package var table: [String] {
        let head = [
            "NODE", "ROLE", "ADDRESS", "STAGE", "READY", "TALOS", "KUBERNETES", "CONFIG", "ETCD", "STEP",
        ]
        let rows = [head] + nodes.map(\.cells)
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            let line = cells.joined(separator: "   ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}

extension LifecycleReport.Node {
    fileprivate var cells: [String] {
        [
            name, role == .controlPlane ? "control-plane" : "worker", address ?? "-", stage,
            isReady ? "yes" : "no", talos?.description ?? "-", kubernetes?.description ?? "-",
            config.rawValue,
            member?.description ?? "-", step?.rawValue ?? (isLeaving ? "leaving" : "-"),
        ]
    }
}

extension LifecycleReport.Member: CustomStringConvertible {
    /// As in `8e9e05c52164694d (leader)`.
    package var description: String {
        hexadecimal + (isLeader ? " (leader)" : "") + (isLearner ? " (learner)" : "")
    }
}

extension LifecycleReport.Etcd: CustomStringConvertible {
    /// As in `3 voters, led by c0`.
    package var description: String {
        var parts = [voters == 1 ? "one voter" : "\(voters) voters"]
        if learners > 0 { parts.append(learners == 1 ? "one learner" : "\(learners) learners") }
        parts.append(leader.map { "led by \($0)" } ?? "no leader known")
        return (parts + alarms).joined(separator: ", ")
    }
}

extension LifecycleReport.Plan {
    fileprivate var lines: [String] {
        ["  plan \(hash)\(isApproved ? ", approved" : "")"]
            + items.map { "    \($0.node): \($0.summary)\($0.isApproved ? "" : " (not approved)")" }
    }
}
