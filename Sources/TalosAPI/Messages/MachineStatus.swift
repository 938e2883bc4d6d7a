// SPDX-License-Identifier: Apache-2.0

/// What a node is doing.
package enum MachineStage: Sendable, Hashable {
    case unknown, booting, installing, maintenance, running, rebooting, shuttingDown, resetting, upgrading
    /// A stage that this client does not know, in Talos' word or number.
    case other(String)
}

/// What a node is doing and how well.
package struct MachineStatus: Sendable, Hashable {
    /// Something that keeps a running node from being ready.
    package struct UnmetCondition: Sendable, Hashable {
        /// As in `services` or `nodeReady`.
        package var name: String
        package var reason: String

        package init(name: String, reason: String) {
            self.name = name
            self.reason = reason
        }
    }

    package var stage: MachineStage
    package var isReady: Bool
    package var unmetConditions: [UnmetCondition]

    package init(stage: MachineStage, isReady: Bool, unmetConditions: [UnmetCondition] = []) {
        self.stage = stage
        self.isReady = isReady
        self.unmetConditions = unmetConditions
    }
}

extension MachineStage: CustomStringConvertible {
    /// In the order of their numbers.
    static let known: [(stage: MachineStage, word: String)] = [
        (.unknown, "unknown"), (.booting, "booting"), (.installing, "installing"),
        (.maintenance, "maintenance"), (.running, "running"), (.rebooting, "rebooting"),
        (.shuttingDown, "shutting down"), (.resetting, "resetting"), (.upgrading, "upgrading"),
    ]

    /// The stage of Talos' word for it.
    package init(word: String) {
        self = Self.known.first { $0.word == word }?.stage ?? .other(word)
    }

    /// The stage of Talos' number for it.
    init(number: Int32) {
        let index = Int(number)
        self = Self.known.indices.contains(index) ? Self.known[index].stage : .other(String(number))
    }

    /// Talos' word.
    package var description: String {
        if case .other(let word) = self { return word }
        return Self.known.first { $0.stage == self }?.word ?? ""
    }
}
