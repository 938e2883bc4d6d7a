// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// One layer on its way into configurations: read once for all machines where it says the same to all.
enum LayerStep: Sendable {
    /// The same for every machine.
    case patch(ConfigPatch)
    /// Has variables that may differ from machine to machine.
    case template(Layer, number: UInt16)

    /// The patch, if it is the same for every machine.
    var patch: ConfigPatch? {
        if case .patch(let patch) = self { patch } else { nil }
    }

    /// The patch for one machine.
    func patch(version: TalosVersion, variables: Variables) throws(ConfigProblems) -> ConfigPatch {
        switch self {
        case .patch(let patch): patch
        case .template(let layer, let number):
            try ConfigPatch(layer, number: number, version: version, variables: variables)
        }
    }
}

/// Reads the layers of a cluster.
struct LayerReader: Sendable {
    let version: TalosVersion
    let variables: Variables.Cluster
    /// Whether machines have values of their own, so that `${data.…}` may differ between them.
    private let hasMachineData: Bool

    init(_ spec: ClusterSpec) {
        version = TalosVersion(spec.talosVersion)
        variables = Variables.Cluster(
            name: spec.clusterName.description, endpoint: spec.endpoint.description,
            kubernetesVersion: spec.kubernetesVersion.description,
            talosVersion: spec.talosVersion.description,
            schematicID: spec.installer?.schematicID, data: spec.data)
        hasMachineData = !spec.machineData.isEmpty
    }

    /// Reads layers with the variables that all machines share, unless they need those of a machine; the first one has
    /// the number `first`.
    func read(_ layers: [Layer], from first: Int) -> (steps: [LayerStep], problems: [ConfigProblem]) {
        let variables = Variables(cluster: variables)
        var steps: [LayerStep] = []
        var problems: [ConfigProblem] = []
        for (index, layer) in layers.enumerated() {
            let number = UInt16(clamping: first + index)
            if isAboutMachine(layer.content) {
                steps.append(.template(layer, number: number))
                continue
            }
            do throws(ConfigProblems) {
                steps.append(
                    .patch(try ConfigPatch(layer, number: number, version: version, variables: variables)))
            } catch {
                problems += error.problems
            }
        }
        return (steps, problems)
    }

    /// Whether a layer has to be read anew for each machine.
    ///
    /// One that is no YAML need not be: it is wrong for all.
    private func isAboutMachine(_ content: Layer.Content) -> Bool {
        switch content {
        case .value(let value):
            return Variables.areAboutMachine([YAMLNode(value)], includingData: hasMachineData)
        case .text(let text):
            guard text.contains("${") else { return false }
            do throws(YAMLError) {
                let nodes = try YAML.nodes(Array(text.utf8))
                return Variables.areAboutMachine(nodes, includingData: hasMachineData)
            } catch {
                return false
            }
        }
    }
}
