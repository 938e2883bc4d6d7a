// SPDX-License-Identifier: Apache-2.0
package import Talos

/// The layers of a cluster's machine configurations, those of ConfigMaps and Secrets with what is in them.
package struct ResolvedLayers: Sendable, Hashable {
    /// The layers of all clusters that the cluster takes part in, the lowest first.
    package var operatorWide: [Layer]
    /// Those of all its machines, from `spec.patches`.
    package var cluster: [Layer]
    package var controlPlane: [Layer]
    /// By the name of the group; a group without layers may be missing.
    package var workers: [WorkerGroupName: [Layer]]
    /// By the name of the Machine; a Machine without layers may be missing.
    package var machines: [String: [Layer]]

    package init(
        operatorWide: [Layer] = [], cluster: [Layer] = [], controlPlane: [Layer] = [],
        workers: [WorkerGroupName: [Layer]] = [:], machines: [String: [Layer]] = [:]
    ) {
        self.operatorWide = operatorWide
        self.cluster = cluster
        self.controlPlane = controlPlane
        self.workers = workers
        self.machines = machines
    }

    /// The layers that all machines share, the lowest first.
    package var shared: [Layer] { operatorWide + cluster }

    /// The layers of one part of the topology, above the shared ones; nil is the control plane.
    package func layers(of group: WorkerGroupName?) -> [Layer] {
        guard let group else { return controlPlane }
        return workers[group] ?? []
    }

    /// The layers of a single machine, the highest of all.
    package func layers(ofMachine name: String) -> [Layer] { machines[name] ?? [] }
}
