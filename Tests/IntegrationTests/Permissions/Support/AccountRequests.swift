// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport

extension AuditEntry {
    /// What a role has to allow for the request.
    var permission: Permission {
        Permission(
            group: group, resource: subresource.isEmpty ? resource : "\(resource)/\(subresource)", verb: verb)
    }
}

extension Scenario {
    /// Everything that an account has asked for about resources, in the audit log's order.
    func requests(ofAccount account: Account) async throws -> [AuditEntry] {
        // The log is written after the answer: what was answered before ours may be written after it.
        _ = try await requests()
        return try await log(of: account)
    }

    /// Waits until an account is refused something, and returns what it was.
    func firstRefusal(ofAccount account: Account) async throws -> AuditEntry {
        while true {
            if let refusal = try await log(of: account).first(where: { $0.status == 403 }) { return refusal }
            try await SystemClock().sleep(for: .milliseconds(100))
        }
    }

    private func log(of account: Account) async throws -> [AuditEntry] {
        let grep = try Subprocess(["/usr/bin/grep", "-sF", "\"\(account.user)\"", controlPlane.auditLog])
        _ = await grep.ending()
        return try grep.lines.map(Self.entry).filter { $0.user == account.user && !$0.resource.isEmpty }
    }
}

/// Keeps tests that run side by side from all working at once.
final class Places: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Locked<State>

    init(_ count: Int) { state = Locked(State(free: count)) }

    /// Runs `body` when there is a place for it.
    func take(_ body: () async throws -> Void) async throws {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
        defer { leave() }
        try await body()
    }

    private func leave() {
        let next = state.withLock { state in
            if !state.waiting.isEmpty {
                return state.waiting.removeFirst() as CheckedContinuation<Void, Never>?
            }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
