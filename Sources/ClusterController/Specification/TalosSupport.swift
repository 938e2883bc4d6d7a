// SPDX-License-Identifier: Apache-2.0
import Talos

/// Says of a specification's two versions what is wrong with the pair, or doubtful.
package enum TalosSupport {
    /// What becomes of a pair of versions that the table does not have.
    package enum Policy: Sendable, Hashable {
        /// It is a problem.
        case enforced
        /// It is a doubt: files may be made for what nobody runs.
        case advisory
    }

    static func check(
        _ talos: Version, with kubernetes: Version, in spec: Field, policy: Policy = .enforced
    ) {
        func report(_ key: String, _ problem: String) {
            policy == .enforced ? spec[key].report(problem) : spec[key].warn(problem)
        }
        let verdict = KubernetesSupport.verdict(
            talos: TalosVersion(major: talos.major, minor: talos.minor),
            kubernetes: (kubernetes.major, kubernetes.minor))
        switch verdict {
        case .supported:
            break
        case .unknown:
            spec["talosVersion"].warn(
                "\(talos) is newer than this operator knows; its Kubernetes versions are not checked")
        case .talosTooOld:
            report("talosVersion", "must be \(KubernetesSupport.oldest).0 or newer, not \(talos)")
        case .kubernetesUnsupported(let minors):
            report(
                "kubernetesVersion",
                "must be v1.\(minors.lowerBound) to v1.\(minors.upperBound) with Talos \(talos), "
                    + "not \(kubernetes)")
        }
    }
}
