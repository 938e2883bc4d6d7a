// SPDX-License-Identifier: Apache-2.0
import Talos

/// Says of a specification's two versions what is wrong with the pair, or doubtful.
enum TalosSupport {
    static func check(_ talos: Version, with kubernetes: Version, in spec: Field) {
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
            spec["talosVersion"].report("must be \(KubernetesSupport.oldest).0 or newer, not \(talos)")
        case .kubernetesUnsupported(let minors):
            spec["kubernetesVersion"].report(
                "must be v1.\(minors.lowerBound) to v1.\(minors.upperBound) with Talos \(talos), "
                    + "not \(kubernetes)")
        }
    }
}
