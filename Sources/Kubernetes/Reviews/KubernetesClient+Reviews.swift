// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData

/// Questions about others that only the API server can answer.
extension KubernetesClient {
    /// Whose bearer token this is; nil if it is nobody's, or no longer good.
    ///
    /// Errors never hold the token, which the server's answer repeats.
    package func reviewToken(_ token: String) async throws(APIError) -> UserInfo? {
        let status = try await review(
            "authentication.k8s.io", "tokenreviews", kind: "TokenReview", spec: ["token": .string(token)])
        guard status["authenticated"]?.bool == true else { return nil }
        return status["user"].flatMap(UserInfo.init)
    }

    /// Whether `user` may `verb` a path that belongs to no resource, such as `get` `/metrics`.
    package func reviewAccess(
        of user: UserInfo, verb: String, nonResourcePath path: String
    ) async throws(APIError) -> Bool {
        var spec = user.subject
        spec["nonResourceAttributes"] = ["verb": .string(verb), "path": .string(path)]
        let status = try await review(
            "authorization.k8s.io", "subjectaccessreviews", kind: "SubjectAccessReview", spec: spec)
        return status["allowed"]?.bool == true && status["denied"]?.bool != true
    }

    /// Creates a review, which is never stored, and returns its status.
    private func review(
        _ group: String, _ plural: String, kind: String, spec: JSONObject
    ) async throws(APIError) -> JSONValue {
        let body: JSONObject = [
            "apiVersion": .string("\(group)/v1"), "kind": .string(kind), "spec": .object(spec),
        ]
        let response = try await send(
            APIRequest(
                verb: .create, path: "/apis/\(group)/v1/\(plural)", resource: plural,
                contentType: "application/json", body: .object(body), repeatability: .idempotent))
        do {
            let answer = try document(response)
            if answer["kind"]?.string == kind, let status = answer["status"] { return status }
        } catch {
            // Its text quotes the answer.
        }
        throw .undecodable("the server answered a \(kind) with something else")
    }
}
