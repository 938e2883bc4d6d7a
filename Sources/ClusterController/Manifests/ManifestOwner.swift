// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import Platform
import StructuredData

/// The cluster that a directory of manifests belongs to.
package struct ManifestOwner: Sendable, Hashable {
    /// Namespace and name; one cluster at a time has them.
    package var key: ObjectKey
    package var uid: String

    package init(key: ObjectKey, uid: String) {
        self.key = key
        self.uid = uid
    }

    package init(_ cluster: KubernetesCluster) {
        self.init(key: cluster.key, uid: cluster.metadata.uid)
    }
}

/// What stands in each directory: whose it is, and which of its files are ours to change and to remove.
struct ManifestRecord: Hashable {
    static let fileName = ".talos-operator.json"
    /// Enough for the names of the largest cluster.
    private static let sizeLimit = 1 << 20
    private static let depth = JSONLimits(depth: 4)

    var owner: ManifestOwner
    var files: [String]

    /// What a directory says about itself.
    enum Finding {
        /// Nobody has claimed the directory.
        case unclaimed
        case owned(ManifestRecord)
        /// Somebody has, but what it says makes no sense; then it is not ours.
        case unreadable
    }

    /// Reads the record of a directory.
    static func find(in directory: borrowing Directory) throws(FileError) -> Finding {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try directory.read(fileName, limit: sizeLimit)
        } catch {
            if error.isNotFound { return .unclaimed }
            throw error
        }
        let parsed = Result { () throws(JSONError) in try JSONValue(json: bytes, limits: depth) }
        guard case .success(let document) = parsed, let record = Self(document) else { return .unreadable }
        return .owned(record)
    }

    init(owner: ManifestOwner, files: [String] = []) {
        self.owner = owner
        self.files = files
    }

    private init?(_ document: JSONValue) {
        guard let namespace = document["namespace"]?.string, let name = document["name"]?.string,
            let uid = document["uid"]?.string, let files = document["files"]?.array
        else { return nil }
        owner = ManifestOwner(key: ObjectKey(namespace: namespace, name: name), uid: uid)
        self.files = files.compactMap(\.string).filter(Self.isManifest)
    }

    /// Whether it is a name that we give to files; a record that was tampered with can name no other, so that it
    /// neither removes what is not ours nor keeps a cluster from going.
    private static func isManifest(_ name: String) -> Bool {
        let stem = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        return stem.count == 2 && stem[1] == "yaml" && DNS1123.isLabel(stem[0])
    }

    var bytes: [UInt8] {
        let document: JSONValue = [
            "namespace": .string(owner.key.namespace), "name": .string(owner.key.name),
            "uid": .string(owner.uid),
            "files": .array(files.map { .string($0) }),
        ]
        return document.encoded() + [UInt8(ascii: "\n")]
    }
}
