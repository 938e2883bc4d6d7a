// SPDX-License-Identifier: Apache-2.0

/// Which Kubernetes versions a Talos version runs: the support matrix that Talos' installer enforces.
package enum TalosSupport {
    /// The Kubernetes 1.x minor versions of each Talos 1.x minor version.
    package static let kubernetesMinors: [Int: ClosedRange<Int>] = [
        5: 26...28, 6: 24...29, 7: 25...30, 8: 26...31, 9: 27...32,
        10: 28...33, 11: 29...34, 12: 30...35, 13: 31...36, 14: 32...37,
    ]

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
    package static func verdict(_ talos: Version, with kubernetes: Version) -> Verdict {
        guard let oldest = kubernetesMinors.keys.min(), let newest = kubernetesMinors.keys.max() else {
            return .unknown
        }
        if talos.major > 1 || (talos.major == 1 && talos.minor > newest) { return .unknown }
        guard talos.major == 1, talos.minor >= oldest, let minors = kubernetesMinors[talos.minor] else {
            return .talosTooOld
        }
        let isSupported = kubernetes.major == 1 && minors.contains(kubernetes.minor)
        return isSupported ? .supported : .kubernetesUnsupported(minors)
    }

    /// Says of a specification's two versions what is wrong with the pair, or doubtful.
    static func check(_ talos: Version, with kubernetes: Version, in spec: Field) {
        switch verdict(talos, with: kubernetes) {
        case .supported:
            break
        case .unknown:
            spec["talosVersion"].warn(
                "\(talos) is newer than this operator knows; its Kubernetes versions are not checked")
        case .talosTooOld:
            let oldest = kubernetesMinors.keys.min() ?? 0
            spec["talosVersion"].report("must be v1.\(oldest).0 or newer, not \(talos)")
        case .kubernetesUnsupported(let minors):
            spec["kubernetesVersion"].report(
                "must be v1.\(minors.lowerBound) to v1.\(minors.upperBound) with Talos \(talos), "
                    + "not \(kubernetes)")
        }
    }
}
