// SPDX-License-Identifier: Apache-2.0

/// Settings that two documents make, and names that two of them have.
enum ConflictRules {
    static func check(_ scope: ValidationScope, _ findings: inout ConfigFindings) {
        settings(scope, &findings)
        encryption(scope, &findings)
        for kinds in sharedNames { names(kinds, scope, &findings) }
    }

    // MARK: - A setting in the document without a kind and in one of its own

    private static let machine: [(kind: String, keys: [String])] = [
        ("HostnameConfig", ["network", "hostname"]),
        ("HostnameConfig", ["features", "stableHostname"]),
        ("KubeSpanConfig", ["network", "kubespan"]),
        ("ResolverConfig", ["network", "nameservers"]),
        ("ResolverConfig", ["network", "searchDomains"]),
        ("ResolverConfig", ["network", "disableSearchDomain"]),
        ("TimeSyncConfig", ["time", "servers"]),
        ("TimeSyncConfig", ["time", "bootTimeout"]),
        ("TimeSyncConfig", ["time", "disabled"]),
    ]

    private static func settings(_ scope: ValidationScope, _ findings: inout ConfigFindings) {
        guard let root = scope.machine?["machine"] else { return }
        for (kind, keys) in machine where scope.documents[kind] != nil {
            let field = keys.reduce(root) { $0[$1] }
            // An object counts though it is empty, a scalar or list does not.
            guard field.node?.members == nil ? !field.isZero : field.isSet else { continue }
            findings.error(field, "excludes the document \(kind), which is there too: keep one of both")
        }
    }

    private static func encryption(_ scope: ValidationScope, _ findings: inout ConfigFindings) {
        guard let system = scope.machine?["machine"]["systemDiskEncryption"] else { return }
        for volume in scope.documents["VolumeConfig"] ?? []
        where !["", "none"].contains(volume["encryption"]["provider"].text) {
            let field = system[volume["name"].text.lowercased()]
            guard field.isSet else { continue }
            findings.error(
                field,
                "excludes encryption in the VolumeConfig of the same volume, which is there too: keep one of both"
            )
        }
    }

    // MARK: - Names

    /// Kinds of which no two may have the same name, for both would make the same thing.
    private static let sharedNames = [
        [
            "LinkConfig", "BondConfig", "BridgeConfig", "DummyLinkConfig", "VLANConfig", "VRFConfig",
            "WireguardConfig",
        ],
        ["UserVolumeConfig", "ExistingVolumeConfig"],
        ["HCloudVIPConfig", "Layer2VIPConfig"],
    ]

    private static func names(_ kinds: [String], _ scope: ValidationScope, _ findings: inout ConfigFindings) {
        var owners: [String: String] = [:]
        for kind in kinds {
            for document in scope.documents[kind] ?? [] {
                let name = document["name"]
                guard let other = owners.updateValue(kind, forKey: name.text), other != kind else { continue }
                findings.error(name, "must be unique, but a \(other) has the same name")
            }
        }
    }
}
