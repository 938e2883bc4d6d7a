// SPDX-License-Identifier: Apache-2.0
import Platform

/// One node's way to another configuration.
struct Configuring {
    /// What stands before the hash of a change that is staged or tried out, in place of a configuration's digest.
    static let staged = "stage "
    static let tried = "try "

    /// How long an apply that was not answered is given before it is made again.
    private static let grace: Duration = .seconds(15)
    /// How long a trial may take; the node takes it back after a minute.
    private static let trial: Duration = .seconds(120)

    private let node: DesiredNode
    private let digest: String

    init(_ node: DesiredNode, _ digest: String) {
        self.node = node
        self.digest = digest
    }

    /// Takes the node's operation as far as it goes now.
    func advance(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        guard let operation = decision.record.operations[node.name] else { return }
        switch operation.step {
        case .installing: pass(on: operation, context, &decision)
        case .applying where operation.bootID == nil: apply(operation, context, &decision)
        case .verifying where operation.bootID == nil: verify(operation, context, &decision)
        case .settling where operation.bootID == nil: settle(operation, context, &decision)
        default: disturb(context, &decision)
        }
    }

    /// Why the change may not be begun now although there is room for it; nil if it may.
    func obstacle(to manner: ConfigChangePlan.Manner, _ context: FlowContext) -> String? {
        switch manner {
        case .stage: return nil
        case .reboot:
            guard context.record.bootstrap?.isConfirmed == true else {
                return "it needs a reboot, for which the cluster has to be up"
            }
            return disturbance.obstacles(context).first
        case .live, .trial:
            // Before there is a cluster there is nothing to lose, and the change may be what brings it up; and a node
            // that is not well anyway may be put right by it.
            guard context.record.bootstrap?.isConfirmed == true, node.role == .controlPlane,
                context.problem(of: node) == nil
            else { return nil }
            for other in context.nodes(.controlPlane) where other.name != node.name && !other.isSurplus {
                if let problem = context.problem(of: other) { return "\(other.name) \(problem)" }
            }
            return EtcdGuard(context).health.message
        }
    }
}

extension Configuring {
    private var disturbance: Disturbance {
        var disturbance = Disturbance(node, middle: .applying)
        disturbance.judge = { [digest] seen in
            switch seen.config {
            case .matches: .asExpected
            case .differs(let change) where change.configDigest != digest:
                // Something else is desired by now, which is the next change.
                .asExpected
            case .unknown: .notYet(seen.configProblem ?? "its configuration has not been read yet")
            case .differs, .staged: .notYet("it does not have its new configuration yet")
            }
        }
        return disturbance
    }

    private func disturb(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        lookAgain(context, &decision)
        // What is staged is followed by the reboot at once.
        for _ in 0..<2 {
            switch disturbance.advance(context.with(decision.record), &decision) {
            case .waiting, .withdrawn: return
            case .finished: return finish(context, &decision)
            case .own: if !stage(context, &decision) { return }
            }
        }
    }

    /// Takes an operation back that waits in vain for a node to have its configuration.
    ///
    /// A node that has rebooted by itself just before the configuration was staged has yet to be rebooted for it. One that
    /// has come up without it is given it once more, after a halt and not before.
    private func lookAgain(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        let seen = context.observation(of: node.name)
        guard var operation = decision.record.operations[node.name], operation.step == .verifying,
            seen.stage == .running, let bootID = seen.bootID
        else { return }
        let isResumed = operation.isHalted && decision.record.halt == nil
        if operation.isHalted && !isResumed { return }
        let limit = context.desired.policy.timeouts.reboot
        switch seen.config {
        // One on which it stays staged for ever is not rebooted for ever.
        case .staged where isResumed || operation.started + limit > context.now:
            operation.bootID = bootID
            operation.isHalted = false
            operation.advance(to: .rebooting, at: context.now)
        case .differs(let change) where change.configDigest == digest && isResumed:
            operation.isHalted = false
            operation.advance(to: .applying, at: context.now)
        default: return
        }
        decision.record.operations[node.name] = operation
    }

    /// Stages the configuration on the empty node; whether it is to be rebooted now.
    private func stage(_ context: FlowContext, _ decision: inout LifecycleDecision) -> Bool {
        guard var operation = decision.record.operations[node.name] else { return false }
        // It may have rebooted by itself since it was emptied: the boot that counts is the one that is to end.
        if let bootID = context.observation(of: node.name).bootID { operation.bootID = bootID }
        let limit = context.desired.policy.timeouts.component
        if isAnother(context.with(decision.record)) {
            disturbance.withdraw(context, &decision)
            return true
        }
        switch context.observation(of: node.name).config {
        case .staged:
            operation.advance(to: .rebooting, at: context.now)
            decision.record.operations[node.name] = operation
            return true
        case .matches:
            // Somebody else was faster.
            disturbance.withdraw(context, &decision)
            return true
        case .differs, .unknown: break
        }
        if decision.record.isOverdue(operation, limit, at: context.now) {
            disturbance.halt(
                .configRejected,
                "\(node.name) did not take its configuration within \(limit)\(said(operation))",
                context, &decision)
            return false
        }
        request(.staged, operation, context, &decision)
        return false
    }

    /// Whether what the node would be given now is another change than the one that was begun, or that was approved.
    private func isAnother(_ context: FlowContext) -> Bool {
        guard node.configDigest == digest else { return true }
        guard let plan = ConfigChangePlan(node, context), plan.change != nil else { return false }
        return !context.isApproved(plan.digest)
    }

    private func request(
        _ mode: LifecycleAction.ApplyMode, _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) {
        var operation = operation
        decision.waits.append(
            Wait(
                "\(node.name) is given its changed configuration\(said(operation))", node: node.name,
                until: operation.since + context.desired.policy.timeouts.component))
        guard operation.attempts == 0 || operation.since + Self.grace * operation.attempts <= context.now
        else { return }
        operation.attempts += 1
        decision.record.operations[node.name] = operation
        // From here on it is not known which one it has, so that another one than desired is not taken for drift.
        if operation.step == .applying { decision.record.nodes[node.name]?.appliedDigest = nil }
        decision.actions.append(LifecycleAction(.apply(mode), on: node.name))
    }

    private func said(_ operation: NodeOperation) -> String {
        operation.lastError.map { ": \($0)" } ?? ""
    }

    /// The change is made: from now on the node is known to have this configuration.
    private func finish(_ context: FlowContext, _ decision: inout LifecycleDecision) {
        decision.record.operations[node.name] = nil
        if context.observation(of: node.name).config == .matches, node.configDigest == digest {
            decision.record.nodes[node.name]?.appliedDigest = digest
        }
    }
}

extension Configuring {
    /// Makes the change on the node as it runs.
    private func apply(
        _ operation: NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard var operation = standing(operation, context, &decision) else { return }
        switch context.observation(of: node.name).config {
        case .matches:
            operation.advance(to: .verifying, at: context.now)
            decision.record.operations[node.name] = operation
            return verify(operation, context, &decision)
        case _ where isAnother(context.with(decision.record)):
            decision.record.operations[node.name] = nil
            return
        case .differs(let change) where change.needsReboot == true && operation.attempts == 0:
            // It can be made so no more: it is planned anew.
            decision.record.operations[node.name] = nil
            return
        case .differs, .staged, .unknown: break
        }
        let limit = context.desired.policy.timeouts.component
        if decision.record.isOverdue(operation, limit, at: context.now) {
            return halt(
                .configRejected,
                "\(node.name) did not take its configuration within \(limit)\(said(operation))",
                context, &decision)
        }
        request(.noReboot, operation, context, &decision)
    }

    /// The node has to have the configuration and to be well with it.
    private func verify(
        _ operation: NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard var operation = standing(operation, context, &decision) else { return }
        let seen = context.observation(of: node.name)
        var problem = illness(context)
        switch seen.config {
        case .matches: break
        case .differs(let change) where change.configDigest != digest:
            decision.record.operations[node.name] = nil
            return
        case .unknown: problem = problem ?? seen.configProblem ?? "its configuration has not been read yet"
        case .differs, .staged: problem = "it does not have its changed configuration"
        }
        guard let problem else {
            operation.advance(to: .settling, at: context.now)
            decision.record.operations[node.name] = operation
            return settle(operation, context, &decision)
        }
        wait(for: problem, operation, context, &decision)
    }

    private func settle(
        _ operation: NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        guard var operation = standing(operation, context, &decision) else { return }
        if let problem = illness(context) {
            operation.wellSince = nil
            decision.record.operations[node.name] = operation
            return wait(for: problem, operation, context, &decision)
        }
        let since = min(operation.wellSince ?? context.now, context.now)
        operation.wellSince = since
        decision.record.operations[node.name] = operation
        let limit = context.desired.policy.timeouts.settle
        if since + limit <= context.now { return finish(context, &decision) }
        decision.waits.append(
            Wait(
                "\(node.name) is well with its changed configuration, and watched for \(limit)",
                node: node.name))
    }

    /// What is wrong with the node; before there is a cluster it cannot be well, and only has to answer.
    private func illness(_ context: FlowContext) -> String? {
        guard context.record.bootstrap?.isConfirmed == true else {
            return context.observation(of: node.name).isConfigured ? nil : "it does not answer"
        }
        return context.problem(of: node)
    }

    private func wait(
        for problem: String, _ operation: NodeOperation, _ context: FlowContext,
        _ decision: inout LifecycleDecision
    ) {
        let limit = context.desired.policy.timeouts.component
        guard decision.record.isOverdue(operation, limit, at: context.now) else {
            decision.waits.append(
                Wait(
                    "\(node.name) has its changed configuration: \(problem)", node: node.name,
                    until: operation.since + limit))
            return
        }
        halt(
            .configFailed,
            "\(node.name) has had its changed configuration for \(limit) and is not well: \(problem)",
            context, &decision)
    }

    private func halt(
        _ reason: HaltReason, _ message: String, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        disturbance.halt(reason, message, context, &decision)
    }

    /// The operation with all its time again if a halt is over; nil if it is not, or if the configuration is another
    /// one by now, which is planned anew.
    private func standing(
        _ operation: NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) -> NodeOperation? {
        guard operation.isHalted else { return operation }
        if let halt = decision.record.halt {
            decision.waits.append(
                Wait("\(node.name) stopped at \(operation.step.rawValue): \(halt.message)", node: node.name))
            return nil
        }
        guard node.configDigest == digest else {
            decision.record.operations[node.name] = nil
            return nil
        }
        var operation = operation
        operation.isHalted = false
        operation.since = context.now
        operation.attempts = 0
        decision.record.operations[node.name] = operation
        return operation
    }
}

extension Configuring {
    /// Stages the change or tries it out: the request is all there is to it.
    private func pass(
        on operation: NodeOperation, _ context: FlowContext, _ decision: inout LifecycleDecision
    ) {
        let isTrial = digest.hasPrefix(Self.tried)
        let hash = String(digest.dropFirst(isTrial ? Self.tried.count : Self.staged.count))
        if operation.isHalted, decision.record.halt != nil { return }
        if let done = operation.wellSince {
            // While it is being tried out the node looks as if it had the configuration for good.
            if isTrial, context.now < done + Self.trial, done <= context.now {
                decision.waits.append(
                    Wait("\(node.name) tries its changed configuration out", node: node.name))
                return
            }
            decision.record.nodes[node.name, default: NodeRecord()].handledChange = hash
            decision.record.operations[node.name] = nil
            return
        }
        let limit = context.desired.policy.timeouts.component
        if operation.isHalted || decision.record.isOverdue(operation, limit, at: context.now) {
            // It is planned anew.
            decision.record.operations[node.name] = nil
            return
        }
        switch context.observation(of: node.name).config {
        case .differs(let change) where change.hash == hash: break
        case .unknown:
            return decision.waits.append(
                Wait("\(node.name) does not tell its configuration", node: node.name))
        case .matches where isTrial && operation.attempts > 0:
            // The reply was lost, and the trial has begun.
            decision.record.operations[node.name]?.wellSince = context.now
            return
        case .matches, .staged, .differs:
            // It is there, or it would be another change by now.
            decision.record.operations[node.name] = nil
            return
        }
        request(isTrial ? .try : .staged, operation, context, &decision)
    }
}
