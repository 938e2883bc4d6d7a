// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What becomes of clusters whose operator dies, has a rival, or is not answered.
extension EndToEndTests {
    @Test("An operator that is killed again and again on the way makes the same cluster")
    func killedWhileCreating() async throws {
        try await EndToEndBench.run("e2e-killed") { bench in
            var process = try await bench.startOperator()
            try await bench.apply(bench.document("hotel", controlPlane: 3, workers: 1))
            // Wherever it is when the node is told so: it has had no answer yet, or has not written down that it had.
            for method in ["ApplyConfiguration", "ApplyConfiguration", "Bootstrap"] {
                let seen = try await bench.simulator.journal().last?["number"]?.integer ?? 0
                try await bench.simulator.entry { entry in
                    entry["method"]?.string?.hasSuffix("/\(method)") == true
                        && (method == "Bootstrap" || entry["number"]?.integer ?? 0 > seen)
                }
                await process.kill()
                process = try await bench.startOperator()
            }
            let cluster = try await bench.running("hotel")
            #expect(cluster.life["etcd"]?["voters"] == 3)
            #expect(try await bench.simulator.state(of: "hotel")["bootstraps"]?.array?.count == 1)
            try await bench.expectRest(of: process)
        }
    }

    @Test("An operator that is killed while it upgrades Talos goes on where it was, each node once")
    func killedWhileUpgrading() async throws {
        try await EndToEndBench.run("e2e-killed-upgrade") { bench in
            var process = try await bench.startOperator()
            try await bench.create(bench.document("india", controlPlane: 3))
            try await bench.scenario.edit("india", ["talosVersion": "v1.13.0"])
            for what in ["stage", "upgraded", "down"] {
                let seen = try await bench.simulator.journal().last?["number"]?.integer ?? 0
                try await bench.simulator.entry { entry in
                    entry["what"]?.string == what && entry["number"]?.integer ?? 0 > seen
                }
                await process.kill()
                process = try await bench.startOperator()
            }
            try await bench.running("india") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
            let upgraded = try await bench.changes("upgraded", in: "india").compactMap { $0["node"]?.string }
            #expect(upgraded.count == 3 && Set(upgraded).count == 3, "\(upgraded)")
        }
    }

    @Test("Two operators that know nothing of each other make one cluster")
    func rivals() async throws {
        try await EndToEndBench.run("e2e-rivals") { bench in
            let first = try await bench.startOperator()
            try await bench.startOperator()
            try await bench.apply(bench.document("juliett", controlPlane: 3))
            try await bench.simulator.entry { $0["what"]?.string == "bootstrapped" }
            await first.kill()
            try await bench.running("juliett")
            #expect(try await bench.simulator.state(of: "juliett")["bootstraps"]?.array?.count == 1)
        }
    }

    @Test("What a node did and could not say is not asked for again")
    func lostAnswers() async throws {
        try await EndToEndBench.run("e2e-lost") { bench in
            for method in ["ApplyConfiguration", "Bootstrap", "/Reboot", "/Upgrade"] {
                try await bench.simulator.add(
                    SimulatorFault(method, ordinals: 1...1, action: .cut(.after)))
            }
            try await bench.startOperator()
            try await bench.create(bench.document("kilo", controlPlane: 1, workers: 1))
            #expect(try await bench.simulator.state(of: "kilo")["bootstraps"]?.array?.count == 1)

            try await bench.scenario.edit(
                "kilo", ["patches": [["machine": ["udev": ["rules": ["SUBSYSTEM==\"net\""]]]]]])
            try await bench.running("kilo") { $0.nodes.allSatisfy { $0["config"] == "InSync" } }
            try await bench.scenario.edit("kilo", ["talosVersion": "v1.13.0"])
            try await bench.running("kilo") { $0.nodes.allSatisfy { $0["talos"] == "v1.13.0" } }
            let upgraded = try await bench.changes("upgraded", in: "kilo").compactMap { $0["node"]?.string }
            #expect(upgraded.sorted() == ["kilo-cp-0", "kilo-w-0"])
            let lost = try await bench.journal("kilo", "request").filter { $0["outcome"] == "OK, LOST" }
            #expect(lost.count == 4, "\(lost.map { $0["method"]?.string ?? "" })")
        }
    }
}
