// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
import Platform
package import Talos

extension DesiredCluster {
    /// What a specification asks for of `nodes`, which are its own and those that are to go.
    package init(_ spec: ClusterSpec, nodes: [DesiredNode], isBeingDeleted: Bool = false) {
        self.init(
            name: spec.clusterName.description, talos: Release(spec.talosVersion),
            kubernetes: Release(spec.kubernetesVersion), nodes: nodes, policy: spec.lifecycle,
            isPaused: spec.isPaused, isBeingDeleted: isBeingDeleted)
    }
}

extension DesiredNode {
    /// The node at a place of a topology.
    ///
    /// - Parameters:
    ///   - node: the place.
    ///   - spec: the specification whose topology it is.
    ///   - configDigest: the digest of the node's rendered configuration; nil if there is none.
    ///   - image: the installer that this configuration names, which a layer may have set; nil if it names none.
    package init(_ node: TopologyNode, of spec: ClusterSpec, configDigest: String?, image: String?) {
        let version = spec.talosVersion.description
        let installer = image ?? spec.installer?.description ?? InstallerImage.stock(version: version)
        self.init(
            name: node.name, role: NodeRole(node.role), configDigest: configDigest, installer: installer,
            schematic: InstallerImage.schematicID(in: installer))
    }
}

extension NodeRole {
    /// What a Machine's role is called where clusters live.
    package init(_ role: MachineRole) {
        self = role == .controlPlane ? .controlPlane : .worker
    }
}

extension Release {
    package init(_ version: Version) {
        self.init(major: version.major, minor: version.minor, patch: version.patch)
    }
}

extension InstallerImage {
    /// The ID of the schematic that an image of a factory is made from; nil for an image that comes from none.
    package static func schematicID(in reference: String) -> String? {
        let path = reference.prefix { $0 != "@" }
        guard let last = path.split(separator: "/").last, last.utf8.count != reference.utf8.count else {
            return nil
        }
        let name = last.prefix { $0 != ":" }
        let isDigest = name.utf8.count == 64 && name.utf8.allSatisfy { Self.hexadecimal.contains($0) }
        return isDigest ? String(name) : nil
    }

    private static let hexadecimal = Set("0123456789abcdef".utf8)
}

extension MachineConfiguration {
    /// The image that installs Talos on the machine, if it names one.
    package var installerImage: String? {
        self["machine", "install", "image"]?.string
    }
}
