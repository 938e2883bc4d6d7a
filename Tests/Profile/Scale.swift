// SPDX-License-Identifier: Apache-2.0
import CGlibc
import Glibc
import Platform
import StructuredData

/// What many clusters cost without a network and without an API server that could keep up with them.
enum Scale {
    static func measure(clusters: Int, _ results: String) async throws -> JSONObject {
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_TRIM_THRESHOLD, 256 << 10)
        let sample = try SampleOperator(clusters: clusters, results: results)
        let result = Locked(JSONObject())
        let start = cpuSeconds
        try await sample.withCaches { sample in
            let listed = cpuSeconds
            try await sample.withWorker { sample in
                let reconciled = cpuSeconds
                for number in 0..<clusters { await sample.reconcile(number) }
                let settled = cpuSeconds
                result.withLock {
                    $0 = [
                        "clusters": .integer(Int64(clusters)), "machines": .integer(Int64(clusters * 8)),
                        "list_us": micro(listed - start, clusters),
                        "first_reconcile_us": micro(reconciled - listed, clusters),
                        "settled_us": micro(settled - reconciled, clusters),
                        "heap_mib": .double(heapMiB),
                    ]
                }
            }
        }
        return result.withLock { $0 }
    }

    private static func micro(_ seconds: Double, _ count: Int) -> JSONValue {
        .double((seconds / Double(count) * 1e7).rounded() / 10)
    }
}

private var cpuSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

private var heapMiB: Double {
    (Double(mallinfo2().uordblks + mallinfo2().hblkhd) / 1048576 * 10).rounded() / 10
}
