// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@testable import Talos

/// The inputs behind Talos' own golden files.
enum GoldenInput {
    /// What `base-*.yaml` are generated from.
    static func base(_ version: TalosVersion, _ role: MachineRole, secrets: SecretsBundle)
        -> MachineConfigInput
    {
        MachineConfigInput(
            version: version, role: role, clusterName: "base", endpoint: "https://base:6443",
            kubernetesVersion: "1.28.0", secrets: secrets)
    }

    /// What `overrides-*.yaml` are generated from, before a patch is laid over them.
    static func overrides(
        _ version: TalosVersion, _ role: MachineRole, secrets: SecretsBundle
    ) -> MachineConfigInput {
        var input = base(version, role, secrets: secrets)
        input.additionalSANs = ["foo", "bar"]
        input.allowSchedulingOnControlPlanes = true
        input.dnsDomain = "example.com"
        input.installDisk = "/dev/vda"
        input.installExtraKernelArgs = ["foo=bar", "bar=baz"]
        input.localAPIServerPort = 5443
        input.sysctls = ["foo": "bar"]
        input.networkPlugin = MachineConfigInput.NetworkPlugin(
            name: "custom", urls: ["https://example.com/cni.yaml"])
        input.registries = [
            MachineConfigInput.Registry(host: "ghcr.io", mirrors: ["https://ghcr.io.my-mirror.com"])
        ]
        return input
    }
}

@Suite("Generated configurations beside Talos' own", .enabled(if: TalosReference.isThere))
struct GoldenGenerationTests {
    /// A golden file, by what its path says.
    struct Golden: Sendable, CustomTestStringConvertible {
        let path: String
        let version: TalosVersion
        let role: MachineRole
        let isBase: Bool

        init?(_ path: String) {
            let parts = path.split(separator: "/").suffix(2).map(String.init)
            let words = parts[1].dropLast(".yaml".count).split(separator: "-")
            guard let version = TalosVersion(parts[0]), words.count == 2,
                let role = MachineRole(rawValue: String(words[1]))
            else { return nil }
            self.path = path
            self.version = version
            self.role = role
            isBase = words[0] == "base"
        }

        var testDescription: String { path.split(separator: "/").suffix(2).joined(separator: "/") }
    }

    static let all = TalosReference.files(endingIn: ".yaml").filter { $0.contains("/golden/v1.") }.compactMap(
        Golden.init)

    private func secrets() throws -> SecretsBundle {
        let directory = try #require(TalosReference.directory)
        let text = try TalosReference.text(of: directory + "/golden/secrets.yaml")
        return try SecretsBundle(yaml: text, source: "secrets.yaml")
    }

    @Test("there are golden files of several versions and of both roles")
    func present() {
        #expect(Set(Self.all.map(\.version)).count > 2)
        #expect(Set(Self.all.map(\.role)).count == 2)
    }

    @Test("the text is the same to the byte", arguments: all.filter(\.isBase))
    func base(golden: Golden) throws {
        let input = GoldenInput.base(golden.version, golden.role, secrets: try secrets())
        #expect(try MachineConfiguration(generating: input).yaml() == TalosReference.text(of: golden.path))
    }

    @Test("the text is the same to the byte with overrides and a patch", arguments: all.filter { !$0.isBase })
    func overrides(golden: Golden) throws {
        let directory = try #require(TalosReference.directory)
        let layer = Layer(
            name: "patch-pre14.yaml",
            content: .text(try TalosReference.text(of: directory + "/golden/patch-pre14.yaml")))
        let input = GoldenInput.overrides(golden.version, golden.role, secrets: try secrets())
        var configuration = try MachineConfiguration(generating: input)
        try configuration.apply(ConfigPatch(layer, number: 1, version: golden.version))
        #expect(try configuration.yaml() == TalosReference.text(of: golden.path))
    }
}
