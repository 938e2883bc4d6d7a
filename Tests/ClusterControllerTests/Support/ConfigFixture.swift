// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import StructuredData
import Talos
import Testing

@testable import ClusterController

/// Clusters whose configurations are made, and what they are made of.
struct ConfigFixture {
    /// A bundle with small keys, made once.
    static let secrets = Result { () throws(PKIError) -> SecretsBundle in
        try SecretsBundle.generate(for: TalosVersion(minor: 6), at: Fixture.noon)
    }

    var cluster: KubernetesCluster
    var spec: ClusterSpec
    var secrets: SecretsBundle
    var layers: ResolvedLayers

    /// The simple cluster with management Config after a merge patch; layers come from `objects` too.
    init(
        _ patch: String = "{}", talos: String = "v1.12.3", kubernetes: String = "v1.33.1",
        _ objects: [LayerObject] = []
    )
        throws
    {
        let versions =
            #"{"management": "Config", "talosVersion": "\#(talos)", "kubernetesVersion": "\#(kubernetes)"}"#
        cluster = Fixture.cluster(versions)
        cluster.spec = cluster.spec.mergePatched(with: Fixture.json(patch))
        spec = try Fixture.validSpec(of: cluster)
        secrets = try Self.secrets.get()
        layers = try LayerCatalog(objects: objects, operatorNamespace: nil).resolve(
            spec, for: cluster.metadata)
    }

    /// The configuration of a machine of the topology.
    func render(_ machine: String) throws -> RenderedConfig {
        let node = try #require(Topology(spec).nodes.first { $0.name == machine })
        return try renderer().render(node: node)
    }

    func renderer() throws -> MachineConfigRenderer {
        try MachineConfigRenderer(spec: spec, secrets: secrets, layers: layers)
    }

    /// What is wrong with a machine, a line each; none if its configuration can be made.
    func problems(_ machine: String = "simple-cp-0") -> [String] {
        do {
            _ = try render(machine)
            return []
        } catch {
            return (error as? ConfigProblems)?.problems.map(\.description) ?? ["\(error)"]
        }
    }
}
