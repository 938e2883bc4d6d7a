// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport

/// The operators of a run, kept running as a kubelet would: one that ends is started anew.
///
/// Each process is a user of its own, so that the audit log tells them apart; all share one results path.
final class Fleet: Sendable {
    struct Member: Sendable {
        let user: String
        let process: OperatorProcess
    }

    private struct State {
        var members: [Int: Member] = [:]
        var incarnations: [AuditChecker.Incarnation] = []
        var crashes: [Violation] = []
        /// Pids that we told to end, and those that we gave no choice.
        var stopped: Set<pid_t> = []
        var killed: Set<pid_t> = []
    }

    private let scenario: Scenario
    private let users: UserPool
    private let flags: [String]
    let resultsPath: String
    private let clock = SystemClock()
    private let state = Locked(State())
    /// Whether an operator may end by itself, which it does when it loses its lease.
    private let mayRetire: Bool

    /// Where the operators find the API server.
    private let server: String

    init(_ scenario: Scenario, _ users: UserPool, server: String, count: Int, flags: [String]) throws {
        (self.scenario, self.users, self.server, mayRetire) = (scenario, users, server, count > 1)
        resultsPath = try TemporaryDirectory.make(in: scenario.controlPlane.stateDirectory)
        let election = [
            "--leader-elect", "--leader-election-namespace", scenario.namespace,
            "--leader-election-lease-duration=5s", "--leader-election-renew-deadline=4s",
            "--leader-election-retry-period=1s",
        ]
        self.flags = (count > 1 ? election : []) + flags
    }

    var members: [Member] { state.withLock { Array($0.members.values) } }
    var incarnations: [AuditChecker.Incarnation] { state.withLock { $0.incarnations } }
    var crashes: [Violation] { state.withLock { $0.crashes } }

    /// Runs `count` operators until the task is cancelled.
    func run(_ count: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for slot in 0..<count { group.addTask { try await self.keep(slot) } }
            // Unlike `waitForAll`, this ends with the first that fails.
            while try await group.next() != nil {}
        }
    }

    /// Sends a signal to an operator; it is started anew if it ends.
    func signal(_ slot: Int, _ signal: Int32) {
        let member = state.withLock { state in
            if let pid = state.members[slot]?.process.process.pid {
                if signal == SIGKILL { state.killed.insert(pid) }
                if signal == SIGTERM { state.stopped.insert(pid) }
            }
            return state.members[slot]
        }
        member?.process.process.signal(signal)
    }

    private func keep(_ slot: Int) async throws {
        while !Task.isCancelled {
            let user = try users.next(server)
            let process = try scenario.startOperator(
                flags: ["--kubeconfig", user.kubeconfig] + flags, resultsPath: resultsPath,
                mayEnd: true)
            state.withLock { state in
                state.members[slot] = Member(user: user.name, process: process)
                state.incarnations.append(AuditChecker.Incarnation(user: user.name))
            }
            let ending = await process.process.ending()
            if Task.isCancelled { process.process.signal(SIGKILL) }
            try Task.checkCancellation()
            note(ending, user.name, process, slot)
        }
    }

    private func note(_ ending: Subprocess.Ending, _ user: String, _ process: OperatorProcess, _ slot: Int) {
        state.withLock { state in
            state.members[slot] = nil
            if let index = state.incarnations.firstIndex(where: { $0.user == user }) {
                state.incarnations[index].ended = clock.timestamp
            }
            let isExpected =
                switch ending {
                case .exited(0): true
                // Work that hangs is cut off when the grace period is over.
                case .exited(1): mayRetire || state.stopped.contains(process.process.pid)
                case .exited: false
                case .killed(SIGKILL): state.killed.contains(process.process.pid)
                // Told before it was ready to listen.
                case .killed(SIGTERM): state.stopped.contains(process.process.pid)
                case .killed: false
                }
            guard !isExpected else { return }
            let words = process.process.lines.suffix(5).joined(separator: "\n")
            state.crashes.append(Violation(.crashed, "operator \(user)", "\(ending)\n\(words)"))
        }
    }
}

/// Users for operators, of one group that may do what the operator's role says; a run of a program takes one.
final class UserPool: Sendable {
    static let group = "chaos-operators"
    private static let size = 2000

    private let controlPlane: ControlPlane
    private let count = Locked(0)
    /// Teaches the API server the users' tokens, for which it is started anew.
    init(_ controlPlane: ControlPlane) async throws {
        self.controlPlane = controlPlane
        var lines = try FileSystem.read(controlPlane.tokenAuthFile, limit: 1 << 20)
        for index in 0..<Self.size {
            lines += Array("\(Self.token(index)),chaos-\(index),chaos-\(index),\(Self.group)\n".utf8)
        }
        try FileSystem.replace(controlPlane.tokenAuthFile, with: lines)
        try await controlPlane.restartAPIServer(kill: true)
    }

    /// A user for one process, who finds the API server at a URL.
    func next(_ server: String) throws -> (name: String, kubeconfig: String) {
        let index = count.withLock { count in
            count += 1
            return count % Self.size
        }
        let path = "\(controlPlane.stateDirectory)/chaos-\(index).kubeconfig"
        let text = """
            apiVersion: v1
            kind: Config
            current-context: c
            contexts: [{name: c, context: {cluster: c, user: u}}]
            clusters:
              - name: c
                cluster: {server: "\(server)", certificate-authority: \(controlPlane.certificateAuthorityFile)}
            users: [{name: u, user: {token: \(Self.token(index))}}]

            """
        try FileSystem.replace(path, with: Array(text.utf8))
        return ("chaos-\(index)", path)
    }

    private static func token(_ index: Int) -> String { "chaos-token-\(index)" }
}
