// SPDX-License-Identifier: Apache-2.0
import HTTP
import Testing

@Suite("HTTP messages")
struct HTTPMessageTests {
    @Test("Names of headers compare without regard to case")
    func names() {
        var headers: HTTPHeaders = ["Content-Type": "a", "X": "1", "x": "2"]
        #expect(headers["content-TYPE"] == "a")
        #expect(headers["Content-Typ"] == nil)
        #expect(headers.values(of: "X") == ["1", "2"])
        headers["X"] = "3"
        #expect(headers.values(of: "x") == ["3"])
        headers.append("x", "4")
        #expect(headers.values(of: "x") == ["3", "4"])
        headers["x"] = nil
        #expect(headers.fields.map(\.name) == ["Content-Type"])
    }

    private static func everyPrint(of value: some Any) -> String {
        var text = "\(value)" + String(reflecting: value) + String(describing: value)
        dump(value, to: &text)
        return text
    }

    @Test(
        "No way of printing shows a credential", arguments: ["Authorization", "authorization", "Set-Cookie"])
    func redactedHeaders(name: String) {
        let headers: HTTPHeaders = [name: "Bearer canary", "X-Plain": "visible"]
        let request = HTTPRequest(method: .get, target: "/", headers: headers)
        let response = HTTPResponse(head: HTTPResponseHead(status: 200, headers: headers))
        for text in [Self.everyPrint(of: request), Self.everyPrint(of: response)] {
            #expect(!text.contains("canary"))
            #expect(text.contains("[redacted]"))
            #expect(text.contains("visible"))
        }
    }

    @Test("No way of printing shows a private key or a proxy's password")
    func redactedConfiguration() {
        let identity = TLSConfiguration.Identity(certificatePEM: [65], keyPEM: [201, 202, 203])
        let configuration = TransportConfiguration(
            endpoint: Endpoint(scheme: .https, host: "::1", port: 6443),
            tls: TLSConfiguration(identity: identity), proxy: "http://me:canary@proxy", userAgent: "test/1")
        let text = Self.everyPrint(of: configuration) + Self.everyPrint(of: configuration.tls)
        #expect(!text.contains("canary"))
        #expect(!text.contains("202"))
        #expect(text.contains("https://[::1]:6443"))
    }
}
