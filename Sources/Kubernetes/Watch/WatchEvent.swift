// SPDX-License-Identifier: Apache-2.0

/// One event of a watch, as the server sent it.
package enum WatchEvent<R: Resource>: Sendable {
    case added(R)
    case modified(R)
    /// The object's last state; its resource version is that of the deletion.
    case deleted(R)
    /// The watch is true up to this version; `endsInitialEvents` closes a streaming list.
    case bookmark(ResourceVersion, endsInitialEvents: Bool)
    /// The server ends the watch, and why.
    case failed(APIStatus)
    /// An event we cannot read; key and version are there if the metadata could be read.
    case undecodable(key: ObjectKey?, resourceVersion: ResourceVersion, problem: String)
}

extension WatchEvent {
    /// The version that a watch has reached with this event; empty if it tells none.
    package var version: ResourceVersion {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object): object.metadata.resourceVersion
        case .bookmark(let version, _), .undecodable(_, let version, _): version
        case .failed: ""
        }
    }
}

/// Which objects to list or to watch.
package struct ObjectSelection: Sendable, Hashable {
    /// Nil for all namespaces.
    package var namespace: String?
    /// `app=x,tier in (a,b)`; empty for all.
    package var labelSelector: String
    /// `metadata.name=x`; empty for all.
    package var fieldSelector: String

    package init(namespace: String? = nil, labelSelector: String = "", fieldSelector: String = "") {
        self.namespace = namespace
        self.labelSelector = labelSelector
        self.fieldSelector = fieldSelector
    }
}

/// One page of a list.
package struct ResourcePage<R: Resource>: Sendable {
    /// The objects in the server's order.
    package var items: [R]
    /// Items that could not be read, by what the metadata says.
    package var undecodable: [DecodingProblem]
    /// The version of the list: where a watch starts.
    package var resourceVersion: ResourceVersion
    /// The token of the next page; empty on the last one.
    package var continueToken: String
    /// How many objects follow on later pages; nil if the server does not tell, as with a selector.
    package var remaining: Int?

    package init(
        items: [R], undecodable: [DecodingProblem] = [], resourceVersion: ResourceVersion,
        continueToken: String = "", remaining: Int? = nil
    ) {
        self.items = items
        self.undecodable = undecodable
        self.resourceVersion = resourceVersion
        self.continueToken = continueToken
        self.remaining = remaining
    }
}
