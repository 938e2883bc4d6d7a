// SPDX-License-Identifier: Apache-2.0
package import StructuredData

extension WatchEvent {
    /// Marks the bookmark that ends the initial events of a streaming list.
    private static var initialEventsEnd: String { "k8s.io/initial-events-end" }

    /// Reads one event by its type: an ERROR carries a Status, a BOOKMARK nothing but a version.
    ///
    /// It never fails, since the watch goes on after an event that cannot be read.
    package init(_ event: JSONValue) {
        let object = event["object"] ?? .null
        switch event["type"]?.string {
        case "ADDED": self = Self.read(object) { .added($0) }
        case "MODIFIED": self = Self.read(object) { .modified($0) }
        case "DELETED": self = Self.read(object) { .deleted($0) }
        case "BOOKMARK": self = Self.bookmark(object)
        case "ERROR": self = .failed(Self.status(object))
        case let type?: self = Self.unreadable(object, "unknown event type \(type)")
        case nil: self = Self.unreadable(object, "an event without type")
        }
    }

    private static func read(_ object: JSONValue, _ event: (R) -> WatchEvent) -> WatchEvent {
        do {
            return event(try R(object))
        } catch {
            return unreadable(object, error.description)
        }
    }

    private static func bookmark(_ object: JSONValue) -> WatchEvent {
        let version = ObjectIdentity(of: object).resourceVersion
        guard !version.isEmpty else { return unreadable(object, "a bookmark without resource version") }
        let mark = object["metadata"]?["annotations"]?[initialEventsEnd]?.string
        return .bookmark(version, endsInitialEvents: mark == "true")
    }

    private static func status(_ object: JSONValue) -> APIStatus {
        APIStatus(object)
            ?? APIStatus(
                code: 500, reason: "InternalError", message: "the server ended the watch without a Status")
    }

    private static func unreadable(_ object: JSONValue, _ problem: String) -> WatchEvent {
        let identity = ObjectIdentity(of: object)
        return .undecodable(key: identity.key, resourceVersion: identity.resourceVersion, problem: problem)
    }
}
