// SPDX-License-Identifier: Apache-2.0

/// Which Kubernetes versions a Talos version runs: the support matrix that Talos' installer enforces.
package enum KubernetesSupport {
    /// The Kubernetes 1.x minor versions of each Talos 1.x minor version.
    package static let kubernetesMinors: [Int: ClosedRange<Int>] = [
        3: 24...26, 4: 25...27, 5: 26...28, 6: 24...29, 7: 25...30, 8: 26...31, 9: 27...32,
        10: 28...33, 11: 29...34, 12: 30...35, 13: 31...36, 14: 32...37,
    ]

    /// The oldest Talos version of the table.
    package static let oldest = TalosVersion(minor: kubernetesMinors.keys.min() ?? 0)
    /// The newest Talos version of the table.
    package static let newest = TalosVersion(minor: kubernetesMinors.keys.max() ?? 0)

    /// What the table says of a pair of versions.
    package enum Verdict: Sendable, Hashable {
        case supported
        /// Talos is newer than this program: nobody here knows.
        case unknown
        case talosTooOld
        /// The Kubernetes minor versions that would do.
        case kubernetesUnsupported(ClosedRange<Int>)
    }

    /// Judges a pair of versions.
    package static func verdict(
        talos: TalosVersion, kubernetes: (major: Int, minor: Int)
    ) -> Verdict {
        if talos > newest { return .unknown }
        guard talos.major == 1, let minors = kubernetesMinors[talos.minor] else { return .talosTooOld }
        let isSupported = kubernetes.major == 1 && minors.contains(kubernetes.minor)
        return isSupported ? .supported : .kubernetesUnsupported(minors)
    }
}
