// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes

/// What became of a `MachinePlan`, summed up.
struct MachineResults: Sendable {
    private(set) var created: [DesiredMachine] = []
    private(set) var changed = 0
    private(set) var deleted = 0
    private var failures: [(key: ObjectKey, error: APIError)] = []
    private let plan: MachinePlan

    init(_ plan: MachinePlan, _ steps: [MachineWriter.Step]) {
        self.plan = plan
        for step in steps {
            switch step {
            case .created(let machine): created.append(machine)
            case .changed: changed += 1
            case .deleted: deleted += 1
            case .failed(let key, let error): failures.append((key, error))
            }
        }
        failures.sort { $0.key < $1.key }
    }

    /// Why desired Machines do not exist or are not as they should be, one sentence each.
    var problems: [String] {
        plan.obstacles.sentences
            + (plan.withheld.isEmpty ? [] : [plan.withheld.waitingSentence])
            + plan.terminating.map { "Machine \($0.name) is being deleted and is made again once it is gone" }
            + failures.map { "Machine \($0.key.name): \($0.error.explanation)" }
    }

    /// The error to end the reconcile with once the status has been told; the gravest one counts.
    var error: ReconcileError? {
        let grave = failures.filter { !$0.error.isNobodysFault }
        if let refused = grave.first(where: { $0.error.isAboutOwner }) {
            return .ownerReference("Machine \(refused.key): \(refused.error.explanation)")
        }
        if let first = grave.first {
            let others = grave.count == 1 ? "" : " (and \(grave.count - 1) more)"
            return .machineCreation(
                "Machine \(first.key): \(first.error.explanation)\(others)",
                disposition: grave.allSatisfy(\.error.concernsEveryRequest) ? .unavailable : .retry,
                retryAfter: grave.compactMap { $0.error.status?.retryAfter }.max())
        }
        if !plan.obstacles.isEmpty {
            return .ownerReference(plan.obstacles.sentences.joined(separator: "; "))
        }
        return conflict
    }

    /// Set if the worst that happened is that somebody else was faster: then nothing is worth a report.
    var conflict: ReconcileError? {
        guard let first = failures.first, failures.allSatisfy({ $0.error.isNobodysFault }) else { return nil }
        return .conflict("Machine \(first.key): \(first.error.explanation)")
    }
}

extension [MachinePlan.Obstacle] {
    /// Names the Machines and whose they are, a sentence for each owner.
    var sentences: [String] {
        var owners: [OwnerReference?] = []
        for obstacle in self where !owners.contains(obstacle.owner) { owners.append(obstacle.owner) }
        return owners.map { owner in
            let names = filter { $0.owner == owner }.map(\.key.name)
            let (noun, belong) = names.count == 1 ? ("Machine", "belongs") : ("Machines", "belong")
            let subject = "\(noun) \(names.joined(separator: ", "))"
            guard let owner else { return "\(subject) without a controller: left alone" }
            return "\(subject) \(belong) to \(owner.kind) \(owner.name) (UID \(owner.uid))"
        }
    }
}

extension [ObjectKey] {
    /// Says which Machines are not made yet.
    fileprivate var waitingSentence: String {
        let (noun, wait) = count == 1 ? ("Machine", "waits for its") : ("Machines", "wait for their")
        return "\(noun) \(map(\.name).joined(separator: ", ")) \(wait) configuration"
    }
}
