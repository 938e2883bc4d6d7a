// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Talos
import Testing

@Suite("The way to another release of Talos")
struct UpgradePathTests {
    private func release(_ text: String) -> Release {
        Release(text) ?? Release(minor: 0)
    }

    private func path(
        _ running: String, _ target: String, kubernetes: String = "v1.34.1", desired: String? = nil,
        hops: [TalosVersion: Release] = [:]
    ) -> UpgradePath.Verdict {
        UpgradePath(
            from: running.split(separator: " ").map { release(String($0)) }, to: release(target),
            kubernetes: kubernetes.split(separator: " ").map { release(String($0)) },
            desiredKubernetes: release(desired ?? String(kubernetes.split(separator: " ").first ?? "")),
            hops: hops
        ).verdict
    }

    @Test(
        "A way goes through every minor version, by its newest release",
        arguments: [
            ("v1.12.3", "v1.12.3", ""), ("v1.12.3", "v1.12.9", "v1.12.9"), ("v1.12.3", "v1.13.9", "v1.13.9"),
            ("v1.11.2", "v1.13.9", "v1.12.11 v1.13.9"), ("v1.13.0-beta.1", "v1.13.0", "v1.13.0"),
            ("v1.12.9", "v1.12.3", "v1.12.3"), ("v1.13.9", "v1.12.3", "v1.12.3"),
            // Some are there already, or on the way.
            ("v1.13.9 v1.12.3", "v1.13.9", "v1.13.9"),
            ("v1.11.2 v1.12.1 v1.13.9", "v1.13.9", "v1.12.11 v1.13.9"),
            ("v1.11.2 v1.13.1", "v1.12.5", "v1.12.5"),
        ])
    func hops(_ running: String, _ target: String, _ expected: String) {
        let hops = expected.split(separator: " ").map { release(String($0)) }
        #expect(path(running, target) == (hops.isEmpty ? .there : .hops(hops)))
    }

    @Test("The user's releases come before those that are known, for lines on the way alone")
    func ownHops() {
        let hops: [TalosVersion: Release] = [
            TalosVersion(minor: 12): release("v1.12.4"), TalosVersion(minor: 13): release("v1.13.1"),
        ]
        #expect(
            path("v1.11.2", "v1.13.9", hops: hops) == .hops([release("v1.12.4"), release("v1.13.9")]))
    }

    @Test(
        "What Talos does not support is refused, and it is said why",
        arguments: [
            ("v1.13.9", "v1.11.2", "over v1.12 at most"), ("v1.13.9 v1.11.1", "v1.11.2", "v1.13.9 runs"),
            ("v1.13.9", "v1.99.0", "nothing is known here"), ("v1.13.9", "v2.0.0", "nothing is known here"),
            ("v1.3.1", "v1.6.0", "spec.upgrade.hops"),
        ])
    func refused(_ running: String, _ target: String, _ words: String) {
        guard case .refused(let message) = path(running, target, kubernetes: "v1.29.1") else {
            Issue.record("\(running) to \(target) is not refused")
            return
        }
        #expect(message.contains(words), "\(message)")
    }

    @Test("A hop that is of another line is refused by the name of its field")
    func wrongHop() {
        let verdict = path("v1.11.2", "v1.13.9", hops: [TalosVersion(minor: 12): release("v1.11.4")])
        #expect(verdict == .refused("spec.upgrade.hops: v1.11.4 is no release of v1.12"))
    }

    @Test(
        "Every release on the way has to run the cluster's Kubernetes",
        arguments: [
            // Too new for the release it goes back to.
            (
                "v1.13.9", "v1.12.3", "v1.36.0", "v1.36.0",
                "Talos v1.12.3 runs Kubernetes 1.30 to 1.35, and 1.36 runs"
            ),
            // Too old for the end of the way, and nobody wants a newer one.
            ("v1.11.2", "v1.13.9", "v1.30.1", "v1.30.1", "spec.kubernetesVersion has to be 1.31 at least"),
            // What is desired is too old as well.
            ("v1.11.2", "v1.14.0", "v1.30.1", "v1.31.1", "spec.kubernetesVersion has to be 1.32 at least"),
        ])
    func kubernetesRefused(
        _ running: String, _ target: String, _ kubernetes: String, _ desired: String, _ words: String
    ) {
        guard case .refused(let message) = path(running, target, kubernetes: kubernetes, desired: desired)
        else {
            Issue.record("\(running) to \(target) is not refused")
            return
        }
        #expect(message.contains(words), "\(message)")
    }

    @Test("Where Kubernetes is too old for a release it comes first, if a newer one is desired")
    func interleaved() {
        // 1.12 runs 1.30, 1.13 does not: the first hop is possible and the second needs Kubernetes in between.
        let hops = [release("v1.12.11"), release("v1.13.9")]
        #expect(path("v1.11.2", "v1.13.9", kubernetes: "v1.30.1", desired: "v1.33.0") == .hops(hops))
        guard
            case .kubernetesFirst(let message) =
                path("v1.12.11", "v1.13.9", kubernetes: "v1.30.1", desired: "v1.33.0")
        else {
            Issue.record("Kubernetes does not come first")
            return
        }
        #expect(message.contains("Talos v1.13.9 needs Kubernetes 1.31, and 1.30 runs"))
    }

    @Test("No known Kubernetes is no reason to go on")
    func unknownKubernetes() {
        let path = UpgradePath(
            from: [release("v1.12.3")], to: release("v1.13.9"), kubernetes: [],
            desiredKubernetes: release("v1.34.1"))
        #expect(path.verdict == .refused("it is not known which Kubernetes runs"))
    }

    @Test("From any release to any other, every hop is a minor version and inside both tables")
    func everyPair() {
        for from in 5...13 {
            for to in 5...13 {
                for minor in 24...36 {
                    let verdict = path("v1.\(from).1", "v1.\(to).2", kubernetes: "v1.\(minor).0")
                    guard case .hops(let hops) = verdict else { continue }
                    var here = from
                    for hop in hops {
                        #expect(hop.minor - here <= 1 && here - hop.minor <= 1)
                        #expect(
                            KubernetesSupport.verdict(talos: hop.line, kubernetes: (1, minor)) == .supported)
                        here = hop.minor
                    }
                    #expect(hops.last == release("v1.\(to).2"))
                }
            }
        }
    }

    @Test(
        "An image of another release is the same one with another tag",
        arguments: [
            ("ghcr.io/siderolabs/installer:v1.13.9", "v1.12.11", "ghcr.io/siderolabs/installer:v1.12.11"),
            (
                "factory.talos.dev/nocloud-installer/abc:v1.13.9", "v1.12.11",
                "factory.talos.dev/nocloud-installer/abc:v1.12.11"
            ),
            (
                "factory.talos.dev/metal-installer-secureboot/abc:v1.11.0", "v1.9.6",
                "factory.talos.dev/installer-secureboot/abc:v1.9.6"
            ),
            (
                "factory.talos.dev/metal-installer/abc:v1.11.0", "v1.9.6",
                "factory.talos.dev/installer/abc:v1.9.6"
            ),
            (
                "registry.example:5000/metal-installer/abc:v1.13.9", "v1.12.11",
                "registry.example:5000/metal-installer/abc:v1.12.11"
            ),
            ("installer:v1.13.9", "v1.12.11", "installer:v1.12.11"),
            ("registry.example:5000/installer", "v1.12.11", nil),
            ("registry.example/installer@sha256:00", "v1.12.11", nil),
            ("registry.example/installer:v1.13.9@sha256:00", "v1.12.11", nil),
        ])
    func images(_ installer: String, _ hop: String, _ expected: String?) {
        #expect(HopImage.of(installer, release(hop)) == expected)
    }

    @Test("The releases known here are of the lines they stand for")
    func table() {
        for (line, release) in UpgradePath.patchReleases { #expect(release.line == line) }
    }
}
