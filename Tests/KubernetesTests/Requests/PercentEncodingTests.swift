// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Testing

@Suite("PercentEncoding")
struct PercentEncodingTests {
    @Test(
        "leaves unreserved characters alone and encodes every other byte",
        arguments: [
            ("", ""), ("aZ09-._~", "aZ09-._~"), ("a b", "a%20b"),
            ("+&=,;#?/%", "%2B%26%3D%2C%3B%23%3F%2F%25"),
            ("é", "%C3%A9"), ("😀", "%F0%9F%98%80"), ("\u{0}\n", "%00%0A"), ("!(x)", "%21%28x%29"),
        ])
    func encode(text: String, encoded: String) {
        #expect(PercentEncoding.encode(text) == encoded)
    }
}

@Suite("APIPath")
struct APIPathTests {
    private func definition(_ group: String, _ version: String, _ plural: String) -> ResourceDefinition {
        ResourceDefinition(group: group, version: version, kind: "K", plural: plural)
    }

    @Test("finds where the server lists what it serves")
    func groupVersion() throws {
        #expect(try APIPath.groupVersion(definition("", "v1", "pods")) == "/api/v1")
        #expect(try APIPath.groupVersion(definition("a.io", "v1beta1", "ks")) == "/apis/a.io/v1beta1")
    }

    @Test("encodes what a segment may not hold as it is")
    func encoding() throws {
        let key = ObjectKey(namespace: "ns", name: "system:node a")
        #expect(
            try APIPath.object(definition("a.io", "v1", "ks"), key)
                == "/apis/a.io/v1/namespaces/ns/ks/system%3Anode%20a")
        #expect(
            try APIPath.object(definition("", "v1", "ks"), .a, .status) == "/api/v1/namespaces/ns/ks/a/status"
        )
    }

    @Test("refuses definitions that lead elsewhere")
    func badDefinitions() {
        #expect(throws: APIError.invalidRequest("version: must not be empty")) {
            try APIPath.collection(definition("a.io", "", "ks"), namespace: nil)
        }
        #expect(throws: APIError.invalidRequest("plural: must not be empty")) {
            try APIPath.collection(definition("a.io", "v1", ""), namespace: nil)
        }
        #expect(throws: APIError.self) {
            try APIPath.collection(definition("a/b", "v1", "ks"), namespace: nil)
        }
    }
}
