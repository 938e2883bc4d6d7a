// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// Clocks that are wrong, or are set while something is under way.
@Suite("End to end, clocks", .serialized, .timeLimit(.minutes(10)))
struct EndToEndClockTests {
    @Test(
        "An operator whose clock is set ahead and back by hours halts nothing, and does everything once",
        .enabled(if: FakeClock.isThere, "libfaketime is needed, and no sanitizer"))
    func operatorsClock() async throws {
        try await EndToEndBench.run("e2e-clock") { bench in
            let clock = try FakeClock(
                in: TemporaryDirectory.make(in: bench.scenario.controlPlane.stateDirectory))
            let process = try await bench.startOperator(environment: clock.environment)
            try await bench.create(bench.document("alpha", controlPlane: 3))
            try await bench.scenario.edit("alpha", ["talosVersion": "v1.13.0"])

            // Each time in the middle of a node: all deadlines are hours ago then, or hours away. Not behind the real
            // time, at which the certificates of everybody else are not valid yet.
            for (node, offset) in [("alpha-cp-0", 7200), ("alpha-cp-1", 0), ("alpha-cp-2", 7200)] {
                try await bench.simulator.entry { $0["what"] == "upgraded" && $0["node"]?.string == node }
                try clock.set(aheadBy: offset)
                try await bench.looks(2, of: process)
            }
            try await bench.running("alpha") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
            #expect(try await bench.upgraded("alpha") == ["alpha-cp-0", "alpha-cp-1", "alpha-cp-2"])
            #expect(!process.process.lines.contains { $0.contains("\"Halted\"") })
        }
    }

    @Test(
        "A node whose clock is wrong is waited for and told of; put right, it goes on",
        arguments: [-7200, 2 * 86_400])
    func nodesClock(_ seconds: Int) async throws {
        try await EndToEndBench.run("e2e-node-clock") { bench in
            let process = try await bench.startOperator()
            let reboots: JSONValue = ["rollout": ["mode": "Reboot"]]
            try await bench.create(bench.document("bravo", controlPlane: 1, workers: 2, reboots))
            let other = try await bench.traces(of: ["bravo-w-1"], in: "bravo")

            // It comes back from its reboot with another idea of the time.
            try await bench.simulator.setCondition("boot-hangs", of: "bravo-w-0", in: "bravo")
            try await bench.scenario.edit(
                "bravo", ["patches": [["machine": ["sysctls": ["vm.swappiness": "1"]]]]])
            try await bench.simulator.entry {
                $0["what"] == "down" && $0["why"] == "reboot" && $0["node"] == "bravo-w-0"
            }
            try await bench.simulator.setClock(ahead: seconds, of: "bravo-w-0", in: "bravo")
            try await bench.unhang("bravo-w-0", in: "bravo")
            try await bench.simulator.wait(for: "bravo") { $0["nodes"]?["bravo-w-0"]?["stage"] == "running" }
            let waiting = try await bench.scenario.wait(for: "bravo") { cluster in
                ["unreachable", "refused"].contains(cluster.node("bravo-w-0")["stage"])
                    && cluster.waits.contains { $0.hasPrefix("bravo-w-0: ") }
            }
            #expect(waiting.node("bravo-w-0")["problem"] != nil)
            try await bench.looks(4, of: process)
            try await bench.expectUntouched(other, in: "bravo")

            // Its certificate was made by the wrong clock, and is made anew when it starts.
            try await bench.simulator.setClock(ahead: 0, of: "bravo-w-0", in: "bravo")
            try await bench.unhang("bravo-w-0", in: "bravo")
            try await bench.running("bravo") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            try await bench.expectSchedulable("bravo")
        }
    }
}
