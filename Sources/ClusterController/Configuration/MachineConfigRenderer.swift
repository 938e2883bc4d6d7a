// SPDX-License-Identifier: Apache-2.0
import StructuredData
package import Talos

/// Makes the Talos configurations of a cluster's machines: what Talos would generate, `spec.talosConfig` over it, then
/// the layers, low to high.
///
/// What machines have in common is done once; the same input gives the same bytes.
package struct MachineConfigRenderer: Sendable {
    /// What people call the lowest two of what a configuration is made of.
    package static let lowestLayers = ["generated", "spec.talosConfig"]

    private let spec: ClusterSpec
    private let layers: ResolvedLayers
    private let reader: LayerReader
    /// By the name of the worker group; nil is the control plane.
    private let parts: [WorkerGroupName?: RenderedPart]

    /// Prepares what machines have in common.
    ///
    /// - Parameters:
    ///   - spec: the cluster's specification.
    ///   - secrets: the cluster's bundle; what the specification sets itself takes the place of its values.
    ///   - layers: the layers of this very specification.
    /// - Throws: what is wrong for all machines: with what is generated, and with layers that cannot be read.
    package init(
        spec: ClusterSpec, secrets: SecretsBundle, layers: ResolvedLayers
    ) throws(ConfigProblems) {
        self.spec = spec
        self.layers = layers
        let reader = LayerReader(spec)
        let shared = reader.read(layers.shared, from: Self.lowestLayers.count)
        var problems = shared.problems
        var groups: [(name: WorkerGroupName?, layers: [Layer], steps: [LayerStep])] = []
        for name in [nil] + spec.workers.map({ Optional($0.name) }) {
            let own = layers.layers(of: name)
            let read = reader.read(own, from: Self.lowestLayers.count + layers.shared.count)
            problems += read.problems
            groups.append((name, layers.shared + own, shared.steps + read.steps))
        }
        guard problems.isEmpty else { throw ConfigProblems(problems) }
        let secrets = spec.secrets(from: secrets)
        let controlPlane = try GeneratedConfig(spec, .controlPlane, secrets, reader)
        let worker = try GeneratedConfig(spec, .worker, secrets, reader)
        var parts: [WorkerGroupName?: RenderedPart] = [:]
        for group in groups {
            parts[group.name] = RenderedPart(
                spec, of: group.name == nil ? controlPlane : worker, layers: group.layers, steps: group.steps)
        }
        self.parts = parts
        self.reader = reader
    }

    /// The configuration of one machine.
    ///
    /// - Throws: everything that Talos would refuse, with layer and line where they are known.
    package func render(node: TopologyNode) throws(ConfigProblems) -> RenderedConfig {
        guard let part = parts[node.group] else {
            throw ConfigProblems(ConfigProblem(problem: "there is no worker group of Machine \(node.name)"))
        }
        let own = layers.layers(ofMachine: node.name)
        if own.isEmpty, let rendered = part.rendered {
            var config = try rendered.get()
            config.machine = node.name
            return config
        }
        var configuration = try part.configuration.get()
        let read = reader.read(own, from: part.layers.names.count)
        guard read.problems.isEmpty else { throw ConfigProblems(read.problems) }
        let variables = Variables(cluster: reader.variables, machine: machineVariables(node))
        for step in part.steps + read.steps {
            try configuration.apply(try step.patch(version: reader.version, variables: variables))
        }
        return try configuration.finish(machine: node.name, spec, layers: part.layers.appending(own))
    }

    /// The configurations of all machines, by their names, each as it is or with what is wrong with it.
    package func renderAll() -> [String: Result<RenderedConfig, ConfigProblems>] {
        var all: [String: Result<RenderedConfig, ConfigProblems>] = [:]
        for node in Topology(spec).nodes {
            do throws(ConfigProblems) {
                all[node.name] = .success(try render(node: node))
            } catch {
                all[node.name] = .failure(error)
            }
        }
        return all
    }

    private func machineVariables(_ node: TopologyNode) -> Variables.Machine {
        Variables.Machine(
            name: node.name, role: node.group == nil ? .controlPlane : .worker,
            group: node.group?.description ?? node.role.rawValue, index: node.index,
            data: spec.machineData[node.name] ?? JSONObject())
    }
}
