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
    static let runs = variables["CHECKER_RUNS"].flatMap { Int($0) } ?? 20
}

@Suite("Checker: anything at any time")
struct RandomTests {
    @Test(
        "No rule is broken, and in the end the goal is reached",
        arguments: [Scenario("create", 3, 2), Scenario("create one", 1, 1)])
    func anything(_ scenario: Scenario) {
        for seed in Effort.seed..<Effort.seed + UInt64(Effort.runs) {
            var checker = Checker(.real, scenario, seed: seed)
            checker.runRandomly(Fault.allCases.filter { $0 != .machineReplaced })
            guard checker.isBroken else { continue }
            var again = Checker(.real, scenario, seed: seed)
            again.world.trace.isKept = true
            again.runRandomly(Fault.allCases.filter { $0 != .machineReplaced })
            Issue.record("\(scenario) with CHECKER_SEED=\(seed) CHECKER_RUNS=1:\n\(again.report)")
            return
        }
    }
}
