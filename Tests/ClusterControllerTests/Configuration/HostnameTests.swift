// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("Names of nodes in their configurations")
struct HostnameTests {
    @Test(
        "Where the operator cares for nodes, each is named after its Machine",
        arguments: ["v1.5.5", "v1.11.6"])
    func ofMachine(talos: String) throws {
        let kubernetes = talos == "v1.5.5" ? "v1.28.3" : "v1.33.1"
        let fixture = try ConfigFixture(#"{"management": "Full"}"#, talos: talos, kubernetes: kubernetes)
        for machine in ["simple-cp-1", "simple-workers-0"] {
            let config = try fixture.render(machine).configuration
            #expect(config["machine", "network", "hostname"]?.string == machine)
        }
    }

    @Test("Since Talos 1.12 a document of its own says it", arguments: ["v1.12.3", "v1.13.0"])
    func ofDocument(talos: String) throws {
        let fixture = try ConfigFixture(#"{"management": "Full"}"#, talos: talos, kubernetes: "v1.34.1")
        let rendered = try fixture.render("simple-cp-1")
        let document = rendered.configuration.document(.document(kind: "HostnameConfig", name: nil))
        #expect(document?.root["hostname"]?.string == "simple-cp-1")
        #expect(rendered.configuration["machine", "network", "hostname"] == nil)
        #expect(rendered.warnings.isEmpty)
    }

    @Test("A layer may name a node otherwise")
    func layer() throws {
        let fixture = try ConfigFixture(
            #"{"management": "Full", "patches": [{"machine": {"network": {"hostname": "x"}}}]}"#,
            talos: "v1.11.6")
        #expect(
            try fixture.render("simple-cp-0").configuration["machine", "network", "hostname"]?.string == "x")
    }

    @Test("Without that care Talos names them itself")
    func untouched() throws {
        let config = try ConfigFixture(talos: "v1.11.6").render("simple-cp-0").configuration
        #expect(config["machine", "network", "hostname"] == nil)
    }
}
