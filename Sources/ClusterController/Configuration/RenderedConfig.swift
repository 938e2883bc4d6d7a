// SPDX-License-Identifier: Apache-2.0
import PKI
package import Talos

/// The Talos configuration of one machine: valid, and with who wrote what in it.
package struct RenderedConfig: Sendable {
    /// The name of the Machine.
    package var machine: String
    package let configuration: MachineConfiguration
    /// The configuration as Talos writes it, with the cluster's keys in it.
    package let yaml: String
    /// The SHA-256 digest of the text, in hexadecimal.
    package let digest: String
    /// What Talos takes, though it may not be meant.
    package let warnings: [ConfigProblem]
    /// What the configuration is made of, by the numbers that origins have: what was generated, `spec.talosConfig`, the
    /// layers.
    package let layerNames: [String]
    /// The numbers of the layers that come from Secrets.
    package let secretLayers: Set<Int>

    init(
        machine: String, configuration: MachineConfiguration, warnings: [ConfigProblem], layerNames: [String],
        secretLayers: Set<Int>
    ) {
        self.machine = machine
        self.configuration = configuration
        yaml = configuration.yaml()
        digest = SHA256.hexadecimal(of: Array(yaml.utf8))
        self.warnings = warnings
        self.layerNames = layerNames
        self.secretLayers = secretLayers
    }

    /// Which layer set each value, and which ones it overrode.
    package var provenance: Provenance {
        Provenance(configuration, layerNames: layerNames, secretLayers: secretLayers)
    }
}
