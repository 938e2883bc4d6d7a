// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Talos
import Testing

@testable import ClusterController

@Suite("What a specification asks for of a cluster's life")
struct DesiredClusterTests {
    @Test("The cluster has the versions of the specification, and each place of the topology is a node")
    func cluster() throws {
        let spec = try Fixture.validSpec()
        let nodes = Topology(spec).nodes.map { DesiredNode($0, of: spec, configDigest: "d", image: nil) }
        let desired = DesiredCluster(spec, nodes: nodes)
        #expect(desired.talos.description == spec.talosVersion.description)
        #expect(desired.kubernetes.description == spec.kubernetesVersion.description)
        #expect(desired.nodes.count == Topology(spec).nodes.count)
        #expect(desired.nodes.first?.role == .controlPlane && desired.nodes.last?.role == .worker)
        #expect(desired.nodes.first?.installer == InstallerImage.stock(version: desired.talos.description))
    }

    @Test("The image that the configuration names counts before that of the specification")
    func image() throws {
        let spec = try Fixture.validSpec()
        let place = try #require(Topology(spec).nodes.first)
        let id = String(repeating: "4b", count: 32)
        let node = DesiredNode(
            place, of: spec, configDigest: nil, image: "factory.talos.dev/metal-installer/\(id):v1.12.3")
        #expect(node.schematic == id)
    }

    @Test(
        "An image that comes from no factory has no schematic",
        arguments: [
            "ghcr.io/siderolabs/installer:v1.12.3", "installer", "", "@", "/", ":v1",
            String(repeating: "4b", count: 32),
        ])
    func noSchematic(_ image: String) {
        #expect(InstallerImage.schematicID(in: image) == nil)
    }
}
