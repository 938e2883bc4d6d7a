// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

/// What is generated for a role, and how `spec.talosConfig` goes over it.
struct GeneratedConfig {
    let configuration: PartialConfig
    let steps: [LayerStep]

    init(
        _ spec: ClusterSpec, _ role: Talos.MachineRole, _ secrets: SecretsBundle, _ reader: LayerReader
    ) throws(ConfigProblems) {
        var input = MachineConfigInput(
            version: spec.talosContract, role: role, clusterName: spec.clusterName.description,
            endpoint: spec.endpoint.description, kubernetesVersion: spec.kubernetesVersion.description,
            secrets: secrets)
        input.podSubnets = spec.podSubnets.map(\.description)
        input.serviceSubnets = spec.serviceSubnets.map(\.description)
        input.installDisk = ClusterSpec.Default.installDisk
        input.installImage =
            spec.installer?.description ?? InstallerImage.stock(version: spec.talosVersion.description)
        var generated = try MachineConfiguration(generating: input)
        // Layers may have what the release has that reads them.
        generated.version = reader.version
        configuration = PartialConfig(generated)
        let names = reader.read(Self.hostname(spec, spec.talosContract), from: 0)
        let layers = spec.talosConfigPatch(for: role).map { patch in
            [Layer(name: MachineConfigRenderer.lowestLayers[1], content: .value(patch))]
        }
        let read = reader.read(layers ?? [], from: 1)
        guard read.problems.isEmpty else { throw ConfigProblems(read.problems) }
        steps = names.steps + read.steps
    }

    /// What names the node after its Machine; nothing where the operator does not care for nodes.
    ///
    /// Members of etcd, nodes of Kubernetes and Machines are matched by name. A layer may still say otherwise.
    private static func hostname(_ spec: ClusterSpec, _ version: TalosVersion) -> [Layer] {
        guard spec.management == .full else { return [] }
        let name: JSONValue = "${machine.name}"
        let patch: JSONValue =
            VersionFeatures(version).has(.networkDocuments)
            ? ["apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "off", "hostname": name]
            : ["machine": ["network": ["hostname": name]]]
        return [Layer(name: MachineConfigRenderer.lowestLayers[0], content: .value(patch))]
    }
}

/// What the machines of one part of the topology have in common.
struct RenderedPart: Sendable {
    let layers: LayerNames
    /// The configuration with all layers up to the first that says something else to each machine.
    let configuration: Result<PartialConfig, ConfigProblems>
    /// That layer, and those above it.
    let steps: [LayerStep]
    /// The configuration of every machine that has no layers of its own; nil if each has another.
    let rendered: Result<RenderedConfig, ConfigProblems>?

    init(_ spec: ClusterSpec, of generated: GeneratedConfig, layers: [Layer], steps: [LayerStep]) {
        self.layers = LayerNames().appending(layers)
        let all = generated.steps + steps
        let patches = all.prefix { $0.patch != nil }.compactMap(\.patch)
        self.steps = Array(all[patches.count...])
        do throws(ConfigProblems) {
            var configuration = generated.configuration
            for patch in patches { try configuration.apply(patch) }
            self.configuration = .success(configuration)
        } catch {
            configuration = .failure(error)
        }
        guard self.steps.isEmpty else {
            rendered = nil
            return
        }
        do throws(ConfigProblems) {
            rendered = .success(try configuration.get().finish(machine: "", spec, layers: self.layers))
        } catch {
            rendered = .failure(error)
        }
    }
}

/// What a configuration is made of, by the numbers that origins have.
struct LayerNames: Sendable {
    private(set) var names = MachineConfigRenderer.lowestLayers
    /// The numbers of the layers that come from Secrets.
    private(set) var secret: Set<Int> = []

    func appending(_ layers: [Layer]) -> LayerNames {
        var all = self
        for layer in layers {
            if layer.isSecret { all.secret.insert(all.names.count) }
            all.names.append(layer.name)
        }
        return all
    }

    /// The name of the layer that set a value.
    subscript(origin: Origin) -> String {
        names.indices.contains(Int(origin.layer)) ? names[Int(origin.layer)] : ""
    }
}
