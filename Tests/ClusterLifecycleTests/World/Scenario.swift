// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import TestSupport

/// A cluster, and what its user does with it one after the other.
struct Scenario: Sendable, CustomStringConvertible {
    let name: String
    var specification: Specification
    var edits: [Edit] = []
    var apps: [SimulatedKubernetes.App] = [
        .init(name: "web", replicas: 3, minAvailable: 2),
        .init(name: "batch", replicas: 2, minAvailable: nil),
    ]
    /// Whether a halt is to be expected in it.
    var mayHalt = false

    var description: String { name }

    init(_ name: String, _ controlPlane: Int, _ workers: Int, talos: Int = 12, kubernetes: Int = 34) {
        self.name = name
        specification = Specification(
            controlPlane: controlPlane, workers: workers, talos: Release(minor: talos),
            kubernetes: Release(minor: kubernetes))
    }

    func world(_ seed: UInt64) -> World {
        var world = World(seed: seed, specification)
        world.kubernetes.apps = apps
        world.trace.isKept = false
        world.noteApproval()
        return world
    }

    func adding(_ name: String, _ change: @escaping @Sendable (inout Specification) -> Void) -> Scenario {
        var next = self
        next.edits.append(Edit(name, change))
        return next
    }
}

extension Planner {
    static let real = Planner(
        decide: { LifecyclePlanner.decide($0) },
        absorb: { LifecyclePlanner.absorb($0, of: $1, $2, &$3) })
}
