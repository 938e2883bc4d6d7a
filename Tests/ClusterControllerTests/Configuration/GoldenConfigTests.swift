// SPDX-License-Identifier: Apache-2.0
import Platform
import Talos
import TestSupport
import Testing

@testable import ClusterController

/// Talos' own files, which are no part of the repository: where TALOS_REFERENCE says, or beside the repository.
private let golden: String? = [
    Repository.environment["TALOS_REFERENCE"], "\(Repository.root)/../shared/talos",
]
.compactMap { $0.map { "\($0)/golden" } }
.first { directory in
    do throws(FileError) {
        return try !FileSystem.list(directory).isEmpty
    } catch {
        return false
    }
}

@Suite("Configurations beside Talos' own", .enabled(if: golden != nil))
struct GoldenConfigTests {
    private func text(_ name: String) throws -> String {
        let directory = try #require(golden)
        return String(decoding: try FileSystem.read("\(directory)/\(name)", limit: 1 << 20), as: UTF8.self)
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
