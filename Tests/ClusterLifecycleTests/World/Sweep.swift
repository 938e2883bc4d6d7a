// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

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

    /// Goes through a scenario once with nothing wrong, and from each of its requests and writes on with every incident.
    ///
    /// `stride` leaves requests out, beginning at `first`.
    init(_ start: Checker, _ incidents: [Incident], first: Int = 0, stride: Int = 1) {
        var base = start
        base.run(visiting: { checker in
            defer { boundaries += 1 }
            guard failure == nil, boundaries >= first, (boundaries - first).isMultiple(of: stride) else {
                return
            }
            for incident in incidents {
                var fork = checker
                fork.meet(incident)
                fork.run()
                runs += 1
                passes += fork.passes
                guard fork.isBroken else { continue }
                failure = "\(incident) at \(boundaries): \(Self.replay(start, incident, at: boundaries))"
                return
            }
        })
        if base.isBroken { failure = "with nothing wrong: " + Self.replay(start, nil, at: 0) }
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
