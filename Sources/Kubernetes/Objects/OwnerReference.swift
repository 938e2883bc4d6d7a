// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// A link from an object to one that owns it.
package struct OwnerReference: Sendable, Hashable {
    /// `group/version` of the owner, or the bare version for the core group.
    package var apiVersion: String
    /// The owner's kind.
    package var kind: String
    /// The owner's name, in the namespace of the object that is owned.
    package var name: String
    /// The owner's UID: an object of the same name made later is not the owner.
    package var uid: String
    /// Whether the owner manages the object; one owner at most does.
    package var isController: Bool
    /// Whether a foreground deletion of the owner waits for this object.
    package var blocksOwnerDeletion: Bool

    package init(
        apiVersion: String, kind: String, name: String, uid: String, isController: Bool = true,
        blocksOwnerDeletion: Bool = true
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.uid = uid
        self.isController = isController
        self.blocksOwnerDeletion = blocksOwnerDeletion
    }

    /// The API group of `apiVersion`; empty for the core group.
    package var group: String {
        guard let slash = apiVersion.firstIndex(of: "/") else { return "" }
        return String(apiVersion[..<slash])
    }

    /// The reference as the API writes it.
    package var json: JSONValue {
        [
            "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name),
            "uid": .string(uid),
            "controller": .bool(isController), "blockOwnerDeletion": .bool(blocksOwnerDeletion),
        ]
    }
}
