// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import StructuredData

/// What a round of evictions has left.
struct DrainRound: Sendable, Hashable {
    /// How many pods are still on the node, those on their way out included.
    var left: Int
    /// What keeps pods where they are, one sentence each.
    var blockers: [String]

    /// The round as the result of an action.
    var result: ActionResult {
        guard left > 0 else { return .done }
        let pods = left == 1 ? "1 pod is left" : "\(left) pods are left"
        return .partly(([pods] + blockers.prefix(3)).joined(separator: "; "))
    }
}

extension WorkloadCluster {
    /// Asks once for the eviction of every pod that is to go from a node.
    ///
    /// With `force` pods are deleted instead, with the time they ask for to end, in spite of their budgets.
    func drain(_ node: String, force: Bool) async throws(APIError) -> DrainRound {
        let pods = try await evictablePods(on: node)
        let present = pods.filter { !$0.metadata.isBeingDeleted }
        let version = force || present.isEmpty ? "" : try await evictionVersion()
        let steps = await inParallel(present, Self.evictionsAtATime) { pod in
            await force ? delete(pod) : evict(pod, version)
        } isLast: { step in
            if case .failure(let error) = step { error.status == nil } else { false }
        }
        var blockers: [String] = []
        for step in steps {
            switch step {
            case .success(let blocker): if let blocker { blockers.append(blocker) }
            // No answer: the next ones would have none either.
            case .failure(let error) where error.status == nil: throw error
            case .failure(let error): blockers.append("\(error)")
            }
        }
        return DrainRound(left: pods.count, blockers: blockers.sorted())
    }

    private typealias Step = Result<String?, APIError>

    /// What keeps the pod; nil if nothing does.
    private func evict(_ pod: WorkloadPod, _ version: String) async -> Step {
        do throws(APIError) {
            switch try await client.evict(pod.key, uid: pod.metadata.uid, version: version) {
            case .begun, .gone: return .success(nil)
            case .blocked(let reason): return .success("\(pod.key): \(reason)")
            }
        } catch {
            return error.status == nil ? .failure(error) : .success("\(pod.key): \(error)")
        }
    }

    private func delete(_ pod: WorkloadPod) async -> Step {
        do throws(APIError) {
            _ = try await client.delete(
                WorkloadPod.self, pod.key, preconditions: Preconditions(uid: pod.metadata.uid))
            return .success(nil)
        } catch {
            return error.status == nil ? .failure(error) : .success("\(pod.key): \(error)")
        }
    }

    /// `v1` since Kubernetes 1.22; before that the server takes nothing but `v1beta1`.
    private func evictionVersion() async throws(APIError) -> String {
        let isServed = try await client.resources(inGroupVersion: "policy/v1")
            .contains { $0.name == "poddisruptionbudgets" }
        return isServed ? "v1" : "v1beta1"
    }

    /// Few enough for the budgets of one application to be counted down in peace.
    private static let evictionsAtATime = 4
}
