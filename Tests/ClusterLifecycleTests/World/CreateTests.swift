// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Checker: from nothing")
struct CreateTests {
    @Test(
        "A cluster comes up from machines alone, whatever happens to any one request",
        arguments: [(1, 0), (3, 2), (5, 0)])
    func create(_ controlPlane: Int, _ workers: Int) {
        let start = Checker(.real, Scenario("create", controlPlane, workers), seed: 1)
        let sweep = Checker.sweep(start)
        #expect(sweep.failure == nil)
    }
}
