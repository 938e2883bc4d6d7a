// SPDX-License-Identifier: Apache-2.0
import Platform

/// What is remembered about single nodes, brought up to date by a look.
enum NodeRecords {
    /// Notes what was seen of every node, and forgets nodes that are nowhere any more.
    static func update(_ context: FlowContext, _ record: inout LifecycleRecord) {
        let names = Set(context.desired.nodes.map(\.name))
        record.nodes = record.nodes.filter { names.contains($0.key) }
        for node in context.desired.nodes {
            note(node, context, &record)
            dropVoidOperation(of: node, context, &record)
        }
        record.operations = record.operations.filter { names.contains($0.key) || isKept($0.value) }
    }

    private static func note(
        _ node: DesiredNode, _ context: FlowContext, _ record: inout LifecycleRecord
    ) {
        var known = record.nodes[node.name] ?? NodeRecord()
        let seen = context.observation(of: node.name)
        known.readySince = node.hasMachine ? known.readySince ?? context.now : nil
        switch seen.contact {
        case .configured:
            // Its time in maintenance mode is over: if it ever comes back to that, it is another machine or an empty
            // one, with another key. While it is installed that is not so: Talos 1.13 answers like this meanwhile.
            if record.operations[node.name]?.kind != .install { known.fingerprint = nil }
            known.wasConfigured = true
            known.address = seen.address ?? known.address
            known.silentSince = nil
            noteEtcd(of: node, context, record, &known)
            noteConfig(of: node, seen, record, &known)
        case .maintenance(let fingerprint):
            known.silentSince = nil
            known.etcdIdleSince = nil
            known.appliedDigest = nil
            if seen.isPinned { known.fingerprint = fingerprint }
            trust(fingerprint, of: node, context, &record, &known)
        case .noAddress, .unreachable, .refused:
            known.silentSince = known.silentSince ?? context.now
        }
        record.nodes[node.name] = known
    }

    /// The first key that a machine shows is the one that it has to show from then on.
    private static func trust(
        _ fingerprint: String, of node: DesiredNode, _ context: FlowContext,
        _ record: inout LifecycleRecord, _ known: inout NodeRecord
    ) {
        let trusted = known.fingerprint ?? fingerprint
        known.fingerprint = trusted
        guard trusted != fingerprint, !node.isSurplus, node.hasMachine, !context.desired.isBeingDeleted else {
            return
        }
        let isInstalling =
            record.operations[node.name].map { $0.kind == .install && $0.attempts > 0 } ?? false
        record.halt(
            isInstalling ? .installFailed : .identityChanged,
            isInstalling
                ? """
                \(node.name) was sent its configuration and waits for one again, with the key \(fingerprint) instead \
                of \(trusted): its installation failed, or another machine answers at its address
                """
                : """
                \(node.name) waits for its configuration and shows the key \(fingerprint), but showed \(trusted) \
                before: it was started again, or it is another machine
                """, node: node.name, context)
    }

    private static func noteEtcd(
        of node: DesiredNode, _ context: FlowContext, _ record: LifecycleRecord, _ known: inout NodeRecord
    ) {
        guard node.role == .controlPlane else { return }
        let etcd = EtcdEvidence(context)
        if etcd.isIdle(on: node.name) {
            // One that was found empty, and has been installed by us, never had any.
            let isOurs = record.operations[node.name]?.kind == .install
            known.etcdIdleSince =
                known.etcdIdleSince ?? (isOurs ? Timestamp(nanosecondsSince1970: 0) : context.now)
        } else if etcd.isRunning(on: node.name) {
            known.etcdIdleSince = nil
        }
    }

    private static func noteConfig(
        of node: DesiredNode, _ seen: NodeObservation, _ record: LifecycleRecord, _ known: inout NodeRecord
    ) {
        // While something is under way the flow itself says when the configuration has arrived for good.
        guard seen.config == .matches, record.operations[node.name] == nil else { return }
        known.appliedDigest = node.configDigest ?? known.appliedDigest
        known.handledChange = nil
    }

    /// What was under way on a node that waits for its first configuration again is void.
    private static func dropVoidOperation(
        of node: DesiredNode, _ context: FlowContext, _ record: inout LifecycleRecord
    ) {
        guard let operation = record.operations[node.name] else { return }
        let isVoid =
            switch operation.kind {
            case .configure, .upgrade, .component: context.observation(of: node.name).isInMaintenance
            case .install: node.isSurplus || !node.hasMachine || node.isMachineLeaving
            case .remove, .replace, .teardown: false
            }
        if isVoid { record.operations[node.name] = nil }
    }

    /// Whether an operation goes on although its node is no node of the cluster any more.
    private static func isKept(_ operation: NodeOperation) -> Bool {
        switch operation.kind {
        case .remove, .replace, .teardown: true
        case .install, .configure, .upgrade, .component: false
        }
    }
}
