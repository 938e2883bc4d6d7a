// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import TestSupport

/// The one thing that goes wrong in a run of a sweep.
enum Incident: Sendable, Hashable, CustomStringConvertible {
    case mishap(Mishap)
    case fault(Fault, String)
    /// The user does not wait with what comes next.
    case edit

    static let mishaps = Mishap.allCases.filter { $0 != .none }.map(Incident.mishap)

    /// Every fault, to every node that it can happen to.
    static func faults(_ names: [String]) -> [Incident] {
        Fault.allCases.flatMap { fault in
            (fault.isAboutNode ? names : [""]).map { Incident.fault(fault, $0) }
        }
    }

    var description: String {
        switch self {
        case .mishap(let mishap): mishap.rawValue
        case .fault(let fault, let node): "\(fault.rawValue) \(node)"
        case .edit: "edit"
        }
    }
}

/// What came of a scenario that was gone through with one thing going wrong at a time.
struct Sweep {
    /// How many requests and writes the scenario has.
    var boundaries = 0
    var runs = 0
    var passes = 0
    /// The first run that broke a rule, with its trace.
    var failure: String?

    /// Goes through a scenario once with nothing wrong, and from its requests and writes on with every incident.
    ///
    /// Of all pairs of a request and an incident of a group it takes `sample`, which the seed chooses; nil for all of them.
    init(_ start: Checker, _ groups: [[Incident]], sample: Int?, seed: UInt64) {
        var base = start
        var samples = groups.map { _ in Reservoir(sample, seed) }
        base.run(visiting: { checker in
            defer { boundaries += 1 }
            for (group, incidents) in groups.enumerated() {
                for incident in incidents {
                    let fork = Fork(checker: checker, incident: incident, boundary: boundaries)
                    if sample == nil { run(fork, start) } else { samples[group].offer(fork) }
                }
            }
        })
        for fork in samples.flatMap(\.kept) { run(fork, start) }
        if base.isBroken { failure = "with nothing wrong: " + Self.replay(start, nil, at: 0) }
    }

    private mutating func run(_ fork: Fork, _ start: Checker) {
        guard failure == nil else { return }
        var checker = fork.checker
        checker.meet(fork.incident)
        checker.run()
        runs += 1
        passes += checker.passes
        guard checker.isBroken else { return }
        let report = Self.replay(start, fork.incident, at: fork.boundary)
        failure = "\(fork.incident) at \(fork.boundary): \(report)"
    }

    /// A point at which something goes wrong.
    private struct Fork {
        var checker: Checker
        var incident: Incident
        var boundary: Int
    }

    /// So many of all that it is offered, each as likely as any other.
    private struct Reservoir {
        private(set) var kept: [Fork] = []
        private var offered = 0
        private let size: Int
        private var random: SeededGenerator

        init(_ size: Int?, _ seed: UInt64) {
            self.size = size ?? 0
            random = SeededGenerator(seed: seed)
        }

        mutating func offer(_ fork: Fork) {
            offered += 1
            if kept.count < size {
                kept.append(fork)
            } else if size > 0, case let place = random.number(0...offered - 1), place < size {
                kept[place] = fork
            }
        }
    }

    /// The same run once more, with its trace.
    static func replay(_ start: Checker, _ incident: Incident?, at boundary: Int) -> String {
        var again = start
        again.world.trace.isKept = true
        var fork: Checker?
        var count = 0
        again.run(visiting: { checker in
            if count == boundary { fork = checker }
            count += 1
        })
        guard let incident, var fork else { return again.report }
        fork.meet(incident)
        fork.run()
        return fork.report
    }
}

extension Checker {
    /// Lets an incident happen here and now.
    mutating func meet(_ incident: Incident) {
        world.trace.note("here: \(incident)", at: world.now)
        switch incident {
        case .mishap(let mishap): mishaps = [boundaries: mishap]
        case .edit: if !edits.isEmpty { takeEdit() }
        case .fault(let fault, let node):
            befall(fault, node)
            mayHalt = true
            healsAt = world.now + 3600
        }
    }

    /// What was broken, and what led to it.
    var report: String {
        let broken = world.violations.prefix(5).map { String($0.description.prefix(1000)) }
        return (broken + world.trace.lines.suffix(100)).joined(separator: "\n")
    }
}
