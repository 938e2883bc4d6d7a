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
    private let clock = SystemClock()
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
    /// The log is written after the answer, by each request for itself: by the time that a second request of our own
    /// is answered and written, everything before the first is.
    func upToNow() async throws -> [AuditEntry] {
        try await mark()
        try await mark()
        return entries
    }

    private func mark() async throws {
        let marker = "marker-\(Random.hexadecimal(digits: 16))"
        _ = try await scenario.client.delete(ConfigMap.self, scenario.key(marker))
        while true {
            readOn()
            if state.withLock({ $0.markers.remove(marker) }) != nil { return }
            try await clock.sleep(for: .milliseconds(20))
        }
    }

    /// Forgets everything so far.
    func forget() { state.withLock { $0.entries = [] } }

    private func readOn() {
        let descriptor = open(scenario.controlPlane.auditLog, O_RDONLY)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        state.withLock { state in
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = pread(descriptor, &buffer, buffer.count, state.offset)
                guard count > 0 else { return }
                state.offset += count
                state.pending += buffer[..<count]
                var start = 0
                while let end = state.pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
                    take(state.pending[start..<end], &state)
                    start = end + 1
                }
                state.pending.removeSubrange(..<start)
            }
        }
    }

    private func take(_ line: ArraySlice<UInt8>, _ state: inout State) {
        // The last line of a server that was killed may be half a line.
        guard case .success(let event) = Result(catching: { try JSONValue(json: Array(line)) }),
            event["objectRef"]?["namespace"]?.string == scenario.namespace
        else { return }
        let entry = AuditEntry(event)
        guard entry.isWrite else { return }
        if entry.name.hasPrefix("marker-") {
            state.markers.insert(entry.name)
        } else {
            state.entries.append(entry)
        }
    }
}
