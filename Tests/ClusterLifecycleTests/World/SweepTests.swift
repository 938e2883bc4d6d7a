// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Checker: one thing goes wrong")
struct SweepTests {
    @Test("A scenario goes well whatever becomes of one request or befalls one node", arguments: Scenario.all)
    func incidents(_ scenario: Scenario) throws {
        let start = try #require(Scenario.starts[scenario.name])
        let faults = Incident.faults(scenario.specification.names.map(\.name))
        let sweep = Sweep(
            start, [Incident.mishaps + [.edit], faults], sample: Effort.sample, seed: Effort.seed)
        guard let failure = sweep.failure else { return }
        Issue.record("\(scenario.name) with CHECKER_SEED=\(Effort.seed): \(failure)")
    }
}
