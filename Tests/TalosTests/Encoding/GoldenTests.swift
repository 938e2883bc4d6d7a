// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Golden configurations", .enabled(if: Reference.isThere))
struct GoldenTests {
    private static let files =
        Reference.files(endingIn: "controlplane.yaml") + Reference.files(endingIn: "worker.yaml")
        + Reference.files(endingIn: "expected.yaml") + Reference.files(endingIn: "expected_manifests.yaml")

    @Test("A configuration that Talos wrote is written back byte for byte", arguments: files)
    func roundTrip(path: String) throws {
        let text = try Reference.text(of: path)
        let version =
            path.split(separator: "/").compactMap { TalosVersion($0) }.last ?? TalosVersion(minor: 9)
        let configuration = try MachineConfiguration(reading: text, source: "config", version: version)
        #expect(configuration.yaml() == text)
    }
}
