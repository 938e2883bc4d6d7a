// SPDX-License-Identifier: Apache-2.0
import TestSupport

/// Something that goes wrong while the writers write.
enum ChaosFault: Sendable, Hashable {
    case killOperator(Int)
    case stopOperator(Int)
    case pauseOperator(Int, milliseconds: Int)
    case killServer
    case pauseServer(milliseconds: Int)
    /// The proxy between operators and API server follows a rule for a while.
    case network(FaultRule, milliseconds: Int)
    /// Every connection breaks.
    case resetConnections

    /// A kind of fault, as a run may have some and not others.
    enum Kind: Sendable, CaseIterable {
        case killOperator, stopOperator, pauseOperator, killServer, pauseServer, network, resetConnections
    }
}

extension ChaosFault: CustomStringConvertible {
    var description: String {
        switch self {
        case .killOperator(let slot): "kill operator \(slot)"
        case .stopOperator(let slot): "tell operator \(slot) to stop"
        case .pauseOperator(let slot, let time): "suspend operator \(slot) for \(time) ms"
        case .killServer: "kill the API server"
        case .pauseServer(let time): "suspend the API server for \(time) ms"
        case .network(let rule, let time): "on the network for \(time) ms \(rule.json.text)"
        case .resetConnections: "reset all connections"
        }
    }
}

/// What goes wrong in each round and when: the same for the same seed.
struct FaultPlan {
    /// A fault, and how many operations have to have begun before it.
    struct Entry: Sendable, CustomStringConvertible {
        var after: Int
        var fault: ChaosFault

        var description: String { "after \(after) operations: \(fault)" }
    }

    private var random: SeededGenerator
    let kinds: [ChaosFault.Kind]
    let operators: Int

    init(seed: UInt64, kinds: [ChaosFault.Kind], operators: Int) {
        random = SeededGenerator(seed: seed &* 1_000_003 &- 1)
        (self.kinds, self.operators) = (kinds, operators)
    }

    /// The next round, of `operations` operations.
    mutating func round(_ count: Int, operations: Int) -> [Entry] {
        guard !kinds.isEmpty, operations > 0 else { return [] }
        let entries = (0..<count).map { _ in
            Entry(after: Int.random(in: 0..<operations, using: &random), fault: fault())
        }
        return entries.sorted { $0.after < $1.after }
    }

    private mutating func fault() -> ChaosFault {
        let slot = Int.random(in: 0..<operators, using: &random)
        switch kinds.randomElement(using: &random) ?? .killOperator {
        case .killOperator: return .killOperator(slot)
        case .stopOperator: return .stopOperator(slot)
        case .pauseOperator:
            return .pauseOperator(slot, milliseconds: Int.random(in: 100...7000, using: &random))
        case .killServer: return .killServer
        case .pauseServer: return .pauseServer(milliseconds: Int.random(in: 50...3000, using: &random))
        case .network: return .network(rule(), milliseconds: Int.random(in: 200...6000, using: &random))
        case .resetConnections: return .resetConnections
        }
    }

    private mutating func rule() -> FaultRule {
        let (match, action) = Self.rules.randomElement(using: &random) ?? (.all, .drop)
        return FaultRule(
            matching: match, action: action, probability: Double.random(in: 0.05...0.4, using: &random))
    }

    private static let rules: [(RequestMatch, FaultAction)] = [
        (.all, .delay(milliseconds: 5...700)),
        (.all, .drop),
        (.all, .answer(status: 429, retryAfter: 1)),
        (.all, .answer(status: 500)),
        (.all, .answer(status: 502)),
        (.all, .answer(status: 503)),
        (.writes, .answer(status: 504)),
        (.reads(), .answer(status: 410)),
        (.watches(), .answer(status: 410)),
        (.watches(), .errorEvent(code: 410, afterEvents: 2)),
        (.watches(), .errorEvent(code: 500, afterEvents: 1)),
        (.watches(), .reset(after: .events(3))),
        (.watches(), .swallowBookmarks),
        (.reads(), .reset(after: .bytes(700))),
        (.all, .reset(after: .bytes(0), wholeConnection: true)),
        (.writes, .swallowResponse(then: .reset)),
        (.writes, .swallowResponse(then: .reset)),
        (.writes, .swallowResponse(then: .reset)),
        (.all, .throttle(bytesPerSecond: 20_000)),
        (.all, .singleBytes),
        (.all, .goAway(refusing: true)),
        (.all, .goAway(refusing: false)),
    ]
}
