// SPDX-License-Identifier: Apache-2.0

/// Two documents of a configuration that must not stand beside each other.
struct DocumentConflict {
    var problem: String
    /// Who wrote the later one.
    var origin: Origin

    /// Kinds whose documents share their names.
    private static let groups: [Set<String>] = [
        [
            "BondConfig", "BridgeConfig", "DummyLinkConfig", "LinkConfig", "VLANConfig", "VRFConfig",
            "WireguardConfig",
        ],
        ["UserVolumeConfig", "ExistingVolumeConfig"],
        ["HCloudVIPConfig", "Layer2VIPConfig"],
    ]

    /// All conflicts, in the order of the documents.
    static func all(in documents: [ConfigDocument]) -> [DocumentConflict] {
        var seen: Set<DocumentIdentity> = []
        var conflicts: [DocumentConflict] = []
        for document in documents {
            let identity = document.identity
            if !seen.insert(identity).inserted {
                conflicts.append(
                    DocumentConflict(
                        problem: "duplicate document: \(text(identity))", origin: document.root.origin))
            } else if let other = rival(of: identity, among: seen) {
                conflicts.append(
                    DocumentConflict(
                        problem: "conflicting documents: \(text(other)) and \(text(identity)), "
                            + "whose kinds share their names",
                        origin: document.root.origin))
            }
        }
        return conflicts
    }

    private static func rival(of identity: DocumentIdentity, among seen: Set<DocumentIdentity>)
        -> DocumentIdentity?
    {
        guard case .document(let kind, let name) = identity,
            let group = groups.first(where: { $0.contains(kind) })
        else { return nil }
        return group.subtracting([kind]).sorted().lazy.map { DocumentIdentity.document(kind: $0, name: name) }
            .first(where: seen.contains)
    }

    /// As Talos writes it: `LinkConfig/eth0`.
    private static func text(_ identity: DocumentIdentity) -> String {
        switch identity {
        case .machine: "v1alpha1"
        case .document(let kind, let name): "\(kind)/\(name ?? "")"
        }
    }
}
