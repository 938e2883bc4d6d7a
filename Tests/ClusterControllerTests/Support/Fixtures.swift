// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import Testing

@testable import ClusterController

/// Documents and objects that tests begin with and change.
enum Fixture {
    /// The specification of the simple cluster: three control planes, two workers.
    static let simpleSpec = json(
        """
        {"clusterName": "simple", "kubernetesVersion": "v1.28.3", "talosVersion": "v1.5.5",
         "clusterEndpoint": "https://192.168.1.100:6443",
         "controlPlane": {"replicas": 3, "machineTemplate": {"spec": null}},
         "workers": [{"name": "workers", "replicas": 2, "machineTemplate": {"spec": {"machineClass": "large"}}}]}
        """)

    /// Reads JSON text, which has to be right.
    static func json(_ text: String) -> JSONValue {
        do {
            return try JSONValue(json: Array(text.utf8))
        } catch {
            Issue.record("fixture is not JSON: \(error)")
            return .null
        }
    }

    /// The simple specification after a merge patch.
    static func spec(_ patch: String = "{}") -> JSONValue {
        simpleSpec.mergePatched(with: json(patch))
    }

    static func cluster(
        _ patch: String = "{}", name: String = "simple", namespace: String = "default", uid: String = "uid-1",
        generation: Int64 = 1
    ) -> KubernetesCluster {
        KubernetesCluster(
            metadata: ObjectMeta(
                name: name, namespace: namespace, uid: uid, resourceVersion: "10", generation: generation),
            spec: spec(patch))
    }

    /// The checked specification; a test with an invalid one fails here.
    static func validSpec(_ patch: String = "{}") throws -> ClusterSpec {
        try validSpec(of: cluster(patch))
    }

    static func validSpec(of cluster: KubernetesCluster) throws -> ClusterSpec {
        switch ClusterValidation(cluster.spec) {
        case .valid(let spec, _): return spec
        case .invalid(let problems): throw try #require(problems.first)
        }
    }

    /// The Machines that a cluster asks for.
    static func desired(_ cluster: KubernetesCluster) throws -> [DesiredMachine] {
        MachineBuilder(cluster, try validSpec(of: cluster)).machines()
    }

    /// A Machine as the server keeps it after `machine` was applied.
    static func stored(
        _ machine: DesiredMachine, uid: String? = nil, state: Machine.State = .notReady,
        deleting: Bool = false
    ) throws -> Machine {
        var stored = try Machine(machine.document)
        stored.metadata.uid = uid ?? "uid-of-\(machine.key.name)"
        stored.metadata.resourceVersion = "20"
        stored.metadata.generation = 1
        stored.metadata.deletionTimestamp = deleting ? noon : nil
        stored.state = state
        return stored
    }

    /// 2024-01-01T12:00:00Z.
    static let noon = Timestamp(nanosecondsSince1970: 1_704_110_400 * 1_000_000_000)
}

extension ClusterValidation {
    /// What is wrong, one line each.
    var problemLines: [String] {
        if case .invalid(let problems) = self { problems.map(\.description) } else { [] }
    }

    var warningLines: [String] {
        if case .valid(_, let warnings) = self { warnings.map(\.description) } else { [] }
    }
}
