// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Endpoint of a control plane")
struct ControlPlaneEndpointTests {
    @Test(
        "a URL of the scheme https keeps its text and tells its host",
        arguments: [
            ("https://base:6443", "base"), ("https://base", "base"), ("HTTPS://10.0.0.1:443", "10.0.0.1"),
            ("https://[2001:db8::1]:6443", "2001:db8::1"), ("https://[::1]", "::1"),
            ("https://api.example.com:6443/path?query", "api.example.com"),
        ])
    func reading(url: String, host: String) throws {
        let endpoint = try ControlPlaneEndpoint(url)
        #expect(endpoint.host == host)
        #expect(endpoint.url == url)
    }

    @Test(
        "anything else is refused with what was probably meant",
        arguments: [
            ("10.0.0.1", "such as https://10.0.0.1:6443"), ("10.0.0.1:7443", "such as https://10.0.0.1:7443"),
            ("2001:db8::1", "such as https://[2001:db8::1]:6443"),
            ("[2001:db8::1]", "such as https://[2001:db8::1]:6443"),
            ("http://base:6443", "must have the scheme https, such as https://base:6443"),
            ("https://2001:db8::1:6443", "in brackets"), ("https://", "must have a host"),
            ("https://:6443", "must have a host"), ("https://base:0", "port of 1 to 65535"),
            ("https://base:65536", "port of 1 to 65535"), ("https://base:+1", "port of 1 to 65535"),
            ("https://base:", "port of 1 to 65535"), ("https://base:https", "port of 1 to 65535"),
            ("https://user:word@base:6443", "user name"), ("https://[::1", "bracket"),
            ("https://[::1]x", "nothing but a port"), ("https://ba se:6443", "without blanks"),
            ("", "scheme https"),
        ])
    func refusing(url: String, message: String) throws {
        let problem = try #require(throws: ConfigProblem.self) { try ControlPlaneEndpoint(url) }
        #expect(problem.problem.contains(message))
        #expect(problem.path.description == "clusterEndpoint")
    }

    @Test("a password in a URL is not repeated")
    func noPassword() throws {
        for url in ["https://user:canary@base:6443", "http://user:canary@base", "user:canary@base"] {
            let problem = try #require(throws: ConfigProblem.self) { try ControlPlaneEndpoint(url) }
            #expect(!problem.description.contains("canary"))
        }
    }
}
