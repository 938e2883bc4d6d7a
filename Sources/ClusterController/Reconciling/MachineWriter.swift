// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import StructuredData

/// Carries out a `MachinePlan`: applies, then deletes, several at a time.
struct MachineWriter: Sendable {
    /// Requests in flight for one cluster.
    ///
    /// Watches share the connection with them, and with twice as many and eight workers a busy API server took the
    /// watches for too slow and ended them.
    private static let parallelism = 4

    let client: KubernetesClient
    let machines: MutationCache<Machine>
    /// Hears of every Machine that was applied, at once: the watch may show it any moment.
    let noteApplied: @Sendable (DesiredMachine, Machine) -> Void

    /// What became of one step of a plan.
    enum Step: Sendable {
        case created(DesiredMachine)
        case changed(DesiredMachine)
        case deleted(MachinePlan.Deletion)
        case failed(ObjectKey, APIError)
    }

    /// Does all of `plan` that can be done.
    ///
    /// A step that fails does not keep the others from being tried, unless they would fail alike.
    func carryOut(_ plan: MachinePlan) async -> [Step] {
        let applied = await run(plan.apply) { await self.apply($0) }
        return applied + (await run(plan.delete) { await self.delete($0) })
    }

    private func apply(_ application: MachinePlan.Application) async -> Step {
        let machine = application.machine
        do throws(APIError) {
            let applied = try await client.apply(Machine.self, machine.key, application.document)
            machines.record(written: applied.object)
            noteApplied(machine, applied.object)
            return applied.wasCreated ? .created(machine) : .changed(machine)
        } catch {
            return .failed(machine.key, error)
        }
    }

    /// Deletes that very Machine, whatever has its name by now.
    private func delete(_ deletion: MachinePlan.Deletion) async -> Step {
        do throws(APIError) {
            let deleted = try await client.delete(
                Machine.self, deletion.key, preconditions: Preconditions(uid: deletion.uid))
            switch deleted {
            case .gone: machines.record(deletedKey: deletion.key, uid: deletion.uid)
            case .terminating(let machine): machines.record(written: machine)
            }
            return .deleted(deletion)
        } catch {
            return .failed(deletion.key, error)
        }
    }

    private func run<Item: Sendable>(
        _ items: [Item], _ step: @escaping @Sendable (Item) async -> Step
    ) async -> [Step] {
        await inParallel(items, Self.parallelism, step) {
            if case .failed(_, let error) = $0 { error.concernsEveryRequest } else { false }
        }
    }
}

extension MachinePlan.Application {
    /// What is sent: with the UID of the Machine to put right, so that another one of its name is refused.
    var document: JSONValue {
        guard let existingUID else { return machine.document }
        return machine.document.mergePatched(with: ["metadata": ["uid": .string(existingUID)]])
    }
}
