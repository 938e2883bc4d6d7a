// SPDX-License-Identifier: Apache-2.0
import Platform

/// When a halt ends.
enum Halting {
    /// Takes a halt away when something else is desired, when somebody has asked to go on, or when what it was about has
    /// come right by itself.
    ///
    /// What stood still has all its time again then; otherwise the next look would halt at once.
    static func lift(_ context: FlowContext, _ record: inout LifecycleRecord) {
        guard let halt = record.halt else { return }
        let isResumed = halt.resumeToken != context.desired.resumeToken
        // To desire something else is not to vouch for a machine.
        let isAnswered =
            isResumed || halt.desiredHash != context.desired.digest && !halt.reason.isAboutKey
        guard isAnswered || isOver(halt, context, record) else { return }
        record.halt = nil
        if halt.reason.isAboutKey, isResumed, let node = halt.node {
            // Somebody has looked: the key that the machine shows now is the one that counts.
            record.nodes[node]?.fingerprint = nil
            if record.operations[node]?.kind == .install { record.operations[node] = nil }
        }
        guard isAnswered else { return }
        for (name, operation) in record.operations where operation.kind == .install {
            record.operations[name]?.started = context.now
            record.operations[name]?.advance(to: operation.step, at: context.now)
        }
        for name in record.nodes.keys where record.nodes[name]?.readySince != nil {
            record.nodes[name]?.readySince = context.now
        }
        if record.bootstrap?.isConfirmed == false { record.bootstrap?.since = context.now }
    }

    /// Whether what a halt is about is not so any more: a machine has come after all, or etcd has.
    private static func isOver(_ halt: Halt, _ context: FlowContext, _ record: LifecycleRecord) -> Bool {
        switch halt.reason {
        case .contactTimedOut, .installTimedOut, .installFailed, .identityChanged:
            guard let name = halt.node, let node = context.desired.nodes.first(where: { $0.name == name }),
                !node.isSurplus
            else { return true }
            let seen = context.observation(of: name)
            if seen.isInMaintenance {
                return halt.reason == .contactTimedOut || halt.reason.isAboutKey && seen.isPinned
            }
            return seen.isConfigured && InstallFlow.isInstalled(node, seen, record)
        case .bootstrappedBefore:
            return record.bootstrap != nil || context.desired.earlierBootstrap == nil
        case .bootstrapUncertain, .clusterLost: return EtcdEvidence(context).isRunning
        default: return false
        }
    }
}

extension HaltReason {
    /// Whether it is about one machine that is not part of the cluster yet: others are installed in spite of it, and a
    /// cluster that is not there yet is made of those that are.
    var isAboutOneMachine: Bool {
        switch self {
        case .contactTimedOut, .identityChanged, .installTimedOut, .installFailed, .configRejected: true
        default: false
        }
    }

    /// Whether it is about the key of a machine, which only somebody who has looked at the machine can vouch for.
    var isAboutKey: Bool { self == .identityChanged || self == .installFailed }
}

extension FlowContext {
    /// Why no machine may be installed and no cluster made of them, as a sentence; nil if that may be.
    var comingUpObstacle: String? {
        if desired.isPaused { return "the cluster is paused" }
        if let halt = record.halt, !halt.reason.isAboutOneMachine { return "halted: \(halt.reason.rawValue)" }
        if record.bootstrap == nil, desired.earlierBootstrap != nil { return "etcd was begun before" }
        return isHeld ? "something else is asked for" : nil
    }
}
