// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Reviews of others' tokens and rights")
struct ReviewTests {
    private static let scraper = UserInfo(
        name: "system:serviceaccount:monitoring:prometheus", uid: "u-1",
        groups: ["system:serviceaccounts", "system:authenticated"],
        extra: ["authentication.kubernetes.io/pod-name": ["prometheus-0"]])

    private static func tokenReview(_ status: JSONValue) -> ScriptedTransport.Answer {
        .json(201, ["kind": "TokenReview", "spec": ["token": "canary"], "status": status])
    }

    private static func accessReview(_ status: JSONValue) -> ScriptedTransport.Answer {
        .json(201, ["kind": "SubjectAccessReview", "status": status])
    }

    @Test("a good token is somebody's, with everything that a role can be bound to")
    func goodToken() async throws {
        let user: JSONValue = [
            "username": "system:serviceaccount:monitoring:prometheus", "uid": "u-1",
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "extra": ["authentication.kubernetes.io/pod-name": ["prometheus-0"]],
        ]
        let fixture = ClientFixture(
            ScriptedTransport(Self.tokenReview(["authenticated": true, "user": user])))
        #expect(try await fixture.client.reviewToken("canary") == Self.scraper)
        let request = try #require(fixture.transport.requests.first)
        #expect(request.method == .post)
        #expect(request.path == "/apis/authentication.k8s.io/v1/tokenreviews")
        #expect(
            try JSONValue(json: request.body ?? []) == [
                "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                "spec": ["token": "canary"],
            ])
    }

    @Test(
        "any other token is nobody's",
        arguments: [
            ["authenticated": false], ["user": ["username": "x"]], ["error": "invalid bearer token"],
            ["authenticated": true], ["authenticated": true, "user": ["username": ""]],
            ["authenticated": "true", "user": ["username": "x"]], [:],
        ] as [JSONValue])
    func badToken(status: JSONValue) async throws {
        let fixture = ClientFixture(ScriptedTransport(Self.tokenReview(status)))
        #expect(try await fixture.client.reviewToken("canary") == nil)
    }

    @Test("the question about rights says all that is known of the user")
    func subject() async throws {
        let fixture = ClientFixture(ScriptedTransport(Self.accessReview(["allowed": true])))
        #expect(
            try await fixture.client.reviewAccess(
                of: Self.scraper, verb: "get", nonResourcePath: "/metrics"))
        let request = try #require(fixture.transport.requests.first)
        #expect(request.path == "/apis/authorization.k8s.io/v1/subjectaccessreviews")
        #expect(
            try JSONValue(json: request.body ?? []) == [
                "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": [
                    "user": "system:serviceaccount:monitoring:prometheus", "uid": "u-1",
                    "groups": ["system:serviceaccounts", "system:authenticated"],
                    "extra": ["authentication.kubernetes.io/pod-name": ["prometheus-0"]],
                    "nonResourceAttributes": ["verb": "get", "path": "/metrics"],
                ],
            ])
    }

    @Test(
        "only a plain yes is one",
        arguments: [
            (["allowed": true], true), (["allowed": false], false), ([:], false),
            (["allowed": true, "denied": true], false), (["allowed": "true"], false),
            (["allowed": false, "evaluationError": "webhook"], false),
        ] as [(JSONValue, Bool)])
    func decision(status: JSONValue, expected: Bool) async throws {
        let fixture = ClientFixture(ScriptedTransport(Self.accessReview(status)))
        let isAllowed = try await fixture.client.reviewAccess(
            of: Self.scraper, verb: "get", nonResourcePath: "/metrics")
        #expect(isAllowed == expected)
    }

    @Test(
        "an answer that is none is an error, which does not quote the token in it",
        arguments: [
            .text(201, "{\"kind\": \"TokenReview\", \"spec\": {\"token\": \"canary"),
            .json(201, ["kind": "TokenReview", "spec": ["token": "canary"]]),
            .json(201, ["kind": "List", "spec": ["token": "canary"], "status": ["authenticated": true]]),
        ] as [ScriptedTransport.Answer])
    func garbage(answer: ScriptedTransport.Answer) async {
        let fixture = ClientFixture(ScriptedTransport(answer))
        let error = await apiError { () async throws(APIError) in
            try await fixture.client.reviewToken("canary")
        }
        #expect(error == .undecodable("the server answered a TokenReview with something else"))
    }
}
