// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@testable import Talos

@Suite("Golden configurations", .enabled(if: TalosReference.isThere))
struct GoldenTests {
    private static let files =
        TalosReference.files(endingIn: "controlplane.yaml") + TalosReference.files(endingIn: "worker.yaml")
        + TalosReference.files(endingIn: "expected.yaml")
        + TalosReference.files(endingIn: "expected_manifests.yaml")

    @Test("A configuration that Talos wrote is written back byte for byte", arguments: files)
    func roundTrip(path: String) throws {
        let text = try TalosReference.text(of: path)
        let version =
            path.split(separator: "/").compactMap { TalosVersion($0) }.last ?? TalosVersion(minor: 9)
        let configuration = try MachineConfiguration(reading: text, source: "config", version: version)
        #expect(configuration.yaml() == text)
    }
}
