// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// One factory for each kind of request.
extension APIRequest {
    /// One object.
    package static func get(
        _ definition: ResourceDefinition, _ key: ObjectKey
    ) throws(APIError) -> APIRequest {
        APIRequest(
            verb: .get, path: try APIPath.object(definition, key), resource: definition.plural,
            repeatability: .idempotent)
    }

    /// One page of a list.
    ///
    /// - `limit`: most items in the answer; 0 for all.
    /// - `continueToken`: from the page before; it carries the version, so that must not be sent with it.
    /// - `resourceVersion`: nil for the newest state; `0` for any state, however old; else not older than it.
    package static func list(
        _ definition: ResourceDefinition, _ selection: ObjectSelection, limit: Int = 500,
        continueToken: String = "", resourceVersion: ResourceVersion? = nil
    ) throws(APIError) -> APIRequest {
        var query = selection.query
        if limit > 0 { query.append(QueryItem("limit", String(limit))) }
        if !continueToken.isEmpty {
            query.append(QueryItem("continue", continueToken))
        } else if let resourceVersion, !resourceVersion.isEmpty {
            query.append(QueryItem("resourceVersion", resourceVersion.text))
            // With a limit and no match rule, servers take a version to mean exactly that one.
            if resourceVersion != "0" { query.append(notOlderThan) }
        }
        return APIRequest(
            verb: .list, path: try APIPath.collection(definition, namespace: selection.namespace),
            resource: definition.plural, query: query, repeatability: .idempotent)
    }

    /// The events after a version.
    ///
    /// - `timeout`: after which the server ends the watch; whole seconds, at least one.
    /// - `sendInitialEvents`: begin with an ADDED for each object that exists, closed by a marked bookmark;
    ///   servers before 1.27 refuse this with 422 Invalid.
    package static func watch(
        _ definition: ResourceDefinition, _ selection: ObjectSelection, from version: ResourceVersion,
        timeout: Duration, sendInitialEvents: Bool = false
    ) throws(APIError) -> APIRequest {
        var query = [QueryItem("watch", "true"), QueryItem("allowWatchBookmarks", "true")] + selection.query
        if !version.isEmpty { query.append(QueryItem("resourceVersion", version.text)) }
        // Without the match rule old servers ignore the wish, and the marked bookmark would never come.
        if sendInitialEvents { query += [QueryItem("sendInitialEvents", "true"), notOlderThan] }
        query.append(QueryItem("timeoutSeconds", String(max(1, timeout.components.seconds))))
        return APIRequest(
            verb: .watch, path: try APIPath.collection(definition, namespace: selection.namespace),
            resource: definition.plural, query: query, repeatability: .onlyIfUnprocessed)
    }

    /// A new object; under `generateName` it is never sent twice unless the server refused it unprocessed.
    package static func create(
        _ definition: ResourceDefinition, namespace: String, _ object: JSONValue, fieldManager: String,
        dryRun: Bool = false
    ) throws(APIError) -> APIRequest {
        let path = try APIPath.collection(definition, namespace: definition.isNamespaced ? namespace : nil)
        let hasName = object["metadata"]?["name"]?.string?.isEmpty == false
        return APIRequest(
            verb: .create, path: path, resource: definition.plural,
            query: writeQuery(fieldManager, dryRun), contentType: json, body: object,
            repeatability: hasName ? .detectable : .onlyIfUnprocessed)
    }

    /// Server-side apply: the fields in `object` are ours from now on, those we left out no longer.
    package static func apply(
        _ definition: ResourceDefinition, _ key: ObjectKey, _ object: JSONValue, fieldManager: String,
        force: Bool = true, dryRun: Bool = false
    ) throws(APIError) -> APIRequest {
        var query = writeQuery(fieldManager, dryRun)
        if force { query.append(QueryItem("force", "true")) }
        return APIRequest(
            verb: .patch, path: try APIPath.object(definition, key), resource: definition.plural,
            query: query, contentType: "application/apply-patch+yaml", body: object,
            repeatability: .idempotent)
    }

    /// A merge patch; it is repeatable if it names the version it applies to.
    package static func mergePatch(
        _ definition: ResourceDefinition, _ key: ObjectKey, _ patch: JSONValue,
        subresource: Subresource? = nil, fieldManager: String, dryRun: Bool = false
    ) throws(APIError) -> APIRequest {
        APIRequest(
            verb: .patch, path: try APIPath.object(definition, key, subresource), resource: definition.plural,
            query: writeQuery(fieldManager, dryRun), contentType: "application/merge-patch+json", body: patch,
            repeatability: hasVersion(patch) ? .idempotent : .onlyIfUnprocessed)
    }

    /// An object in place of the one there, which must still have the version that `object` gives.
    package static func replace(
        _ definition: ResourceDefinition, _ key: ObjectKey, _ object: JSONValue, fieldManager: String
    ) throws(APIError) -> APIRequest {
        guard hasVersion(object) else {
            throw .invalidRequest(
                "metadata.resourceVersion: must be set to replace \(definition.plural) \(key)")
        }
        return APIRequest(
            verb: .update, path: try APIPath.object(definition, key), resource: definition.plural,
            query: writeQuery(fieldManager, false), contentType: json, body: object,
            repeatability: .idempotent)
    }

    /// A deletion; without a UID among the preconditions it is not repeated after ambiguous failures.
    package static func delete(
        _ definition: ResourceDefinition, _ key: ObjectKey, preconditions: Preconditions = .none,
        propagation: Propagation = .background, dryRun: Bool = false
    ) throws(APIError) -> APIRequest {
        var options: JSONObject = [
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": .string(propagation.rawValue),
        ]
        let conditions = preconditions.json
        if !conditions.isEmpty { options["preconditions"] = .object(conditions) }
        if dryRun { options["dryRun"] = ["All"] }
        return APIRequest(
            verb: .delete, path: try APIPath.object(definition, key), resource: definition.plural,
            contentType: json, body: .object(options),
            repeatability: preconditions.uid == nil ? .onlyIfUnprocessed : .idempotent)
    }

    /// A document that is no object: `/version`, `/readyz`, `/apis/group/version`.
    package static func document(_ path: String) -> APIRequest {
        APIRequest(verb: .get, path: path, resource: path, repeatability: .idempotent)
    }

    private static let json = "application/json"
    private static let notOlderThan = QueryItem("resourceVersionMatch", "NotOlderThan")

    private static func writeQuery(_ fieldManager: String, _ dryRun: Bool) -> [QueryItem] {
        [QueryItem("fieldManager", fieldManager)] + (dryRun ? [QueryItem("dryRun", "All")] : [])
    }

    private static func hasVersion(_ object: JSONValue) -> Bool {
        object["metadata"]?["resourceVersion"]?.string?.isEmpty == false
    }
}

extension ObjectSelection {
    fileprivate var query: [QueryItem] {
        [QueryItem("labelSelector", labelSelector), QueryItem("fieldSelector", fieldSelector)]
            .filter { !$0.value.isEmpty }
    }
}
