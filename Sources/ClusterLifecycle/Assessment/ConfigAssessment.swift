// SPDX-License-Identifier: Apache-2.0
import PKI
import StructuredData
package import Talos

/// How a node's live configuration compares with the one that was rendered for it.
///
/// Layout, comments, order and empty fields make no difference. The images of Kubernetes are those of the live
/// configuration on both sides.
package struct ConfigAssessment: Sendable {
    /// How much of a difference is told, in bytes of UTF-8.
    private static let summaryLimit = 8192

    /// What is to be applied: the rendered configuration with the live images of Kubernetes.
    package let target: MachineConfiguration
    /// What applying it would change, with the reboot that the table of its release tells; nil if nothing would.
    package let change: ConfigChange?

    /// Compares the configuration of a node that runs `talos`.
    ///
    /// - Parameters:
    ///   - live: What the node has.
    ///   - desired: What was rendered for it.
    ///   - digest: What `desired` is known by.
    ///   - secretLayers: The layers of `desired` whose values are secret.
    ///   - talos: The release that the node runs.
    package init(
        live: MachineConfiguration, desired: MachineConfiguration, digest: String,
        secretLayers: Set<UInt16> = [], talos: TalosVersion
    ) {
        target = KubernetesImages.keeping(live, in: desired)
        let difference = ConfigDifference(from: live, to: target, newSecretLayers: secretLayers)
        guard !difference.entries.isEmpty else {
            change = nil
            return
        }
        // A digest of both texts tells changes of secrets apart and gives none of them away.
        let texts = [live, desired].map { KubernetesImages.removed(from: $0).yaml() }
        let hash = SHA256.hexadecimal(of: Array(texts.joined(separator: "\u{0}").utf8))
        // Where some layers are secret, a value that is no longer in any may have come from one.
        let shown = secretLayers.isEmpty ? difference : difference.hidingRemoved()
        change = ConfigChange(
            hash: String(hash.prefix(16)), summary: shown.text().cut(toBytes: Self.summaryLimit),
            needsReboot: difference.entries.contains { LiveFields.needsReboot($0, talos) },
            configDigest: digest)
    }

    /// The change with what the node's own dry run says; nil if nothing would change.
    ///
    /// `needsReboot` is what it came to, nil if it was not asked; `refusal` is why the node would not take it.
    package func change(needsReboot: Bool?, refusal: String?) -> ConfigChange? {
        var change = change
        if let needsReboot { change?.needsReboot = needsReboot }
        change?.refusal = refusal
        return change
    }
}
