// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Checker: one thing goes wrong")
struct SweepTests {
    @Test("A scenario goes well whatever becomes of any one request", arguments: Scenario.all)
    func requests(_ scenario: Scenario) {
        let sweep = Sweep(scenario.start(seed: 2), Incident.mishaps + [.edit], stride: Effort.stride(13))
        #expect(sweep.failure == nil)
    }

    @Test("A scenario goes well whatever befalls any one node at any time", arguments: Scenario.all)
    func faults(_ scenario: Scenario) {
        let incidents = Incident.faults(scenario.specification.names.map(\.name))
        let sweep = Sweep(scenario.start(seed: 3), incidents, stride: Effort.stride(97))
        #expect(sweep.failure == nil)
    }
}
