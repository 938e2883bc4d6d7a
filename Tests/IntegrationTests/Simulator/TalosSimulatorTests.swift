// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

/// What tests can ask of the simulated nodes; what those do is tested in Tests/TalosSimulator.
@Suite("Simulated Talos nodes", .timeLimit(.minutes(3)))
struct TalosSimulatorTests {
    @Test("Nodes wait in maintenance mode, each at an address of its own")
    func nodes() async throws {
        let simulator = try await TalosSimulator.start(seed: 1, delay: .milliseconds(10))
        let cluster = try await simulator.addCluster("demo")
        #expect(cluster["endpoint"]?.string == "https://\(simulator.prefix).1.254:6443")
        let addresses = [
            try await simulator.addNode("demo-cp-0", to: "demo"),
            try await simulator.addNode("demo-cp-1", to: "demo", talosVersion: "v1.9.5"),
        ]
        #expect(addresses == ["\(simulator.prefix).1.1", "\(simulator.prefix).1.2"])
        try await simulator.wait(for: "demo") { state in
            state["nodes"]?.object?.members.allSatisfy { $0.value["stage"]?.string == "maintenance" } == true
        }
        let change = try await simulator.entry { $0["stage"]?.string == "maintenance" }
        #expect(change["kind"]?.string == "change")
        #expect(try await simulator.violations() == [])
        await simulator.stop()
    }

    @Test("Faults, power and conditions are taken, and what there is not is refused")
    func faults() async throws {
        let simulator = try await TalosSimulator.start(delay: .milliseconds(10))
        try await simulator.addCluster("demo", kubernetes: .none)
        try await simulator.addNode("demo-cp-0", to: "demo")
        let fault = try await simulator.add(
            SimulatorFault("Bootstrap", node: "demo-.*", ordinals: 1...1, action: .cut(.after)))
        try await simulator.removeFault(fault)
        await #expect(throws: TalosSimulator.SimulatorError.self) {
            try await simulator.removeFault(fault)
        }
        try await simulator.setPower(.off, of: "demo-cp-0", in: "demo")
        try await simulator.setCondition("full-disk", of: "demo-cp-0", in: "demo")
        let node = try await simulator.state(of: "demo")["nodes"]?["demo-cp-0"]
        #expect(node?["power"]?.string == "off")
        #expect(node?["conditions"] == ["full-disk"])
        await #expect(throws: TalosSimulator.SimulatorError.self) {
            try await simulator.setCondition("no-such-thing", of: "demo-cp-0", in: "demo")
        }
        await simulator.stop()
    }
}
