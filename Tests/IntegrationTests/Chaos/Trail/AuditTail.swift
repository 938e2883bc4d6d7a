// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// Reads the API server's audit log as it grows, and keeps what is about one namespace.
final class AuditTail: Sendable {
    private struct State {
        var offset = 0
        var pending: [UInt8] = []
        var entries: [AuditEntry] = []
        var markers: Set<String> = []
    }

    private let scenario: Scenario
    private let state = Locked(State())

    /// Begins at the present end of the log.
    init(_ scenario: Scenario) {
        self.scenario = scenario
        var status = stat()
        if stat(scenario.controlPlane.auditLog, &status) == 0 {
            state.withLock { $0.offset = status.st_size }
        }
    }

    /// Everything so far, without what anybody merely read.
    var entries: [AuditEntry] { state.withLock { $0.entries } }

    /// Returns everything up to now.
    ///
    /// The log is written after the answer, so a request of our own marks the present.
    func upToNow() async throws -> [AuditEntry] {
        let marker = "marker-\(Random.hexadecimal(digits: 16))"
        _ = try await scenario.client.delete(ConfigMap.self, scenario.key(marker))
        while true {
            try readOn()
            if state.withLock({ $0.markers.contains(marker) }) { return entries }
            try await SystemClock().sleep(for: .milliseconds(20))
        }
    }

    /// Forgets everything so far.
    func forget() { state.withLock { $0.entries = [] } }

    private func readOn() throws {
        let descriptor = open(scenario.controlPlane.auditLog, O_RDONLY)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        try state.withLock { state in
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = pread(descriptor, &buffer, buffer.count, state.offset)
                guard count > 0 else { return }
                state.offset += count
                state.pending += buffer[..<count]
                var start = 0
                while let end = state.pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
                    try take(state.pending[start..<end], &state)
                    start = end + 1
                }
                state.pending.removeSubrange(..<start)
            }
        }
    }

    private func take(_ line: ArraySlice<UInt8>, _ state: inout State) throws {
        let event = try JSONValue(json: Array(line))
        guard event["objectRef"]?["namespace"]?.string == scenario.namespace else { return }
        let entry = AuditEntry(event)
        guard entry.isWrite else { return }
        if entry.name.hasPrefix("marker-") {
            state.markers.insert(entry.name)
        } else {
            state.entries.append(entry)
        }
    }
}
