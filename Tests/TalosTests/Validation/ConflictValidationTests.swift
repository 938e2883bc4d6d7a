// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Conflicts between documents")
struct ConflictValidationTests {
    /// A setting of the document without a kind, and a document that has it too.
    private static func conflict(
        _ path: String, _ kind: String, machine: String, document: String
    ) -> ValidationCase {
        let both = TestConfig().with {
            $0.machine = machine
            $0.document = "kind: \(kind)\n\(document)"
        }
        return ValidationCase(
            "machine.\(path): excludes the document \(kind), which is there too: keep one of both", bad: both,
            good: both.with { $0.machine = "" })
    }

    private static let settings: [ValidationCase] = [
        conflict(
            "network.hostname", "HostnameConfig", machine: "network: {hostname: a}", document: "auto: stable"),
        conflict(
            "features.stableHostname", "HostnameConfig", machine: "features: {stableHostname: true}",
            document: "auto: stable"),
        conflict(
            "network.kubespan", "KubeSpanConfig", machine: "network: {kubespan: {enabled: false}}",
            document: "enabled: true"),
        conflict(
            "network.nameservers", "ResolverConfig", machine: "network: {nameservers: [10.0.0.1]}",
            document: "nameservers: [{address: 10.0.0.1}]"),
        conflict(
            "network.searchDomains", "ResolverConfig", machine: "network: {searchDomains: [a]}",
            document: "searchDomains: {domains: [a]}"),
        conflict(
            "network.disableSearchDomain", "ResolverConfig", machine: "network: {disableSearchDomain: true}",
            document: "searchDomains: {disableDefault: true}"),
        conflict(
            "time.servers", "TimeSyncConfig", machine: "time: {servers: [a]}", document: "ntp: {servers: [a]}"
        ),
        conflict(
            "time.bootTimeout", "TimeSyncConfig", machine: "time: {bootTimeout: 1m}",
            document: "enabled: true"),
        conflict(
            "time.disabled", "TimeSyncConfig", machine: "time: {disabled: true}", document: "enabled: false"),
    ]

    private static let encryption: [ValidationCase] = ["STATE", "EPHEMERAL"].map { name in
        let key = "{provider: luks2, keys: [{slot: 0, nodeID: {}}]}"
        let both = TestConfig().with {
            $0.machine = "systemDiskEncryption: {\(name.lowercased()): \(key)}"
            $0.document = "kind: VolumeConfig\nname: \(name)\nencryption: \(key)"
        }
        return ValidationCase(
            "machine.systemDiskEncryption.\(name.lowercased()): excludes encryption in the VolumeConfig of the same "
                + "volume, which is there too: keep one of both", bad: both,
            good: both.with {
                $0.document = "kind: VolumeConfig\nname: \(name)\nencryption: {provider: none}"
            })
    }

    private static let names: [ValidationCase] = [
        (["kind: LinkConfig", "kind: BridgeConfig"], "BridgeConfig.a", "LinkConfig"),
        (
            [
                "kind: UserVolumeConfig\nvolumeType: directory",
                "kind: ExistingVolumeConfig\ndiscovery: {volumeSelector: {match: 'true'}}",
            ], "ExistingVolumeConfig.a", "UserVolumeConfig"
        ),
        (
            ["kind: HCloudVIPConfig\napiToken: b\nlink: c", "kind: Layer2VIPConfig\nlink: c"],
            #"Layer2VIPConfig["::1"]"#, "HCloudVIPConfig"
        ),
    ].map { kinds, path, other in
        let name = path.contains("::1") ? "::1" : "a"
        let bad = TestConfig().with { $0.documents = kinds.map { "\($0)\nname: '\(name)'" } }
        return ValidationCase(
            "\(path).name: must be unique, but a \(other) has the same name", bad: bad,
            good: bad.with { $0.documents.removeLast() })
    }

    @Test("A setting or a name that two documents have is refused", arguments: settings + encryption + names)
    func refuses(_ row: ValidationCase) throws {
        #expect(try row.bad.validated().errors.map(\.withoutPlace).joined(separator: "\n") == row.message)
        #expect(try row.good.validated().errors == [])
    }

    @Test("What is not set does not conflict")
    func empty() throws {
        let config = TestConfig().with {
            $0.machine =
                "network: {hostname: '', nameservers: [], disableSearchDomain: false}\n"
                + "features: {stableHostname: false}\ntime: {disabled: false, servers: []}"
            $0.documents = [
                "kind: HostnameConfig\nauto: stable", "kind: ResolverConfig", "kind: TimeSyncConfig",
            ]
        }
        #expect(try config.validated().errors == [])
    }
}
