// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// Which of the requests to simulated nodes suffer what.
///
/// Each counts the requests it matches. Whether the nth suffers follows from the simulator's seed, the number of the
/// fault and n alone. All that match a request take effect.
package struct SimulatorFault: Sendable, Hashable {
    /// When something happens to a request.
    package enum Moment: String, Sendable, Hashable, CaseIterable {
        /// The node knows nothing of it.
        case before
        /// It has had its effect, and nobody is told.
        case after
    }

    /// What happens to a request.
    package enum Action: Sendable, Hashable {
        /// It waits this long.
        case delay(milliseconds: ClosedRange<Int>)
        /// It waits until the fault is taken away.
        case hold
        /// It is never answered.
        case hang(Moment)
        /// It has no effect and ends with this status, such as `UNAVAILABLE`; of Kubernetes one such as `503`.
        case refuse(status: String, message: String = "injected")
        /// The connection breaks.
        case cut(Moment)
        /// It has its effect and ends with this status all the same.
        case fail(status: String, message: String = "injected")
        /// The installer of `LifecycleService` ends with this code.
        case exit(code: Int)
        /// None; it is counted.
        case observe
    }

    /// A regular expression that is found in `/package.Service/Method`, or in such as `PATCH /api/v1/nodes/x`.
    package var method: String
    /// A regular expression for the whole name of the node, which of Kubernetes is `kubernetes`; nil for all.
    package var node: String?
    /// The same for the cluster.
    package var cluster: String?
    /// Which of those that match are meant, from 1; nil for all.
    package var ordinals: ClosedRange<Int>?
    /// The share of them that suffer, chosen by the seed.
    package var probability: Double
    package var action: Action

    package init(
        _ method: String, node: String? = nil, cluster: String? = nil, ordinals: ClosedRange<Int>? = nil,
        probability: Double = 1, action: Action
    ) {
        self.method = method
        self.node = node
        self.cluster = cluster
        self.ordinals = ordinals
        self.probability = probability
        self.action = action
    }

    /// The rule as the simulator reads it.
    package var json: JSONValue {
        var match: JSONValue = ["method": .string(method)]
        if let node { match = match.mergePatched(with: ["node": .string(node)]) }
        if let cluster { match = match.mergePatched(with: ["cluster": .string(cluster)]) }
        if let ordinals {
            match = match.mergePatched(with: [
                "first": .integer(Int64(ordinals.lowerBound)), "last": .integer(Int64(ordinals.upperBound)),
            ])
        }
        return ["match": match, "action": action.json, "probability": .double(probability)]
    }
}

extension SimulatorFault.Action {
    fileprivate var json: JSONValue {
        switch self {
        case .delay(let range):
            [
                "do": "delay", "from_ms": .integer(Int64(range.lowerBound)),
                "to_ms": .integer(Int64(range.upperBound)),
            ]
        case .hold: ["do": "hold"]
        case .hang(let moment): ["do": "hang", "at": .string(moment.rawValue)]
        case .refuse(let status, let message):
            ["do": "refuse", "code": .string(status), "message": .string(message)]
        case .cut(let moment): ["do": "cut", "at": .string(moment.rawValue)]
        case .fail(let status, let message):
            ["do": "fail", "code": .string(status), "message": .string(message)]
        case .exit(let code): ["do": "exit", "code": .integer(Int64(code))]
        case .observe: ["do": "observe"]
        }
    }
}
