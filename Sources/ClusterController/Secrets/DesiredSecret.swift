// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import PKI
import Platform
import StructuredData

/// A Secret as it should be, but for what it holds: enough to tell whether one is so.
struct SecretFace: Sendable, Hashable {
    var key: ObjectKey
    var labels: [String: String]
    var annotations: [String: String] = [:]
    /// The SHA-256 digest of the text that it is to hold.
    var digest: String
    var owner: OwnerReference

    /// Whether `secret` holds that text and has our metadata; what others added does not count.
    func isMatched(by secret: ClusterSecret?) -> Bool {
        guard let secret, secret.digest == digest, secret.metadata.controller?.uid == owner.uid else {
            return false
        }
        return labels.allSatisfy { secret.metadata.labels[$0.key] == $0.value }
            && annotations.allSatisfy { secret.metadata.annotations[$0.key] == $0.value }
    }
}

/// A Secret as it should be, complete; shown to nobody.
struct DesiredSecret: Sendable, CustomStringConvertible, CustomReflectable {
    let face: SecretFace
    private let value: [UInt8]
    /// Whether the server is to refuse every later change of what it holds.
    private let isImmutable: Bool

    var key: ObjectKey { face.key }
    var description: String { "DesiredSecret(\(key), redacted)" }
    var customMirror: Mirror { Mirror(self, children: []) }

    init(
        _ key: ObjectKey, of cluster: KubernetesCluster, labels: [String: String],
        annotations: [String: String] = [:], value: String, isImmutable: Bool = false
    ) {
        self.value = Array(value.utf8)
        self.isImmutable = isImmutable
        face = SecretFace(
            key: key, labels: labels, annotations: annotations, digest: SHA256.hexadecimal(of: self.value),
            owner: cluster.ownerReference)
    }

    /// What is sent; with the UID of the Secret to put right, so that another one of its name is refused.
    func document(uid: String? = nil) -> JSONValue {
        var metadata: JSONObject = [
            "name": .string(key.name), "namespace": .string(key.namespace), "labels": .texts(face.labels),
            "ownerReferences": [face.owner.json],
        ]
        if !face.annotations.isEmpty { metadata["annotations"] = .texts(face.annotations) }
        metadata["uid"] = uid.map { .string($0) }
        var object: JSONObject = [
            "apiVersion": .string(ClusterSecret.definition.apiVersion),
            "kind": .string(ClusterSecret.definition.kind), "metadata": .object(metadata), "type": "Opaque",
            "data": .object([ClusterSecret.valueKey: .string(Base64.encode(value))]),
        ]
        if isImmutable { object["immutable"] = true }
        return .object(object)
    }
}

extension JSONValue {
    /// An object of texts, ordered by key.
    static func texts(_ map: [String: String]) -> JSONValue {
        .object(
            JSONObject(
                uniqueMembers: map.sorted { $0.key < $1.key }
                    .map { JSONObject.Member(key: $0.key, value: .string($0.value)) }))
    }
}
