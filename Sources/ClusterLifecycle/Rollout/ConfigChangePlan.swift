// SPDX-License-Identifier: Apache-2.0
import PKI

/// What is to be done about one node whose live configuration is not the rendered one.
struct ConfigChangePlan: Sendable, Hashable {
    /// Why the two differ.
    enum Cause: Sendable, Hashable {
        /// Another configuration was rendered than the one that the node had last.
        case rollOut
        /// The node had this very configuration, and somebody has changed it there.
        case drift
    }

    /// How the change is made.
    enum Manner: String, Sendable, Hashable {
        /// While the node runs.
        case live
        /// Staged on the empty node, which is rebooted then.
        case reboot
        /// Staged, and that is all.
        case stage
        /// Tried out, and taken back by the node itself.
        case trial
    }

    let node: DesiredNode
    let cause: Cause
    /// Nil if nothing is done about it; `obstacle` tells why.
    let manner: Manner?
    /// Why nothing is done about it; nil if something is, or if there is nothing to say.
    let obstacle: String?
    /// What differs; nil if the new configuration is staged and the node has yet to reboot.
    let change: ConfigChange?

    /// Looks at a node; nil if there is nothing that differs, or it is not known.
    init?(_ node: DesiredNode, _ context: FlowContext) {
        let known = context.record.nodes[node.name] ?? NodeRecord()
        let seen = context.observation(of: node.name)
        guard !node.isSurplus, node.hasMachine, !node.isMachineLeaving, seen.isConfigured,
            let digest = node.configDigest
        else { return nil }
        switch seen.config {
        case .unknown, .matches: return nil
        case .staged: change = nil
        case .differs(let found):
            // One that was compared with another configuration than the present one says nothing.
            guard found.configDigest == digest else { return nil }
            change = found
        }
        self.node = node
        cause = known.appliedDigest == digest ? .drift : .rollOut
        (manner, obstacle) = Self.manner(cause, change, known, context.desired.policy)
    }

    /// What it is approved by: another change, or another way to make it, needs another approval.
    var digest: String {
        let what = change.map(\.hash) ?? "staged \(node.configDigest ?? "")"
        let text = "config \(node.name) \(what) \(manner?.rawValue ?? "")"
        return String(SHA256.hexadecimal(of: Array(text.utf8)).prefix(16))
    }

    /// For people, in a few words.
    var summary: String {
        let kind = cause == .drift ? "put its configuration right" : "another configuration"
        let end =
            switch manner {
            case .live: ", without a reboot"
            case .reboot: change == nil ? ", staged, with a reboot" : ", with a reboot"
            case .stage: ", staged until it reboots"
            case .trial: ", tried out for a minute"
            case nil: ""
            }
        return kind + end
    }

    private static func manner(
        _ cause: Cause, _ change: ConfigChange?, _ known: NodeRecord, _ policy: LifecyclePolicy
    ) -> (Manner?, String?) {
        if cause == .drift {
            switch policy.drift {
            case .report: return (nil, nil)
            case .stage: return change == nil ? (nil, nil) : once(.stage, change, known)
            case .apply: break
            }
        }
        guard let change else {
            // What is staged already takes a reboot and no more.
            return [.auto, .reboot].contains(policy.rollout.mode) ? (.reboot, nil) : (nil, nil)
        }
        // A node that could not be asked, and of which no table tells, is taken to need a reboot.
        let needsReboot = change.needsReboot ?? true
        switch policy.rollout.mode {
        case .auto: return (needsReboot ? .reboot : .live, nil)
        case .reboot: return (.reboot, nil)
        case .staged: return once(.stage, change, known)
        case .noReboot:
            return needsReboot ? (nil, "needs a reboot, which the mode NoReboot excludes") : (.live, nil)
        case .try:
            return needsReboot ? (nil, "needs a reboot and cannot be tried out") : once(.trial, change, known)
        }
    }

    private static func once(
        _ manner: Manner, _ change: ConfigChange?, _ known: NodeRecord
    ) -> (Manner?, String?) {
        known.handledChange != nil && known.handledChange == change?.hash ? (nil, nil) : (manner, nil)
    }
}
