// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ClusterController

@Suite("Values that cannot be wrong")
struct ParsedTextTests {
    @Test(
        "A cluster name is a DNS-1123 label",
        arguments: [
            ("a", true), ("prod-1", true), ("1a", true), (String(repeating: "a", count: 63), true),
            ("", false), ("-a", false), ("a-", false), ("A", false), ("a.b", false), ("a/b", false),
            ("..", false), ("a b", false), ("ä", false), ("a\u{0}", false),
            (String(repeating: "a", count: 64), false),
        ])
    func clusterName(text: String, isValid: Bool) {
        #expect((ClusterName(text) != nil) == isValid)
        #expect((WorkerGroupName(text) != nil) == isValid)
    }

    @Test("A worker group cannot be named as the control plane is")
    func reservedGroupName() {
        #expect(ClusterName("cp") != nil)
        #expect(WorkerGroupName("cp") == nil)
        #expect(WorkerGroupName("cp-0") != nil)
        #expect(WorkerGroupName.rule(against: "cp").contains("names the control plane"))
    }

    @Test("A control plane has an odd number of Machines", arguments: Int64(-1)...9)
    func controlPlaneReplicas(count: Int64) {
        #expect(
            ReplicaCount(controlPlane: count).map { Int64($0.value) }
                == ([1, 3, 5, 7].contains(count) ? count : nil))
    }

    @Test(
        "A worker group has none to a thousand Machines",
        arguments: [
            (Int64.min, false), (-1, false), (0, true), (1000, true), (1001, false), (Int64.max, false),
        ])
    func workerReplicas(count: Int64, isValid: Bool) {
        #expect((ReplicaCount(workers: count) != nil) == isValid)
    }

    @Test(
        "A version is vX.Y.Z",
        arguments: [
            ("v1.28.3", true), ("v0.0.0", true), ("v10.200.3000", true),
            ("1.28.3", false), ("v1.28", false), ("v1.28.3.4", false), ("v1.28.3-rc.1", false),
            ("v01.2.3", false),
            ("v1..3", false), ("v1.2.x", false), ("v1.2.+3", false), ("v1.2.99999999999999999999", false),
            ("V1.2.3", false), ("v1.2.3 ", false), ("", false), ("v", false), ("v1.２.3", false),
        ])
    func version(text: String, isValid: Bool) {
        #expect((Version(text)?.description == text) == isValid)
    }

    @Test("Versions compare as numbers")
    func versionOrder() throws {
        let texts = ["v1.2.3", "v1.2.10", "v1.10.0", "v2.0.0"]
        let versions = try texts.map { try #require(Version($0)) }
        #expect(versions.shuffled().sorted() == versions)
    }

    @Test(
        "An endpoint is https://host:port",
        arguments: [
            ("https://192.168.1.100:6443", "192.168.1.100", 6443),
            ("https://k8s.example.com:443", "k8s.example.com", 443),
            ("https://[2001:db8::10]:6443", "2001:db8::10", 6443), ("https://localhost:1", "localhost", 1),
            ("https://API.Example.com:65535", "API.Example.com", 65535),
        ])
    func endpoint(text: String, host: String, port: Int) throws {
        let endpoint = try #require(ClusterEndpoint(text))
        #expect((endpoint.description, endpoint.host, endpoint.port) == (text, host, port))
    }

    @Test(
        "Anything else is no endpoint",
        arguments: [
            "", "https://", "192.168.1.100:6443", "http://a:1", "https://a", "https://a:", "https://a:0",
            "https://a:65536", "https://a:06443", "https://a:+1", "https://a:1/", "https://u@a:1",
            "https://a:1?x",
            "https://2001:db8::10:6443", "https://[2001:db8::10]", "https://[fe80::1%eth0]:1",
            "https://[1.2.3.4]:1",
            "https://[]:1", "https://1.2.3:1", "https://256.1.1.1:1", "https://-a:1", "https://a_b:1",
            "https://a b:1",
            "HTTPS://a:1", "https://a\u{0}:1", "https://\u{212A}:1", "https://\u{E9}:1", "https://.:1",
            "https://a.:1",
        ])
    func noEndpoint(text: String) {
        #expect(ClusterEndpoint(text) == nil)
    }
}
