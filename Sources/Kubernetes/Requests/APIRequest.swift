// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import StructuredData

/// A request to the API server as a value, without server and credentials.
///
/// Each kind of request has a factory below that checks what the server would only answer with a confusing
/// 404 or 405, so a value of this type is always well-formed.
package struct APIRequest: Sendable, Hashable {
    /// What the request does, in the words that RBAC uses.
    package enum Verb: String, Sendable, Hashable {
        case get, list, watch, create, update, patch, delete
    }

    /// Whether the request may be sent again when nobody knows if the server carried it out.
    package enum Repeatability: Sendable, Hashable {
        /// The same effect however often it is carried out.
        case idempotent
        /// A create under a fixed name: what was carried out shows itself as AlreadyExists the next time.
        case detectable
        /// Only if the server said that it has not been carried out.
        case onlyIfUnprocessed
    }

    /// What the request does.
    package var verb: Verb
    /// The absolute path below the server's own prefix, percent-encoded.
    package var path: String
    /// The resource's plural name for metrics; the bare path for requests that are about none.
    package var resource: String
    /// Parameters in the order they are sent, not yet encoded.
    package var query: [QueryItem] = []
    /// What the body is.
    package var contentType: String?
    /// The body; nil for none.
    package var body: JSONValue?
    /// What a retry may do.
    package var repeatability: Repeatability

    /// Whether the request may change something: those stand behind the `WriteFence`.
    package var isMutating: Bool {
        switch verb {
        case .get, .list, .watch: false
        case .create, .update, .patch, .delete: true
        }
    }

    /// The HTTP method that goes with the verb.
    package var method: HTTPMethod {
        switch verb {
        case .get, .list, .watch: .get
        case .create: .post
        case .update: .put
        case .patch: .patch
        case .delete: .delete
        }
    }
}

/// A named parameter of a URL's query.
package struct QueryItem: Sendable, Hashable {
    /// Not yet encoded.
    package var name: String
    /// Not yet encoded either.
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// A part of an object that has its own path and its own permissions.
package enum Subresource: String, Sendable, Hashable {
    case status
}

/// What must hold for a delete to happen; otherwise the server answers Conflict.
package struct Preconditions: Sendable, Hashable {
    /// The object's UID; nil for any.
    package var uid: String?
    /// The object's version; nil for any.
    package var resourceVersion: ResourceVersion?

    package init(uid: String? = nil, resourceVersion: ResourceVersion? = nil) {
        self.uid = uid
        self.resourceVersion = resourceVersion
    }

    /// Delete whatever is there.
    package static let none = Preconditions()

    var json: JSONObject {
        var object = JSONObject()
        object["uid"] = uid.map { .string($0) }
        object["resourceVersion"] = resourceVersion.map { .string($0.text) }
        return object
    }
}

/// What becomes of the objects that the deleted one owns.
package enum Propagation: String, Sendable, Hashable {
    /// The garbage collector deletes them afterwards.
    case background = "Background"
    /// They go first, and the owner waits.
    case foreground = "Foreground"
    /// They stay.
    case orphan = "Orphan"
}
