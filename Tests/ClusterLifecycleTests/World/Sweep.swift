// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

extension Checker {
    /// What came of a sweep.
    struct Sweep {
        /// How many requests and writes the scenario has.
        var boundaries = 0
        var runs = 0
        var passes = 0
        /// The first run that broke a rule, with its trace.
        var failure: String?
    }

    /// Goes through a scenario once without any mishap, and from each of its requests and writes on with every mishap at
    /// that one.
    ///
    /// `stride` leaves some out, beginning at `first`.
    static func sweep(
        _ start: Checker, first: Int = 0, stride: Int = 1, _ mishaps: [Mishap] = Mishap.allCases
    ) -> Sweep {
        var sweep = Sweep()
        var base = start
        base.run(visiting: { checker in
            defer { sweep.boundaries += 1 }
            guard sweep.failure == nil, sweep.boundaries >= first,
                (sweep.boundaries - first).isMultiple(of: stride)
            else { return }
            for mishap in mishaps where mishap != .none {
                var fork = checker
                fork.mishaps = [fork.boundaries: mishap]
                fork.run()
                sweep.runs += 1
                sweep.passes += fork.passes
                guard fork.isBroken else { continue }
                sweep.failure =
                    "\(mishap.rawValue) at \(checker.boundaries): "
                    + replay(start, [checker.boundaries: mishap])
                return
            }
        })
        if base.isBroken { sweep.failure = "without any mishap: " + replay(start, [:]) }
        return sweep
    }

    /// The same run once more, with its trace.
    static func replay(_ start: Checker, _ mishaps: [Int: Mishap]) -> String {
        var again = start
        again.mishaps = mishaps
        again.world.trace.isKept = true
        again.run()
        return again.report
    }

    /// What was broken, and what led to it.
    var report: String {
        let broken = world.violations.prefix(5).map { String($0.description.prefix(1000)) }
        return (broken + world.trace.lines.suffix(100)).joined(separator: "\n")
    }
}
