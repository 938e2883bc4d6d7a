// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import StructuredData
import Talos
import TestSupport
import Testing

@testable import ClusterController

@Suite("The nodes of a cluster and where they are")
struct NodeRosterTests {
    private static func machine(
        _ name: String, _ addresses: [String], namespace: String = "default", annotations: JSONObject = [:]
    ) throws -> Machine {
        Machine(
            metadata: try ObjectMeta(of: [
                "metadata": [
                    "name": .string(name), "namespace": .string(namespace),
                    "uid": .string("uid-\(namespace)-\(name)"), "resourceVersion": "1",
                    "annotations": .object(annotations),
                ]
            ]), spec: [:], state: .ready, addresses: addresses)
    }

    private static func doubt(
        _ own: Machine, _ endpoint: String = "192.0.2.1:50000", beside others: [Machine] = []
    ) throws -> String? {
        let roster = NodeRoster(try Fixture.validSpec(), owned: [own], LifecycleRecord())
        return roster.doubt(about: own.metadata.name, at: endpoint) { [own] + others }
    }

    @Test("A machine that waits where the node's Machine says it is is the node's", arguments: [true, false])
    func own(_ hasLength: Bool) throws {
        let address = hasLength ? "192.0.2.1/24" : "192.0.2.1"
        let stranger = try Self.machine("other", ["192.0.2.2"])
        #expect(try Self.doubt(Self.machine("a", [address]), beside: [stranger]) == nil)
        #expect(
            try Self.doubt(Self.machine("a", ["2001:db8:0::1"]), "[2001:db8::1]:50000", beside: [stranger])
                == nil)
    }

    @Test("One that waits at an address which the Machine does not report any more may be anybody's")
    func unreported() throws {
        #expect(try Self.doubt(Self.machine("a", [])) == "its Machine does not report 192.0.2.1")
        #expect(try Self.doubt(Self.machine("a", ["192.0.2.2"])) != nil)
        let roster = NodeRoster(try Fixture.validSpec(), owned: [], LifecycleRecord())
        #expect(roster.doubt(about: "a", at: "192.0.2.1:50000") { [] } == "there is no Machine a")
    }

    @Test(
        "One whose address two Machines report may be the other's, whose name is told within the namespace only"
    )
    func twoReports() throws {
        let own = try Self.machine("a", ["192.0.2.1"])
        let near = try Self.machine("b", ["192.0.2.1"])
        #expect(try Self.doubt(own, beside: [near]) == "Machine b reports 192.0.2.1 too")
        let far = try Self.machine("b", ["192.0.2.1"], namespace: "secret-project")
        #expect(try Self.doubt(own, beside: [far]) == "a Machine of another namespace reports 192.0.2.1 too")
    }

    @Test("An address that somebody has set is taken at its word")
    func explicit() throws {
        let annotations: JSONObject = [APINames.talosEndpointAnnotation: "192.0.2.1"]
        let own = try Self.machine("a", [], annotations: annotations)
        #expect(try Self.doubt(own, beside: [Self.machine("b", ["192.0.2.1"])]) == nil)
        let set = try Self.machine("b", ["192.0.2.1"], annotations: annotations)
        #expect(try Self.doubt(Self.machine("a", ["192.0.2.1"]), beside: [set]) == nil)
    }
}
