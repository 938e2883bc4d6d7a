// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

@Suite("Memory of the cache")
struct CacheFootprintTests {
    @Test("a Machine in the cache takes at most twice the memory of its JSON")
    func ratio() async throws {
        // A process of its own: the allocator counts for all threads, and other tests are at work.
        let measurement = try Subprocess([Repository.program("Profile"), "memory", "250"])
        let line = await measurement.line { $0.hasPrefix("{") }
        let result = try JSONValue(json: Array(try #require(line).utf8))
        let cache = try #require(result["cache_bytes"]?.integer)
        let json = try #require(result["json_bytes"]?.integer)
        #expect(result["machines"] == 2000)
        #expect(cache <= 2 * json)
    }
}
