// SPDX-License-Identifier: Apache-2.0
import HTTP
package import StructuredData

/// The API server's version.
package struct ServerVersion: Sendable, Hashable, CustomStringConvertible {
    /// The first number; 1 to this day.
    package var major: Int
    /// The second number, without what a distribution appends.
    package var minor: Int
    /// `v1.20.2`, with whatever a distribution adds.
    package var gitVersion: String

    /// Reads the document at `/version`; distributions write the minor version as `20+`.
    package init(_ document: JSONValue) throws(DecodingProblem) {
        let fields = try document.expectObject()
        major = try Self.number(fields, "major")
        minor = try Self.number(fields, "minor")
        gitVersion = try fields.string("gitVersion") ?? ""
    }

    package var description: String { gitVersion.isEmpty ? "v\(major).\(minor)" : gitVersion }

    private static func number(_ fields: JSONObject, _ key: String) throws(DecodingProblem) -> Int {
        let text = try fields.requiredString(key)
        guard let number = Int(text.prefix { $0.isASCII && $0.isNumber }) else {
            throw DecodingProblem(path: key, problem: "must begin with a number, as \"\(text)\" does not")
        }
        return number
    }
}

/// What the server is and what it serves.
extension KubernetesClient {
    /// Asks for the version of the server.
    package func serverVersion() async throws(APIError) -> ServerVersion {
        let document = try document(try await send(.document("/version")))
        do {
            return try ServerVersion(document)
        } catch {
            throw .undecodable("/version: \(error)")
        }
    }

    /// Returns if the server says within five seconds that it is ready; one attempt, cheap enough for a probe.
    package func checkAvailability() async throws(APIError) {
        var probe = self
        probe.retry = .never
        probe.timeout = min(timeout, .seconds(5))
        _ = try await probe.send(.document("/readyz"))
    }

    /// Whether the API has this kind: false until its CRD is installed.
    package func exists(_ definition: ResourceDefinition) async throws(APIError) -> Bool {
        let response: HTTPResponse
        do {
            response = try await send(.document(try APIPath.groupVersion(definition)))
        } catch  where error.isNotFound || error.isUnserved {
            return false
        }
        let resources = try document(response)["resources"]?.array ?? []
        return resources.contains { $0["name"]?.string == definition.plural }
    }
}
