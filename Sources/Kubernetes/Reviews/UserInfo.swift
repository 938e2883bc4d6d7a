// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// Who somebody is to the API server, as a TokenReview tells and a SubjectAccessReview asks.
package struct UserInfo: Sendable, Hashable {
    /// The name, such as `system:serviceaccount:monitoring:prometheus`.
    package var name: String
    /// Tells apart those who bear the name one after the other; may be empty.
    package var uid: String
    /// The groups that roles may be bound to.
    package var groups: [String]
    /// What else the authenticator knows: lists of texts by key, passed on as they are.
    package var extra: JSONObject

    package init(name: String, uid: String = "", groups: [String] = [], extra: JSONObject = [:]) {
        self.name = name
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }

    /// Reads `status.user` of a TokenReview; nil without a name, which nobody is.
    init?(_ user: JSONValue) {
        guard let name = user["username"]?.string, !name.isEmpty else { return nil }
        self.init(
            name: name, uid: user["uid"]?.string ?? "",
            groups: (user["groups"]?.array ?? []).compactMap(\.string), extra: user["extra"]?.object ?? [:])
    }

    /// The members that say who it is in the `spec` of a SubjectAccessReview.
    var subject: JSONObject {
        var subject: JSONObject = [
            "user": .string(name), "groups": .array(groups.map { .string($0) }),
        ]
        if !uid.isEmpty { subject["uid"] = .string(uid) }
        if !extra.isEmpty { subject["extra"] = .object(extra) }
        return subject
    }
}
