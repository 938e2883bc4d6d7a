// SPDX-License-Identifier: Apache-2.0
import HTTP
package import StructuredData

/// A kind of object as the server itself tells of it.
package struct ServedResource: Sendable, Hashable {
    /// The plural name, with that of a subresource after a slash.
    package var name: String
    package var kind: String
    package var isNamespaced: Bool
    /// The version of the kind, where it is another than that of the list.
    package var version: String?
}

/// Objects of kinds that are known only when the program runs.
extension KubernetesClient {
    /// What the server has of one version of one group, as in `v1` or `apps/v1`; empty if it has none.
    package func resources(inGroupVersion groupVersion: String) async throws(APIError) -> [ServedResource] {
        let (group, version) = Self.parts(of: groupVersion)
        let place = ResourceDefinition(group: group, version: version, kind: "", plural: "")
        let response: HTTPResponse
        do {
            response = try await send(.document(try APIPath.groupVersion(place)))
        } catch  where error.isNotFound || error.isUnserved {
            return []
        }
        return (try document(response)["resources"]?.array ?? []).compactMap { resource in
            guard let name = resource["name"]?.string, let kind = resource["kind"]?.string else { return nil }
            return ServedResource(
                name: name, kind: kind, isNamespaced: resource["namespaced"]?.bool == true,
                version: resource["version"]?.string)
        }
    }

    /// One object as it is on the server, in full but for managedFields; nil if it is not there.
    package func document(
        _ definition: ResourceDefinition, _ key: ObjectKey
    ) async throws(APIError) -> JSONValue? {
        do {
            return try document(try await send(.get(definition, key)))
        } catch  where error.isNotFound {
            return nil
        }
    }

    /// Server-side apply of an object of any kind; see `apply`.
    package func applyDocument(
        _ definition: ResourceDefinition, _ key: ObjectKey, _ object: JSONValue, force: Bool = true
    ) async throws(APIError) {
        _ = try await send(.apply(definition, key, object, fieldManager: fieldManager, force: force))
    }

    private static func parts(of groupVersion: String) -> (group: String, version: String) {
        guard let slash = groupVersion.firstIndex(of: "/") else { return ("", groupVersion) }
        return (
            String(groupVersion[..<slash]), String(groupVersion[groupVersion.index(after: slash)...])
        )
    }
}
