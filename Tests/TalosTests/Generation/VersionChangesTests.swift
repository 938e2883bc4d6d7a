// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("What changes from one version's generated configuration to the next one's")
struct VersionChangesTests {
    /// The lines that a version adds and takes away, in their order.
    struct Change: Sendable, CustomTestStringConvertible {
        let minor: Int
        let role: MachineRole
        var added: [String] = []
        var removed: [String] = []

        var testDescription: String { "v1.\(minor) \(role.rawValue)" }
    }

    static let base = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13].flatMap { minor in
        MachineRole.allCases.map { role in
            let onControlPlane = role == .controlPlane
            return switch minor {
            case 5: Change(minor: minor, role: role, added: ["        diskQuotaSupport: true"])
            case 6:
                Change(
                    minor: minor, role: role,
                    added: ["        kubePrism:", "            enabled: true", "            port: 7445"])
            case 7:
                Change(minor: minor, role: role, added: ["        hostDNS:", "            enabled: true"])
            case 8:
                Change(
                    minor: minor, role: role,
                    added: ["            forwardKubeDNSToHost: true"]
                        + (onControlPlane
                            ? [
                                "    nodeLabels:",
                                "        node.kubernetes.io/exclude-from-external-load-balancers: \"\"",
                            ] : ["    clusterName: sample"]))
            case 12:
                Change(
                    minor: minor, role: role,
                    added: [
                        "        grubUseUKICmdline: true", "---", "apiVersion: v1alpha1",
                        "kind: HostnameConfig",
                        "auto: stable",
                    ],
                    removed: [
                        "        rbac: true", "        stableHostname: true",
                        "        apidCheckExtKeyUsage: true",
                    ]
                        + (onControlPlane
                            ? [
                                "        certSANs:", "            - 192.0.2.10",
                                "        disablePodSecurityPolicy: true",
                            ] : []))
            case 13: Change(minor: minor, role: role, removed: ["    network: {}"])
            default: Change(minor: minor, role: role)
            }
        }
    }

    @Test("the lines that come and go are those of Talos", arguments: base)
    func changing(change: Change) throws {
        let input = MachineConfigInput(
            version: TalosVersion(minor: change.minor), role: change.role, clusterName: "sample",
            endpoint: "https://192.0.2.10:6443", kubernetesVersion: "v1.33.0", secrets: .readable)
        try expect(change, of: input)
    }

    @Test("registries move from the machine to documents of their own, mirrors before trust, by name")
    func registries() throws {
        var input = MachineConfigInput(
            version: TalosVersion(minor: 12), role: .worker, clusterName: "sample",
            endpoint: "https://192.0.2.10:6443", secrets: .readable)
        input.registries = [
            MachineConfigInput.Registry(host: "z.io", mirrors: ["https://a.example.com", "http://b:5000"]),
            MachineConfigInput.Registry(
                host: "a.io", mirrors: ["https://c"], authority: "PEM\n", isInsecure: true),
        ]
        let documents = """
            ---
            apiVersion: v1alpha1
            kind: RegistryMirrorConfig
            name: a.io
            endpoints:
                - url: https://c
            ---
            apiVersion: v1alpha1
            kind: RegistryMirrorConfig
            name: z.io
            endpoints:
                - url: https://a.example.com
                - url: http://b:5000
            ---
            apiVersion: v1alpha1
            kind: RegistryTLSConfig
            name: a.io
            ca: |
                PEM
            insecureSkipVerify: true
            ---
            apiVersion: v1alpha1
            kind: HostnameConfig
            auto: stable

            """
        #expect(try MachineConfiguration(generating: input).yaml().hasSuffix(documents))
        input.version = TalosVersion(minor: 11)
        let older = try lines(input)
        var plain = input
        plain.registries = []
        #expect(
            try added(older, to: lines(plain)) == [
                "    registries:", "        mirrors:", "            a.io:", "                endpoints:",
                "                    - https://c", "            z.io:", "                endpoints:",
                "                    - https://a.example.com", "                    - http://b:5000",
                "        config:", "            a.io:", "                tls:",
                "                    ca: UEVNCg==",
                "                    insecureSkipVerify: true",
            ])
    }

    @Test("KubeSpan moves from the machine's network to a document after that of the host name")
    func kubeSpan() throws {
        var input = MachineConfigInput(
            version: TalosVersion(minor: 13), role: .controlPlane, clusterName: "sample",
            endpoint: "https://192.0.2.10:6443", secrets: .readable)
        let before = try lines(input)
        input.kubeSpan = true
        let now = try lines(input)
        #expect(
            added(now, to: before) == [
                "---", "apiVersion: v1alpha1", "kind: KubeSpanConfig", "enabled: true",
            ])
        #expect(
            now.suffix(5) == ["---", "apiVersion: v1alpha1", "kind: KubeSpanConfig", "enabled: true", ""])
        input.version = TalosVersion(minor: 12)
        #expect(
            try lines(input).joined(separator: "\n").contains(
                "    network:\n        kubespan:\n            enabled: true\n"))
    }

    private func expect(_ change: Change, of input: MachineConfigInput) throws {
        let now = try lines(input)
        var older = input
        older.version = TalosVersion(minor: change.minor - 1)
        let before = try lines(older)
        #expect(added(now, to: before) == change.added)
        #expect(added(before, to: now) == change.removed)
    }

    private func lines(_ input: MachineConfigInput) throws -> [String] {
        try MachineConfiguration(generating: input).yaml().split(
            separator: "\n", omittingEmptySubsequences: false
        )
        .map(String.init)
    }

    /// The lines that `now` has more often than `before`, in the order of `now`; of equal ones the last.
    private func added(_ now: [String], to before: [String]) -> [String] {
        now.difference(from: before).insertions.compactMap { change in
            if case .insert(_, let line, _) = change { line } else { nil }
        }
    }
}
