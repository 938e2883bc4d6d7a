// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import Talos

@Suite("Which Kubernetes versions Talos runs")
struct KubernetesSupportTests {
    @Test(
        "the matrix of Talos' installer counts",
        arguments: [
            (3, 23, KubernetesSupport.Verdict.kubernetesUnsupported(24...26)), (3, 24, .supported),
            (3, 26, .supported),
            (3, 27, .kubernetesUnsupported(24...26)), (4, 25, .supported), (4, 27, .supported),
            (5, 28, .supported), (5, 29, .kubernetesUnsupported(26...28)),
            (9, 26, .kubernetesUnsupported(27...32)),
            (13, 36, .supported), (13, 37, .kubernetesUnsupported(31...36)), (14, 37, .supported),
            (15, 37, .unknown), (2, 24, .talosTooOld),
        ])
    func verdict(talos: Int, kubernetes: Int, verdict: KubernetesSupport.Verdict) {
        #expect(
            KubernetesSupport.verdict(talos: TalosVersion(minor: talos), kubernetes: (1, kubernetes))
                == verdict)
    }

    @Test("other major versions are not mistaken for those of the table")
    func majors() {
        let newer = TalosVersion(major: 2, minor: 5)
        #expect(KubernetesSupport.verdict(talos: newer, kubernetes: (1, 28)) == .unknown)
        let older = TalosVersion(major: 0, minor: 5)
        #expect(KubernetesSupport.verdict(talos: older, kubernetes: (1, 28)) == .talosTooOld)
        let talos = TalosVersion(minor: 5)
        #expect(
            KubernetesSupport.verdict(talos: talos, kubernetes: (2, 28)) == .kubernetesUnsupported(26...28))
    }

    @Test("the table has every version that configurations are made for")
    func complete() {
        for minor in TalosVersion.supported.lowerBound.minor...TalosVersion.supported.upperBound.minor {
            #expect(KubernetesSupport.kubernetesMinors[minor] != nil, "v1.\(minor)")
        }
    }
}

extension KubernetesSupportTests {
    @Test("the documentation has the same table")
    func documentation() throws {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        let page = try FileSystem.read(
            "\(root)/Sources/TalosOperator/TalosOperator.docc/TalosVersions.md", limit: 1 << 20)
        let rows = String(decoding: page, as: UTF8.self).split(separator: "\n").filter {
            $0.hasPrefix("| 1.") && $0.contains(" – ")
        }
        #expect(
            rows.map(String.init)
                == KubernetesSupport.kubernetesMinors.sorted { $0.key < $1.key }
                .map { "| 1.\($0.key) | 1.\($0.value.lowerBound) – 1.\($0.value.upperBound) |" })
    }
}
