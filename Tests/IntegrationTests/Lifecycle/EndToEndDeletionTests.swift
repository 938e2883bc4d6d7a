// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// How clusters end, and how many there can be.
extension EndToEndTests {
    @Test(
        "A cluster that is deleted takes its nodes along as it was told to",
        arguments: ["Graceful", "Force", "None"])
    func delete(reset: String) async throws {
        try await EndToEndBench.run("e2e-delete") { bench in
            try await bench.startOperator()
            let name = "lima-\(reset.lowercased())"
            let deletion: JSONValue = ["deletion": ["reset": .string(reset)]]
            try await bench.create(bench.document(name, controlPlane: 1, workers: 1, deletion))
            try await bench.scenario.deleteCompletely(name)
            #expect(try await bench.scenario.machines().isEmpty)
            #expect(try await bench.scenario.secrets().isEmpty)
            for node in ["\(name)-w-0", "\(name)-cp-0"] {
                let changes = try await bench.changes(of: node, in: name)
                let gone = try #require(changes.lastIndex(of: "machine-deleted"), "\(changes)")
                if reset == "None" {
                    #expect(!changes.contains("reset"))
                } else {
                    #expect(try #require(changes.lastIndex(of: "reset"), "\(changes)") < gone)
                }
            }
            let resets = try await bench.changes("reset", in: name).compactMap { $0["node"]?.string }
            #expect(resets == (reset == "None" ? [] : ["\(name)-w-0", "\(name)-cp-0"]))
        }
    }

    @Test("Several clusters come up side by side, and none is mistaken for another")
    func several() async throws {
        try await EndToEndBench.run("e2e-several") { bench in
            let process = try await bench.startOperator()
            let clock = SystemClock()
            let start = clock.now
            let names = (0..<6).map { "mike-\($0)" }
            for name in names { try await bench.apply(bench.document(name, controlPlane: 3)) }
            for name in names {
                let cluster = try await bench.running(name)
                #expect(cluster.life["etcd"]?["voters"] == 3, "\(name)")
            }
            let usage = try ProcessUsage(process)
            print(
                "END TO END: \(names.count) clusters of 3 nodes run after \((clock.now - start).seconds) s; operator:",
                "\(usage)")
            try await bench.looks(20, of: process)
        }
    }

    @Test("With a real API server behind it a cluster comes up, and its nodes leave, all the same")
    func realKubernetes() async throws {
        try await EndToEndBench.run("e2e-real", kubernetes: .real) { bench in
            try await bench.startOperator()
            var document = bench.document("november", controlPlane: 1, workers: 2)
            try await bench.create(document)
            let nodes = try await bench.workload("november").list(WorkloadNode.self, ObjectSelection()).items
            #expect(nodes.map(\.name).sorted() == ["november-cp-0", "november-w-0", "november-w-1"])
            document.workers = [("w", 1)]
            try await bench.apply(document)
            try await bench.scenario.waitForMachines(named: ["november-cp-0", "november-w-0"])
            try await bench.running("november") { $0.nodes.count == 2 }
        }
    }
}
