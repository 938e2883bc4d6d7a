// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport

/// A change of a cluster or a Machine as etcd keeps it: what the API server did, whoever heard of it.
struct Change: Sendable {
    enum Kind: String, Sendable { case cluster = "kubernetesclusters", machine = "machines" }

    var revision: Int64
    var kind: Kind
    var name: String
    /// The object from now on; nil if it is gone.
    var object: JSONValue?

    init(_ revision: Int64, _ kind: Kind, _ name: String, _ object: JSONValue?) {
        (self.revision, self.kind, self.name, self.object) = (revision, kind, name, object)
    }

    /// Nil if the entry is about something else than a cluster or a Machine of the namespace.
    init?(_ entry: EtcdEntry, namespace: String) {
        let parts = entry.key.split(separator: "/")
        guard parts.count == 5, parts[3] == namespace, let kind = Kind(rawValue: String(parts[2])) else {
            return nil
        }
        self.init(entry.revision, kind, String(parts[4]), entry.value)
    }
}

extension Change: CustomStringConvertible {
    var description: String {
        guard let object else { return "revision \(revision): \(name) is gone" }
        let metadata = object["metadata"] ?? .null
        let controller = metadata["ownerReferences"]?.array?.first?["uid"]?.string ?? ""
        let deletion = metadata["deletionTimestamp"]?.string.map { ", deleted at \($0)" } ?? ""
        return """
            revision \(revision): \(name) \(metadata["uid"]?.string ?? "") \(controller), \
            generation \(metadata["generation"]?.integer ?? 0), \
            observed \(object["status"]?["observedGeneration"]?.integer ?? 0), \
            finalizers \((metadata["finalizers"] ?? []).text)\(deletion)
            """
    }
}

extension AuditEntry: CustomStringConvertible {
    var description: String { "\(time): \(user) \(verb) \(resource)/\(subresource) \(name): \(status)" }
}
