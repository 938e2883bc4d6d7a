// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Testing

@testable import ClusterController

@Suite("Addresses of nodes")
struct NodeAddressesTests {
    private static let networks = ["10.244.0.0/16", "10.96.0.0/12", "fd00:10::/56"].compactMap {
        IPPrefix($0)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var reported: [String] = []
        var explicit: String?
        var lastGood: String?
        var endpoint = "192.0.2.100"
        var expected: [String]
    }

    static let cases: [Case] = [
        Case(testDescription: "nothing is known", expected: []),
        Case(
            testDescription: "the order of the report is kept",
            reported: ["203.0.113.7", "192.0.2.1", "10.0.0.1"],
            expected: ["203.0.113.7:50000", "192.0.2.1:50000", "10.0.0.1:50000"]),
        Case(
            testDescription: "IPv6 stands in brackets and in its canonical form",
            reported: ["2001:DB8:0::1"], expected: ["[2001:db8::1]:50000"]),
        Case(
            testDescription: "the length of a network is dropped", reported: ["192.0.2.1/24"],
            expected: ["192.0.2.1:50000"]),
        Case(
            testDescription: "no text that is no address",
            reported: ["node-1", "", "192.0.2.300", "192.0.2.1\0"], expected: []),
        Case(
            testDescription: "no loopback, link-local, multicast or unspecified address",
            reported: [
                "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "::1", "fe80::1",
                "ff02::1", "::ffff:192.0.2.1",
            ], expected: []),
        Case(
            testDescription: "no address of pods or services",
            reported: ["10.244.3.0", "10.100.0.1", "fd00:10:0:12::1", "10.112.0.1"],
            expected: ["10.112.0.1:50000"]),
        Case(
            testDescription: "not the virtual address where there is another",
            reported: ["192.0.2.100", "192.0.2.1"], expected: ["192.0.2.1:50000"]),
        Case(
            testDescription: "the virtual address where there is no other", reported: ["192.0.2.100"],
            expected: ["192.0.2.100:50000"]),
        Case(
            testDescription: "an endpoint with a name keeps no address out", reported: ["192.0.2.1"],
            endpoint: "api.example.com", expected: ["192.0.2.1:50000"]),
        Case(
            testDescription: "each address once", reported: ["192.0.2.1", "192.0.2.1/24", "192.0.2.1"],
            expected: ["192.0.2.1:50000"]),
        Case(
            testDescription: "what was set and nothing else", reported: ["192.0.2.1"],
            explicit: "node-1.example.com:50001", lastGood: "192.0.2.9:50000",
            expected: ["node-1.example.com:50001"]),
        Case(
            testDescription: "what was set may break every rule", explicit: "127.0.0.1:7000",
            expected: ["127.0.0.1:7000"]),
        Case(
            testDescription: "what was set and cannot be read is nothing to try", reported: ["192.0.2.1"],
            explicit: "a b", expected: []),
        Case(
            testDescription: "what answered last comes first while it is reported",
            reported: ["203.0.113.7", "192.0.2.1"], lastGood: "192.0.2.1:50000",
            expected: ["192.0.2.1:50000", "203.0.113.7:50000"]),
        Case(
            testDescription: "what answered last comes last when it is not reported",
            reported: ["192.0.2.2"], lastGood: "192.0.2.1:50000",
            expected: ["192.0.2.2:50000", "192.0.2.1:50000"]),
        Case(
            testDescription: "an empty status does not lose the node", lastGood: "192.0.2.1:50000",
            expected: ["192.0.2.1:50000"]),
    ]

    @Test("Candidates", arguments: cases)
    func candidates(_ item: Case) {
        let addresses = NodeAddresses(podsAndServices: Self.networks, endpointHost: item.endpoint)
        let candidates = addresses.candidates(
            explicit: item.explicit, reported: item.reported, lastGood: item.lastGood)
        #expect(candidates == item.expected)
    }

    @Test("A status is read public addresses first, and what is no list of texts is passed over")
    func reported() {
        let status: JSONValue = [
            "privateIPAddresses": ["10.0.0.1"], "ipAddresses": ["192.0.2.1", 7, "10.0.0.1", ""],
            "publicIPAddresses": ["203.0.113.7"],
        ]
        #expect(MachineAddresses.reported(in: status) == ["203.0.113.7", "192.0.2.1", "10.0.0.1"])
        #expect(MachineAddresses.reported(in: ["ipAddresses": "192.0.2.1"]).isEmpty)
        #expect(MachineAddresses.reported(in: .null).isEmpty)
    }

    @Test("A status with thousands of addresses is read as far as is of use")
    func manyAddresses() {
        let many = (0..<200).map { JSONValue.string("192.0.2.\($0)") }
        #expect(MachineAddresses.reported(in: ["ipAddresses": .array(many)]).count == 16)
    }
}
