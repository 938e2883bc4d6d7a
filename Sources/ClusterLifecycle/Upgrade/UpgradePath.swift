// SPDX-License-Identifier: Apache-2.0
package import Talos

/// The way from the releases of Talos that nodes run to the one they are to run.
///
/// Talos is tried from one minor version to the next only, so that is how it is upgraded; and every release on the way
/// has to run the cluster's Kubernetes. Where a release is too new for it Kubernetes is upgraded in between, if that is
/// desired anyway.
package struct UpgradePath: Sendable, Hashable {
    /// What can be done.
    package enum Verdict: Sendable, Hashable {
        /// Every node runs the desired release.
        case there
        /// The releases to go through; the last one is the desired one.
        case hops([Release])
        /// The next release does not run this Kubernetes, and the desired one will do: it comes first.
        case kubernetesFirst(String)
        /// There is no way, and why.
        case refused(String)
    }

    /// The newest patch release of each line that could be verified on 2026-11-22.
    ///
    /// Each has a merged pull request of https://github.com/siderolabs/talos that prepared it: 8244 (1.5.6), 9057
    /// (1.6.8), 9386 (1.7.7), 9943 (1.8.4), 10901 (1.9.6), 12479 (1.10.9), 12428 (1.11.6), 13957 (1.12.11) and 14068
    /// (1.13.9).
    ///
    /// It decides by which release a line is gone through that is neither the first nor the last; nobody stays on it.
    /// `spec.upgrade.hops` names another.
    package static let patchReleases: [TalosVersion: Release] = [
        5: 6, 6: 8, 7: 7, 8: 4, 9: 6, 10: 9, 11: 6, 12: 11, 13: 9,
    ].reduce(into: [:]) { $0[TalosVersion(minor: $1.key)] = Release(minor: $1.key, patch: $1.value) }

    /// What the nodes run.
    package var running: [Release]
    package var target: Release
    /// The versions of Kubernetes that run: of every component and every kubelet.
    package var kubernetes: [Release]
    package var desiredKubernetes: Release
    /// Releases to go through, by line, instead of those that are known here.
    package var hops: [TalosVersion: Release]

    package init(
        from running: [Release], to target: Release, kubernetes: [Release], desiredKubernetes: Release,
        hops: [TalosVersion: Release] = [:]
    ) {
        self.running = running
        self.target = target
        self.kubernetes = kubernetes
        self.desiredKubernetes = desiredKubernetes
        self.hops = hops
    }

    /// Whether there is a way, and how it begins.
    package var verdict: Verdict {
        guard let lowest = running.min(), let highest = running.max() else { return .there }
        if lowest == target, highest == target { return .there }
        guard target.major == 1, lowest.major == 1, highest.major == 1,
            KubernetesSupport.kubernetesMinors[target.minor] != nil
        else {
            return .refused("nothing is known here about Talos \(target)")
        }
        if let problem = downgradeProblem(from: highest) { return .refused(problem) }
        var releases: [Release] = []
        for minor in (lowest.minor + 1)..<max(target.minor, lowest.minor + 1) {
            let line = TalosVersion(minor: minor)
            guard let release = hops[line] ?? Self.patchReleases[line], release.line == line else {
                return .refused(hopProblem(line))
            }
            releases.append(release)
        }
        return kubernetesVerdict(releases + [target], from: lowest)
    }

    /// Talos takes one minor version back and no more.
    private func downgradeProblem(from highest: Release) -> String? {
        guard highest.minor > target.minor + 1 else { return nil }
        return "Talos \(target) can be installed over v1.\(target.minor + 1) at most, and \(highest) runs"
    }

    private func hopProblem(_ line: TalosVersion) -> String {
        if let release = hops[line] { return "spec.upgrade.hops: \(release) is no release of \(line)" }
        return "the way to Talos \(target) goes through \(line), of which no release is known here: "
            + "name one in spec.upgrade.hops"
    }

    /// Goes the whole way in thought, with the upgrades of Kubernetes that are desired and come in between.
    private func kubernetesVerdict(_ releases: [Release], from lowest: Release) -> Verdict {
        guard var oldest = kubernetes.min()?.minor, let newest = kubernetes.max()?.minor else {
            return .refused("it is not known which Kubernetes runs")
        }
        var here = lowest.minor
        var isFirst = true
        for release in releases {
            guard let supported = KubernetesSupport.kubernetesMinors[release.minor] else {
                return .refused("nothing is known here about Talos \(release)")
            }
            let range = "1.\(supported.lowerBound) to 1.\(supported.upperBound)"
            if max(oldest, newest) > supported.upperBound {
                return .refused(
                    "Talos \(release) runs Kubernetes \(range), and 1.\(max(oldest, newest)) runs")
            }
            if oldest < supported.lowerBound {
                let needed = supported.lowerBound
                let present = KubernetesSupport.kubernetesMinors[here]
                guard desiredKubernetes.minor >= needed, present.map({ $0.upperBound >= needed }) ?? false
                else {
                    return .refused(
                        "Talos \(release) runs Kubernetes \(range), and 1.\(oldest) runs: "
                            + "spec.kubernetesVersion has to be 1.\(needed) at least")
                }
                if isFirst {
                    return .kubernetesFirst(
                        "Talos \(release) needs Kubernetes 1.\(needed), and 1.\(oldest) runs: "
                            + "Kubernetes is upgraded first")
                }
                oldest = needed
            }
            here = release.minor
            isFirst = false
        }
        return .hops(releases)
    }
}
