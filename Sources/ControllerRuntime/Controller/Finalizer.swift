// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import StructuredData

/// An entry in an object's metadata that keeps it from vanishing before we have cleaned up.
///
/// Both changes are merge patches on the version that was read, so entries that others add or remove at the
/// same time are never lost: one of the two gets a Conflict and looks again.
package struct Finalizer: Sendable, Hashable {
    /// Qualified by a domain, as in `cluster.vitistack.io/finalizer`.
    package let name: String

    package init(_ name: String) {
        self.name = name
    }

    /// Whether the object bears it.
    package func isPresent(on object: ObjectMeta) -> Bool {
        object.finalizers.contains(name)
    }

    /// The patch that adds the entry; nil if it is there, or may not be added because deletion has begun.
    package func addition(to object: ObjectMeta) -> JSONValue? {
        guard !isPresent(on: object), !object.isBeingDeleted else { return nil }
        return patch(object, finalizers: object.finalizers + [name])
    }

    /// The patch that removes the entry and no other; nil if it is not there.
    package func removal(from object: ObjectMeta) -> JSONValue? {
        guard isPresent(on: object) else { return nil }
        return patch(object, finalizers: object.finalizers.filter { $0 != name })
    }

    /// Adds the entry and returns the object with it; the same object if there is nothing to add.
    ///
    /// - Throws: Conflict if the object has changed since it was read.
    package func add<R: Resource>(to object: R, _ client: KubernetesClient) async throws(APIError) -> R {
        guard let patch = addition(to: object.metadata) else { return object }
        return try await client.mergePatch(R.self, object.key, patch)
    }

    /// Removes the entry; once it was the last, the object vanishes, and that it has vanished is no error.
    ///
    /// - Returns: The object without the entry, as it was last; nil if it was gone before.
    /// - Throws: Conflict if the object has changed since it was read.
    @discardableResult
    package func remove<R: Resource>(
        from object: R, _ client: KubernetesClient
    ) async throws(APIError) -> R? {
        guard let patch = removal(from: object.metadata) else { return object }
        do throws(APIError) {
            return try await client.mergePatch(R.self, object.key, patch)
        } catch {
            guard error.isNotFound else { throw error }
            return nil
        }
    }

    private func patch(_ object: ObjectMeta, finalizers: [String]) -> JSONValue {
        [
            "metadata": [
                "resourceVersion": .string(object.resourceVersion.text),
                "finalizers": .array(finalizers.map { .string($0) }),
            ]
        ]
    }
}
