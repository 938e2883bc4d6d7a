// SPDX-License-Identifier: Apache-2.0
import Platform

extension LifecycleRecord {
    /// The record as it would be had the clock always shown so much more, or with a negative duration less.
    ///
    /// For a clock that was set: how long things have taken stays the same. The moment of a halt is for people and stays,
    /// and so does that of a bootstrap that is over.
    package func shifted(by jump: Duration) -> LifecycleRecord {
        var record = self
        if jump == .zero { return record }
        record.operations = operations.mapValues { $0.shifted(by: jump) }
        record.nodes = nodes.mapValues { $0.shifted(by: jump) }
        if let bootstrap, !bootstrap.isConfirmed { record.bootstrap?.since = bootstrap.since + jump }
        record.teardownSince = teardownSince.map { $0 + jump }
        if let snapshot { record.snapshot?.at = snapshot.at + jump }
        return record
    }
}

extension NodeOperation {
    fileprivate func shifted(by jump: Duration) -> NodeOperation {
        var operation = self
        operation.started = started + jump
        operation.since = since + jump
        operation.wellSince = wellSince.map { $0 + jump }
        return operation
    }
}

extension NodeRecord {
    fileprivate func shifted(by jump: Duration) -> NodeRecord {
        var node = self
        node.silentSince = silentSince.map { $0 + jump }
        node.readySince = readySince.map { $0 + jump }
        // That of a machine that was found empty is no measured time.
        node.etcdIdleSince = etcdIdleSince.map { $0.nanosecondsSince1970 == 0 ? $0 : $0 + jump }
        return node
    }
}
