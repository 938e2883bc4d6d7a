// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData

/// What became of the wish to evict a pod.
package enum Eviction: Sendable, Hashable {
    /// The pod is on its way out.
    case begun
    /// There is no such pod any more, or another has its name.
    case gone
    /// A disruption budget does not allow it now; in the server's words.
    case blocked(String)
}

extension KubernetesClient {
    /// Asks once for the eviction of a pod, which respects its disruption budgets.
    ///
    /// Only the pod of that `uid` is meant; another of its name is left alone. `version` is `v1`, or `v1beta1` for
    /// servers before 1.22. A refusal because of a budget is no error, and is not asked again by itself.
    package func evict(
        _ pod: ObjectKey, uid: String, version: String
    ) async throws(APIError) -> Eviction {
        var once = self
        once.retry = .never
        do {
            _ = try await once.send(try .evict(pod, uid: uid, version: version))
            return .begun
        } catch {
            guard let status = error.status else { throw error }
            switch status.code {
            case 404 where !error.isUnserved: return .gone
            // The precondition does not hold: another pod has the name by now.
            case 409: return .gone
            case 429: return .blocked(status.budget)
            // More than one budget selects the pod, which the server refuses to judge.
            case 500 where status.message.contains("disruption budget"): return .blocked(status.message)
            default: throw error
            }
        }
    }
}

extension APIRequest {
    static func evict(_ pod: ObjectKey, uid: String, version: String) throws(APIError) -> APIRequest {
        let pods = ResourceDefinition(group: "", version: "v1", kind: "Pod", plural: "pods")
        let body: JSONValue = [
            "apiVersion": .string("policy/\(version)"), "kind": "Eviction",
            "metadata": ["name": .string(pod.name), "namespace": .string(pod.namespace)],
            "deleteOptions": ["preconditions": ["uid": .string(uid)]],
        ]
        return APIRequest(
            verb: .create, path: try APIPath.object(pods, pod) + "/eviction", resource: "pods/eviction",
            contentType: "application/json", body: body, repeatability: .onlyIfUnprocessed)
    }
}

extension APIStatus {
    /// The budget that is in the way, where the server names it.
    fileprivate var budget: String {
        causes.first { $0.reason == "DisruptionBudget" }?.message ?? message
    }
}
