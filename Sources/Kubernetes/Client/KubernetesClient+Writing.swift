// SPDX-License-Identifier: Apache-2.0
import HTTP
package import StructuredData

/// What server-side apply did.
package struct Applied<R: Resource>: Sendable {
    /// The object as it is now.
    package var object: R
    /// Whether it did not exist before.
    package var wasCreated: Bool

    package init(object: R, wasCreated: Bool) {
        self.object = object
        self.wasCreated = wasCreated
    }
}

/// What a delete did.
package enum Deleted<R: Resource>: Sendable {
    /// The object is not there any more, or was not there at all.
    case gone
    /// The object waits for its finalizers.
    case terminating(R)
}

/// Writes; all of them stand behind the fence and name our field manager.
extension KubernetesClient {
    /// Creates an object.
    ///
    /// - Throws: AlreadyExists also where an earlier, interrupted attempt of this very call has created it.
    package func create<R: Resource>(
        _ type: R.Type, _ object: JSONValue, namespace: String, dryRun: Bool = false
    ) async throws(APIError) -> R {
        try decode(
            try await send(
                .create(
                    R.definition, namespace: namespace, object, fieldManager: fieldManager, dryRun: dryRun)))
    }

    /// Server-side apply: creates the object or makes our fields in it what `object` says.
    ///
    /// - `force`: take over fields that another manager owns; without it that is a Conflict.
    package func apply<R: Resource>(
        _ type: R.Type, _ key: ObjectKey, _ object: JSONValue, force: Bool = true, dryRun: Bool = false
    ) async throws(APIError) -> Applied<R> {
        let response = try await send(
            .apply(R.definition, key, object, fieldManager: fieldManager, force: force, dryRun: dryRun))
        return Applied(object: try decode(response), wasCreated: response.head.status == 201)
    }

    /// Changes the members that `patch` names and removes those it gives as null (RFC 7386).
    ///
    /// A patch with `metadata.resourceVersion` fails with Conflict if the object has changed since, and is
    /// repeated after ambiguous failures; one without is not.
    package func mergePatch<R: Resource>(
        _ type: R.Type, _ key: ObjectKey, _ patch: JSONValue, subresource: Subresource? = nil,
        dryRun: Bool = false
    ) async throws(APIError) -> R {
        try decode(
            try await send(
                .mergePatch(
                    R.definition, key, patch, subresource: subresource, fieldManager: fieldManager,
                    dryRun: dryRun)))
    }

    /// Puts `object`, which must give the version it replaces, in the place of the one there.
    package func replace<R: Resource>(
        _ type: R.Type, _ key: ObjectKey, _ object: JSONValue
    ) async throws(APIError) -> R {
        try decode(try await send(.replace(R.definition, key, object, fieldManager: fieldManager)))
    }

    /// Deletes an object; one that is not there counts as deleted, so the call may safely be repeated.
    ///
    /// - Throws: Conflict if `preconditions` do not hold.
    package func delete<R: Resource>(
        _ type: R.Type, _ key: ObjectKey, preconditions: Preconditions = .none,
        propagation: Propagation = .background, dryRun: Bool = false
    ) async throws(APIError) -> Deleted<R> {
        let request = try APIRequest.delete(
            R.definition, key, preconditions: preconditions, propagation: propagation, dryRun: dryRun)
        do {
            return try deleted(try await send(request))
        } catch  where error.isNotFound {
            return .gone
        }
    }

    /// The server answers with a Status or with the object, as it was or as it waits.
    private func deleted<R: Resource>(_ response: HTTPResponse) throws(APIError) -> Deleted<R> {
        guard response.head.status != 204 else { return .gone }
        let document = try document(response)
        guard document["kind"]?.string != "Status" else { return .gone }
        let object: R = try decode(document)
        return object.metadata.isBeingDeleted ? .terminating(object) : .gone
    }
}
