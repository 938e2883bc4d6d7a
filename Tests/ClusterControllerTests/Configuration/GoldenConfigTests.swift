// SPDX-License-Identifier: Apache-2.0
import Platform
import Talos
import TestSupport
import Testing

@testable import ClusterController

@Suite("Configurations beside Talos' own", .enabled(if: TalosReference.isThere))
struct GoldenConfigTests {
    private func text(_ name: String) throws -> String {
        try TalosReference.text("golden/\(name)")
    }

    @Test(
        "A cluster without layers and options has Talos' configurations, but for disk and image",
        arguments: [("v1.5", "v1.5.5"), ("v1.7", "v1.7.7"), ("v1.12", "v1.12.3")])
    func base(folder: String, talos: String) throws {
        var fixture = try ConfigFixture(
            """
            {"clusterName": "base", "clusterEndpoint": "https://base:6443", "controlPlane": {"replicas": 1},
             "workers": [{"name": "w", "replicas": 1}]}
            """, talos: talos, kubernetes: folder == "v1.12" ? "v1.33.0" : "v1.28.0")
        // Which Talos 1.12 would not run.
        fixture.spec.kubernetesVersion = try #require(Version("v1.28.0"))
        fixture.secrets = try SecretsBundle(yaml: text("secrets.yaml"), source: "secrets.yaml")
        for (machine, file) in [("base-cp-0", "base-controlplane.yaml"), ("base-w-0", "base-worker.yaml")] {
            let yaml = try fixture.render(machine).yaml
                .replacing("        disk: /dev/sda\n", with: "")
                .replacing("        image: ghcr.io/siderolabs/installer:\(talos)\n", with: "")
            #expect(try yaml == text("\(folder)/\(file)"))
        }
    }
}
