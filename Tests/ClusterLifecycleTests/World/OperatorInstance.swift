// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

/// What decides: the real planner, or one that was spoiled to see that it shows.
struct Planner: Sendable {
    var decide: @Sendable (FlowContext) -> LifecycleDecision
    var absorb: @Sendable (ActionResult, LifecycleAction, FlowContext, inout LifecycleRecord) -> Void
}

/// One process of the operator, as the engine makes its passes, one step at a time.
struct OperatorInstance: Sendable {
    /// Where its pass stands; a process may end at each of these.
    enum Stage: Sendable {
        case idle
        case decided(Pass)
        case acting(Pass)
        case absorbing(Pass)
    }

    struct Pass: Sendable {
        var context: FlowContext
        var decision: LifecycleDecision
        var situation: Situation
        /// The version of the record that it has read or written.
        var version: Int
        var left: [LifecycleAction]
        var results: [(LifecycleAction, ActionResult)] = []
        /// How many evictions its drain has asked for.
        var evictions = 0
    }

    /// A call that goes on beside the passes, and how it ends.
    struct Call: Sendable {
        var kind: LifecycleAction.Kind
        var until: Int
        var end: LongCall?
    }

    let number: Int
    /// What its clock shows more than that of the world.
    var clockOffset = 0
    var stage = Stage.idle
    var calls: [String: Call] = [:]
    /// A copy of what is stored, which may be old; nil if it must be read.
    var cache: (record: LifecycleRecord, version: Int)?
    /// What its cache says that is desired, while it hears of nothing new.
    var oldSpecification: Specification?
    /// When its lease is over at the latest, if another one has taken over.
    var endsAt: Int?
    /// When its next pass is due.
    var wakesAt = 0

    var isIdle: Bool {
        if case .idle = stage { true } else { false }
    }
}

/// What befalls a request or a write on its way.
enum Mishap: String, Sendable, Hashable, CaseIterable {
    case none
    /// The process ends before it is sent.
    case killedBefore
    /// It takes effect, and the process ends before it hears.
    case killedAfter
    /// It is lost, and nobody knows.
    case lostBefore
    /// It takes effect, and the answer is lost.
    case lostAfter
    /// Nobody hears of it again, and it takes effect some time later.
    case late

    var isSent: Bool { self == .none || self == .killedAfter || self == .lostAfter }
    var kills: Bool { self == .killedBefore || self == .killedAfter }
    var isLost: Bool { self == .lostBefore || self == .lostAfter }
}

/// A request that is still on its way.
struct Late: Sendable {
    var at: Int
    var action: LifecycleAction
    var situation: Situation
}

extension Checker {
    /// Takes an operator one step on; true if that was a request or a write.
    mutating func step(_ index: Int, _ mishap: Mishap = .none) -> Bool {
        switch operators[index].stage {
        case .idle:
            begin(index)
            return false
        case .decided(let pass): return store(index, pass, mishap)
        case .acting(let pass): return act(index, pass, mishap)
        case .absorbing(let pass): return finish(index, pass, mishap)
        }
    }

    /// Whether the next step of an operator is a request or a write.
    func isAtBoundary(_ index: Int) -> Bool {
        switch operators[index].stage {
        case .idle: false
        case .decided(let pass): pass.decision.record != pass.context.record
        case .acting(let pass): !pass.left.isEmpty
        case .absorbing(let pass): absorbed(pass) != pass.decision.record
        }
    }

    private mutating func begin(_ index: Int) {
        advanceCalls(index)
        passes += 1
        let stored = operators[index].cache ?? (world.management.record, world.management.version)
        operators[index].cache = stored
        let specification = operators[index].oldSpecification ?? world.management.specification
        let desired = world.management.desired(specification)
        let calls = operators[index].calls.mapValues { $0.end ?? .running($0.kind) }
        var observed = world.observation(calls, specification)
        if world.now < blurredUntil { observed.blur(&random) }
        let context = FlowContext(
            desired: desired, observed: observed, record: stored.record,
            now: world.clock + .seconds(operators[index].clockOffset))
        let decision = planner.decide(context)
        approve(context.with(decision.record))
        lastWaits = decision.waits.map(\.message)
        let situation = Situation(
            seenAt: world.now, desired: desired, specification: specification, before: stored.record)
        operators[index].stage = .decided(
            OperatorInstance.Pass(
                context: context, decision: decision, situation: situation, version: stored.version,
                left: decision.actions))
    }

    private mutating func store(_ index: Int, _ pass: OperatorInstance.Pass, _ mishap: Mishap) -> Bool {
        var pass = pass
        guard pass.decision.record != pass.context.record else {
            operators[index].stage = .acting(pass)
            return false
        }
        if write(pass.decision.record, after: pass.context.record, &pass, index, mishap) {
            operators[index].stage = .acting(pass)
        } else {
            end(index, pass)
        }
        return true
    }

    /// Writes the record unless it was changed since; whoever hears nothing good ends the pass.
    private mutating func write(
        _ record: LifecycleRecord, after before: LifecycleRecord, _ pass: inout OperatorInstance.Pass,
        _ index: Int,
        _ mishap: Mishap
    ) -> Bool {
        guard mishap.isSent, world.management.version == pass.version else {
            operators[index].cache = nil
            return false
        }
        let clock = pass.context.now
        world.judge(record, after: before, pass.situation, at: clock)
        let kept = world.keep(record)
        pass.version = world.management.version
        operators[index].cache = mishap == .none ? (kept, pass.version) : nil
        writes += 1
        return mishap == .none
    }

    private mutating func act(_ index: Int, _ pass: OperatorInstance.Pass, _ mishap: Mishap) -> Bool {
        var pass = pass
        guard let action = pass.left.first else {
            operators[index].stage = .absorbing(pass)
            return false
        }
        requests += 1
        var result = ActionResult.unknown("connection reset")
        if mishap.isSent {
            let answer = send(action, pass.situation, index)
            if mishap == .none { result = answer }
        }
        if mishap == .late {
            late.append(Late(at: world.now + 20, action: action, situation: pass.situation))
        }
        world.trace.note(
            "op\(operators[index].number) \(action.text) -> \(result) \(mishap == .none ? "" : mishap.rawValue)",
            at: world.now)
        if case .drain = action.kind, case .partly = result,
            pass.evictions + 1 < world.evictable(on: action.node).count
        {
            // A round of evictions asks for each pod once.
            pass.evictions += 1
        } else {
            pass.evictions = 0
            pass.left.removeFirst()
            pass.results.append((action, result))
        }
        operators[index].stage = .acting(pass)
        return true
    }

    private mutating func send(_ action: LifecycleAction, _ situation: Situation, _ index: Int)
        -> ActionResult
    {
        if let duration = action.duration(&world) {
            world.judge(action, situation)
            if let call = operators[index].calls[action.node], call.end == nil { return .running }
            operators[index].calls[action.node] = OperatorInstance.Call(
                kind: action.kind, until: world.now + duration)
            return .running
        }
        return deliver(action, situation)
    }

    /// A request arrives.
    private mutating func deliver(
        _ action: LifecycleAction, _ situation: Situation, isLate: Bool = false
    ) -> ActionResult {
        world.judge(action, situation, isLate: isLate)
        let result = world.perform(action, asOf: situation.specification)
        if result == .done, action.takesDown, let node = world.index(of: action.node) {
            world.nodes[node].disturber = .us
            world.nodes[node].disturbedAt = world.now
        }
        world.judgeEffect()
        return result
    }

    /// Lets time pass, and what is late arrive.
    mutating func elapse(_ seconds: Int) {
        guard !late.isEmpty else { return world.advance(seconds) }
        for _ in 0..<seconds {
            world.advance(1)
            let due = late.filter { world.now >= $0.at }
            late.removeAll { world.now >= $0.at }
            for request in due where request.action.duration(&world) == nil {
                let result = deliver(request.action, request.situation, isLate: true)
                world.trace.note("late: \(request.action.text) -> \(result)", at: world.now)
            }
        }
    }

    /// Calls that take minutes come to their end.
    private mutating func advanceCalls(_ index: Int) {
        for node in operators[index].calls.keys.sorted() {
            guard var call = operators[index].calls[node], call.end == nil, world.now >= call.until else {
                continue
            }
            let action = LifecycleAction(call.kind, on: node)
            switch world.perform(action, asOf: world.management.specification) {
            case .done, .alreadyDone: call.end = .done(call.kind)
            case .unknown(let why): call.end = .lost(call.kind, why)
            case .notNow(let why), .refused(let why), .partly(let why): call.end = .failed(call.kind, why)
            case .running: break
            }
            operators[index].calls[node] = call
        }
    }

    private func absorbed(_ pass: OperatorInstance.Pass) -> LifecycleRecord {
        var record = pass.decision.record
        for (action, result) in pass.results {
            planner.absorb(result, action, pass.context.with(record), &record)
        }
        return record
    }

    private mutating func finish(_ index: Int, _ pass: OperatorInstance.Pass, _ mishap: Mishap) -> Bool {
        var pass = pass
        let record = absorbed(pass)
        let isChanged = record != pass.decision.record
        if isChanged { _ = write(record, after: pass.decision.record, &pass, index, mishap) }
        end(index, pass)
        return isChanged
    }

    private mutating func end(_ index: Int, _ pass: OperatorInstance.Pass) {
        let wake = pass.decision.wake.map { max(1, Int($0.components.seconds)) } ?? 30
        operators[index].wakesAt = world.now + min(wake, 30)
        operators[index].stage = .idle
    }
}

extension LifecycleAction {
    /// How long a call takes that goes on beside the passes; nil for one that is answered at once.
    fileprivate func duration(_ world: inout World) -> Int? {
        switch kind {
        case .pull, .snapshot: world.random.number(5...60)
        case .upgrade(_, .lifecycle): world.random.number(20...120)
        default: nil
        }
    }
}
