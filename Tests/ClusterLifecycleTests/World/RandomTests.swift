// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

/// How much is checked: a little in every run of the tests, and as much as one likes with the environment.
enum Effort {
    static let variables = ProcessEnvironment.variables
    /// The first seed.
    static let seed = variables["CHECKER_SEED"].flatMap { UInt64($0) } ?? 1
    /// How many schedules of each scenario.
    static let runs = variables["CHECKER_RUNS"].flatMap { Int($0) } ?? 5

    /// How many requests a sweep goes on at a time: all of them are taken with `CHECKER_SWEEP=1`.
    static func stride(_ usual: Int) -> Int { variables["CHECKER_SWEEP"].flatMap { Int($0) } ?? usual }
}

@Suite("Checker: anything at any time")
struct RandomTests {
    @Test("No rule is broken, and in the end the goal is reached", arguments: Scenario.all)
    func anything(_ scenario: Scenario) {
        let start = scenario.start(seed: 1)
        for seed in Effort.seed..<Effort.seed + UInt64(Effort.runs) {
            var checker = start.going(scenario.edits, seed: seed)
            checker.runRandomly()
            guard checker.isBroken else { continue }
            checker = start.going(scenario.edits, seed: seed)
            checker.world.trace.isKept = true
            checker.runRandomly()
            Issue.record("\(scenario.name) with CHECKER_SEED=\(seed) CHECKER_RUNS=1:\n\(checker.report)")
            return
        }
    }
}
