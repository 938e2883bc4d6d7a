// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ControllerRuntime
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Memory", .timeLimit(.minutes(15)))
struct MemoryTests {
    @Test(
        "a cache of 3000 objects of 5 KiB keeps what is needed of them and little more",
        .enabled(if: Sanitizer.current == nil, "a sanitizer's memory would count too"))
    func largeCache() async throws {
        let bench = try await Bench.shared("memory")
        let idle = try await Self.residentMemory(bench)
        let spec = JSONValue.object([
            "provider": "other", "blob": .string(String(repeating: "x", count: 5000)),
        ])
        try await concurrently(0..<3000, width: 8) { number in
            let object = TestResources.object(Machine.definition, "m-\(number)", [:], nil, ["spec": spec])
            _ = try await bench.client.create(Machine.self, object, namespace: bench.namespace)
        }
        let full = try await Self.residentMemory(bench)
        #expect(full - idle < 24)
    }

    /// How many MiB a fresh program has in use once its caches are filled.
    private static func residentMemory(_ bench: Bench) async throws -> Double {
        let process = try OperatorProcess(bench.controlPlane, namespace: bench.namespace)
        try #require(await process.logLine("Caches are filled") != nil, "\(process.process.lines)")
        let bytes = try await process.metric("process_resident_memory_bytes")
        let ending = await process.stop()
        #expect(ending == .exited(0), "\(process.process.lines.suffix(5))")
        return try #require(bytes) / 1_048_576
    }
}
