// SPDX-License-Identifier: Apache-2.0
import Platform
import Talos

/// One node's upgrade, from the fetched image to the reboot into the new release.
struct NodeUpgrade {
    private let node: DesiredNode
    private let context: FlowContext
    private let image: String
    private let release: Release
    private let disturbance: Disturbance

    /// How often a call that can be made again is made before the upgrade halts.
    private static let attempts = 3
    /// How long after the last try an image is pulled again.
    private static let pullPause: Duration = .seconds(15)

    /// Nil if no upgrade of the node is under way.
    init?(_ name: String, _ context: FlowContext, _ record: LifecycleRecord) {
        guard let operation = record.operations[name], case .upgrade(let image, let release) = operation.kind
        else { return nil }
        let gone = DesiredNode(
            name: name, role: .worker, isSurplus: true, configDigest: nil, installer: image)
        node = context.desired.nodes.first { $0.name == name } ?? gone
        self.context = context.with(record)
        self.image = image
        self.release = release
        disturbance = Self.disturbance(node, operation, context)
    }

    static func disturbance(
        _ node: DesiredNode, _ operation: NodeOperation, _ context: FlowContext
    ) -> Disturbance {
        var disturbance = Disturbance(node, middle: .installing)
        disturbance.rebootMode = context.desired.policy.upgrade.rebootMode
        disturbance.takesSnapshot = context.desired.policy.upgrade.snapshot
        disturbance.failure = .upgradeFailed
        guard case .upgrade(_, let release) = operation.kind else { return disturbance }
        disturbance.judge = { judge($0, node, release) }
        return disturbance
    }

    /// A node that came up with anything else than it was to run has gone back to what it had.
    private static func judge(
        _ seen: NodeObservation, _ node: DesiredNode, _ release: Release
    ) -> Disturbance.Outcome {
        guard let talos = seen.talos else { return .notYet("does not say which release it runs") }
        guard talos == release else {
            return .failed(
                .upgradeRolledBack, "\(node.name) came up with Talos \(talos) instead of \(release)")
        }
        guard let desired = node.schematic, desired != seen.schematic else { return .asExpected }
        guard let schematic = seen.schematic else { return .notYet("does not say which extensions it runs") }
        return .failed(
            .upgradeFailed,
            "\(node.name) runs schematic \(schematic.prefix(12)) instead of \(desired.prefix(12)), though its image "
                + "is of that one")
    }

    /// Takes the upgrade as far as it goes now.
    func advance(_ decision: inout LifecycleDecision) {
        guard context.desired.nodes.contains(where: { $0.name == node.name }) else {
            decision.record.operations[node.name] = nil
            return
        }
        if isObsolete(decision.record) { disturbance.withdraw(context, &decision) }
        if step(decision.record) == .pulling {
            guard disturbance.mayGoOn(context, &decision) else { return }
            pull(&decision)
            guard step(decision.record) != .pulling else { return }
        }
        // Twice, as the installation may turn out to be over.
        for _ in 0..<2 {
            guard case .own(.installing) = disturbance.advance(context.with(decision.record), &decision)
            else {
                return
            }
            install(&decision)
            guard step(decision.record) != .installing else { return }
        }
    }

    private func step(_ record: LifecycleRecord) -> OperationStep? { record.operations[node.name]?.step }

    /// Whether the node is not to be upgraded like this any more, and nothing has been installed yet.
    private func isObsolete(_ record: LifecycleRecord) -> Bool {
        guard let operation = record.operations[node.name] else { return false }
        switch operation.step {
        case .pulling, .checking, .snapshotting, .cordoning, .draining: break
        case .installing where operation.attempts == 0: break
        default: return false
        }
        if node.isSurplus || node.isMachineLeaving { return true }
        let target = context.desired.talos
        guard release == target || release.line < target.line else { return true }
        let need = UpgradeNeed(context)
        if need.release(of: node) != nil, !need.needs(node, release) { return true }
        return need.image(for: node, release) != image
    }

    /// Fetches the image ahead of time, so that a node is not emptied for one that is not there.
    private func pull(_ decision: inout LifecycleDecision) {
        guard let operation = decision.record.operations[node.name] else { return }
        let action = LifecycleAction.Kind.pull(image: image, isSystem: true)
        let limit = context.desired.policy.timeouts.pull
        switch context.observation(of: node.name).longCall {
        case .running(action): break
        case .done(action) where operation.attempts > 0:
            decision.record.operations[node.name]?.advance(to: .checking, at: context.now)
            return
        case .failed(action, let message) where operation.attempts >= Self.attempts:
            disturbance.halt(
                .imagePullFailed, "\(node.name) cannot pull \(image): \(message)", context, &decision)
            return
        case let end:
            if decision.record.halt != nil { return disturbance.withdraw(context, &decision) }
            if case .lost(action, let message) = end {
                decision.record.operations[node.name]?.lastError = message
            }
            // Pulling again what is there already is over at once.
            decision.ask(action, for: node.name, every: Self.pullPause, context)
        }
        guard let operation = decision.record.operations[node.name] else { return }
        if context.record.isOverdue(operation, limit, at: context.now) {
            decision.actions.removeAll { $0.node == node.name }
            let said = disturbance.said(operation)
            disturbance.halt(
                .imagePullFailed, "\(node.name) has not pulled \(image) within \(limit)\(said)", context,
                &decision)
            return
        }
        wait("pulls \(image)", operation, limit, &decision)
    }

    /// Asks for the installation unless it is under way or over.
    private func install(_ decision: inout LifecycleDecision) {
        guard let operation = decision.record.operations[node.name] else { return }
        let seen = context.observation(of: node.name)
        let limit = context.desired.policy.timeouts.reboot
        if let bootID = seen.bootID, let before = operation.bootID, bootID != before {
            decision.record.operations[node.name]?.advance(to: .verifying, at: context.now)
            return
        }
        if context.record.isOverdue(operation, limit, at: context.now) {
            let said = disturbance.said(operation)
            disturbance.halt(
                .upgradeFailed, "\(node.name) did not install Talos \(release) within \(limit)\(said)",
                context,
                &decision)
            return
        }
        guard seen.isConfigured, seen.stage == .running, let talos = seen.talos else {
            return wait("installs Talos \(release)", operation, limit, &decision)
        }
        switch seen.longCall {
        case .running(.upgrade):
            return wait("installs Talos \(release)", operation, limit, &decision)
        case .done(.upgrade(image, .lifecycle)) where operation.attempts > 0:
            decision.record.operations[node.name]?.advance(to: .rebooting, at: context.now)
            return
        case .refused(.upgrade, let message) where operation.attempts > 0:
            return disturbance.halt(
                .upgradeFailed, "\(node.name) refuses Talos \(release): \(message)", context, &decision)
        case .failed(.upgrade, let message):
            decision.record.operations[node.name]?.lastError = message
            guard operation.attempts < Self.attempts else {
                return disturbance.halt(
                    .upgradeFailed, "\(node.name) cannot install Talos \(release): \(message)", context,
                    &decision)
            }
        case .lost(.upgrade, let message):
            decision.record.operations[node.name]?.lastError = message
        default: break
        }
        ask(operation, talos, limit, &decision)
    }

    /// Makes the request, or waits if it was made a short while ago or something has come in the way.
    private func ask(
        _ operation: NodeOperation, _ talos: Release, _ limit: Duration, _ decision: inout LifecycleDecision
    ) {
        let call = call(for: talos)
        // An accepted request shows on the node soon; where it does not it was lost, and can be made again.
        let pause: Duration = call == .lifecycle ? .seconds(15) : .seconds(120)
        if operation.attempts > 0, context.now < operation.since + pause * operation.attempts {
            return wait("was asked to install Talos \(release)", operation, limit, &decision)
        }
        if call != .lifecycle, disturbance.isOccupied(context) {
            decision.record.operations[node.name]?.advance(to: .cordoning, at: context.now)
            return wait("is emptied once more", operation, limit, &decision)
        }
        var obstacles = disturbance.obstacles(context.with(decision.record))
        if let halt = decision.record.halt { obstacles.append("halted: \(halt.reason.rawValue)") }
        guard obstacles.isEmpty else {
            let message = obstacles.joined(separator: "; ")
            return wait("is not upgraded yet: \(message)", operation, limit, &decision)
        }
        decision.record.operations[node.name]?.attempts += 1
        decision.actions.append(LifecycleAction(.upgrade(image: image, call), on: node.name))
        wait("installs Talos \(release)", operation, limit, &decision)
    }

    /// How a node that runs `talos` is asked.
    ///
    /// Up to 1.7 a control-plane node that does not preserve leaves etcd and wipes its data; since 1.12 one that does
    /// preserve skips its own check of etcd.
    private func call(for talos: Release) -> LifecycleAction.UpgradeCall {
        let policy = context.desired.policy.upgrade
        if talos > Release(minor: 13, suffix: "alpha.2") { return .lifecycle }
        return .legacy(
            preserve: talos.line <= TalosVersion(minor: 7), stage: policy.stage, reboot: policy.rebootMode)
    }

    private func wait(
        _ message: String, _ operation: NodeOperation, _ limit: Duration, _ decision: inout LifecycleDecision
    ) {
        _ = disturbance.wait(message, operation, limit, &decision)
    }
}

extension NodeUpgrade {
    /// Notes what became of a pull or of an installation.
    static func absorb(
        _ result: ActionResult, of action: LifecycleAction, _ context: FlowContext,
        _ record: inout LifecycleRecord
    ) {
        guard var operation = record.operations[action.node], case .upgrade(_, let release) = operation.kind
        else { return }
        let isPull = if case .pull = action.kind { true } else { false }
        guard operation.step == (isPull ? .pulling : .installing) else { return }
        switch result {
        case .done where isPull, .alreadyDone where isPull:
            operation.advance(to: .checking, at: context.now)
        case .done where action.isLifecycleUpgrade, .alreadyDone where action.isLifecycleUpgrade:
            operation.advance(to: .rebooting, at: context.now)
        case .done, .alreadyDone, .running:
            operation.lastError = nil
        case .partly(let message), .unknown(let message):
            operation.lastError = message
        case .notNow(let message):
            operation.lastError = message
            operation.attempts = max(0, operation.attempts - 1)
        case .refused(let message):
            operation.lastError = message
            operation.isHalted = record.halt == nil || operation.isHalted
            let what = isPull ? "cannot pull its image" : "refuses Talos \(release)"
            record.halt(
                isPull ? .imagePullFailed : .upgradeFailed, "\(action.node) \(what): \(message)",
                node: action.node, context)
        }
        record.operations[action.node] = operation
    }
}

extension LifecycleAction {
    fileprivate var isLifecycleUpgrade: Bool {
        if case .upgrade(_, .lifecycle) = kind { true } else { false }
    }
}
