// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

@Suite("The record of a cluster whose clock is set")
struct LifecycleRecordClockTests {
    private let noon = Timestamp(nanosecondsSince1970: 1_767_268_800_000_000_000)

    /// A record with every time that there is.
    private func record(at now: Timestamp) -> LifecycleRecord {
        var record = LifecycleRecord()
        record.bootstrap = BootstrapRecord(node: "c0", since: now)
        record.teardownSince = now
        record.snapshot = SnapshotRecord(at: now, location: "a")
        var operation = NodeOperation(.remove, .draining, at: now)
        operation.wellSince = now
        record.operations["c0"] = operation
        var node = NodeRecord()
        (node.silentSince, node.readySince, node.etcdIdleSince) = (now, now, now)
        record.nodes["c0"] = node
        return record
    }

    @Test("Everything that is measured moves along", arguments: [3600, -3600])
    func measured(_ seconds: Int) {
        let jump = Duration.seconds(seconds)
        #expect(record(at: noon).shifted(by: jump) == record(at: noon + jump))
        #expect(record(at: noon).shifted(by: .zero) == record(at: noon))
    }

    @Test("What is for people alone stays, and so does what was never measured")
    func kept() {
        var record = LifecycleRecord()
        record.bootstrap = BootstrapRecord(node: "c0", since: noon, isConfirmed: true)
        record.halt = Halt(
            .drainTimedOut, "", node: "c0", at: noon, resumeToken: nil, desiredHash: "")
        var node = NodeRecord()
        node.etcdIdleSince = Timestamp(nanosecondsSince1970: 0)
        record.nodes["c0"] = node
        #expect(record.shifted(by: .seconds(3600)) == record)
    }
}
