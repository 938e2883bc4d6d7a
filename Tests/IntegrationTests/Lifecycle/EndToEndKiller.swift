// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

/// Where operators are killed.
enum KillPoint: String, Sendable, CaseIterable, CustomTestStringConvertible {
    /// A node, or the Kubernetes of a cluster, is to change something, and does not know yet.
    case beforeEffect
    /// It has done so, and the operator does not know.
    case afterEffect
    /// A write to the management cluster has not arrived, and never does.
    case beforeWrite
    /// It was carried out, and the operator does not know.
    case afterWrite
    /// It arrives when the next operator is at work.
    case lateWrite

    var testDescription: String { rawValue }

    /// What a simulated node does with a request.
    fileprivate var moment: SimulatorFault.Moment? {
        switch self {
        case .beforeEffect: .before
        case .afterEffect: .after
        case .beforeWrite, .afterWrite, .lateWrite: nil
        }
    }
}

/// Kills operators, one after the other, each at a request of its own.
struct EndToEndKiller: Sendable {
    let bench: EndToEndBench
    let point: KillPoint
    /// Between the operators and the management cluster, if it is there that they are killed.
    private let proxy: FaultProxy?
    private let count = Locked(0)

    init(_ bench: EndToEndBench, _ point: KillPoint) async throws {
        self.bench = bench
        self.point = point
        let isBetween = point.moment == nil
        proxy = isBetween ? try await FaultProxy.start(to: bench.scenario.controlPlane, seed: 1) : nil
    }

    /// How many were killed.
    var kills: Int { count.withLock { $0 } }

    /// Does `work` while there is an operator, now and then, and none afterwards.
    func during(_ work: @escaping @Sendable () async throws -> Void) async throws {
        try await accompanied(
            by: {
                if let proxy { try await killAtWrites(proxy) } else { try await killAtNodes() }
            }, work)
        try await bench.simulator.clearFaults()
        try await proxy?.clear()
    }

    /// Starts an operator and kills it when `isTime` returns, or fails.
    private func live(_ flags: [String] = [], until isTime: (OperatorProcess) async throws -> Void)
        async throws
    {
        let process =
            if let proxy {
                try await bench.startOperator("--kubeconfig", proxy.kubeconfig)
            } else {
                try await bench.startOperator()
            }
        do {
            try await isTime(process)
        } catch {
            await process.kill()
            throw error
        }
        await process.kill()
        count.withLock { $0 += 1 }
    }

    // MARK: At requests to nodes

    /// What an operator asks nodes to do.
    static let changes = [
        "ApplyConfiguration", "Bootstrap", "Reboot", "Upgrade", "Pull", "ImagePull", "Reset",
        "EtcdLeaveCluster",
        "EtcdRemoveMemberByID", "EtcdForfeitLeadership",
    ]
    /// So often at the same request to the same node, so that it is answered at last.
    private static let limit = EndToEndForm.isLong ? 2 : 1
    /// So often at all manifests of Kubernetes.
    private static let manifestLimit = 5

    /// Kills at what changes a node, or a cluster's Kubernetes.
    private func killAtNodes() async throws {
        var rules: [String: Int] = [:]
        var hits: [String: [String: Int]] = [:]
        for method in Self.changes + [Self.kubernetes] {
            rules[method] = try await bench.simulator.add(fault(method, [:]))
        }
        var last: Int64 = 0
        while true {
            let since = last
            try await live { _ in
                try await ended(bench.simulator.entry(after: since) { Self.isStruck($0) })
            }
            // Several may have been struck side by side.
            let entries = try await bench.simulator.journal(since: since)
            last = entries.last?["number"]?.integer ?? last
            var methods: Set<String> = []
            for (method, subject) in entries.filter(Self.isStruck).map(Self.subject) {
                hits[method, default: [:]][subject, default: 0] += 1
                methods.insert(method)
            }
            for method in methods {
                if let rule = rules[method] { try await bench.simulator.removeFault(rule) }
                rules[method] = try await bench.simulator.add(fault(method, hits[method] ?? [:]))
            }
        }
    }

    /// Stands for all writes to the Kubernetes of clusters.
    private static let kubernetes = "kubernetes"

    /// What becomes of those requests of a method that have not been struck often enough.
    private func fault(_ method: String, _ hits: [String: Int]) -> SimulatorFault {
        var done = hits.filter { $0.value >= Self.limit }.keys.sorted().joined(separator: "|")
        let action = SimulatorFault.Action.hang(point.moment ?? .before)
        if method == Self.kubernetes {
            let manifests = hits.filter { $0.key.hasPrefix("PATCH ") && !$0.key.contains("/nodes/") }
            // They are brought up to date together, within a limit.
            if manifests.values.reduce(0, +) >= Self.manifestLimit { done += "|PATCH (?!.*/nodes/).*" }
            return SimulatorFault(
                "^(?!(?:\(done))$)(?:POST|PUT|PATCH|DELETE) ", node: Self.kubernetes, action: action)
        }
        return SimulatorFault("/\(method)$", node: "(?!(?:\(done))$).*", action: action)
    }

    private static func isStruck(_ entry: JSONValue) -> Bool {
        entry["faults"]?.array?.contains { $0.array?.last == "hang" } == true
    }

    /// The method of a request, and what it was about.
    private static func subject(of entry: JSONValue) -> (method: String, subject: String) {
        let method = entry["method"]?.string ?? ""
        if entry["kind"] == "kubernetes" { return (kubernetes, method) }
        return (method.split(separator: "/").last.map(String.init) ?? "", entry["node"]?.string ?? "")
    }

    /// Waits, if it is to have its effect, until a request has had it.
    private func ended(_ entry: JSONValue) async throws {
        guard point.moment == .after, let number = entry["number"]?.integer else { return }
        while try await bench.simulator.journal(since: number - 1).first?["outcome"]?.string == nil {
            try await SystemClock().sleep(for: .milliseconds(20))
        }
    }

    // MARK: At writes

    /// Kills at what changes an object of the management cluster; Events and Leases, of which nothing depends, aside.
    private func killAtWrites(_ proxy: FaultProxy) async throws {
        var late: InjectedFault?
        var (lives, idle, last): (Int, Int, Int64?) = (0, 0, nil)
        while true {
            // What never arrives is tried again by the next one, which has to get further; and further still when many
            // have changed nothing, should there be something that each begins with, or that takes longer than it lives.
            let change = try await bench.simulator.journal(kinds: ["change"]).last?["number"]?.integer
            idle = change == last ? idle + 1 : 0
            let ordinal = (point == .afterWrite || lives == 0 ? 1 : 2) + idle / 4
            (lives, last) = (lives + 1, change)
            var match = RequestMatch.writes
            match.path = "^(?!.*/(?:events|leases)\\b)"
            match.ordinals = ordinal...ordinal
            let rule = try await proxy.add(
                FaultRule(
                    matching: match, action: .hold(point == .afterWrite ? .afterAnswer : .beforeForwarding)))
            try await live { process in
                if let held = late {
                    await process.logLine("Caches are filled")
                    try await proxy.release(held)
                }
                let held = try await proxy.fault(of: rule)
                late = point == .lateWrite ? held : nil
            }
        }
    }
}
