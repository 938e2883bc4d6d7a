// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import Testing

/// How much is checked: a little in every run of the tests, and as much as one likes with the environment.
enum Effort {
    static let variables = ProcessEnvironment.variables
    /// The first seed.
    static let seed = variables["CHECKER_SEED"].flatMap { UInt64($0) } ?? 1
    /// How many random schedules of each scenario.
    static let runs = variables["CHECKER_RUNS"].flatMap { Int($0) } ?? 1
    /// How many pairs of a request and what becomes of it are tried in each sweep; `CHECKER_SAMPLE=all` for all of them.
    static let sample: Int? =
        variables["CHECKER_SAMPLE"] == "all" ? nil : variables["CHECKER_SAMPLE"].flatMap { Int($0) } ?? 1
}

@Suite("Checker: anything at any time")
struct RandomTests {
    @Test("No rule is broken, and in the end the goal is reached", arguments: Scenario.all)
    func anything(_ scenario: Scenario) throws {
        let start = try #require(Scenario.starts[scenario.name])
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
