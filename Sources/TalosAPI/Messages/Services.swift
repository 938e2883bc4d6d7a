// SPDX-License-Identifier: Apache-2.0
package import Platform

/// A service of Talos on a node, such as `etcd` or `kubelet`.
package struct ServiceInfo: Sendable, Hashable {
    /// What a service does.
    package enum State: Sendable, Hashable {
        case initialized, preparing, waiting, starting, running, stopping, finished, failed, skipped
        /// A state that this client does not know, in Talos' word.
        case other(String)
    }

    /// How its checks went.
    package enum Health: Sendable, Hashable {
        /// It has no checks, or none has run.
        case unknown
        case healthy
        /// With the last complaint.
        case unhealthy(String)
    }

    /// Something that happened to it.
    package struct Event: Sendable, Hashable {
        package var state: State
        package var message: String
        package var time: Timestamp?

        package init(state: State, message: String, time: Timestamp? = nil) {
            self.state = state
            self.message = message
            self.time = time
        }
    }

    package var id: String
    package var state: State
    package var health: Health
    /// Oldest first.
    package var events: [Event]

    package init(id: String, state: State, health: Health = .unknown, events: [Event] = []) {
        self.id = id
        self.state = state
        self.health = health
        self.events = events
    }

    /// Whether it runs and no check of it fails.
    package var isRunningAndHealthy: Bool {
        guard state == .running else { return false }
        if case .unhealthy = health { return false }
        return true
    }
}

extension ServiceInfo.State: CustomStringConvertible {
    private static let words: [(State: ServiceInfo.State, word: String)] = [
        (.initialized, "Initialized"), (.preparing, "Preparing"), (.waiting, "Waiting"),
        (.starting, "Starting"), (.running, "Running"), (.stopping, "Stopping"), (.finished, "Finished"),
        (.failed, "Failed"), (.skipped, "Skipped"),
    ]

    /// The state of Talos' word for it.
    package init(word: String) {
        self = Self.words.first { $0.word == word }?.State ?? .other(word)
    }

    /// Talos' word.
    package var description: String {
        if case .other(let word) = self { return word }
        return Self.words.first { $0.State == self }?.word ?? ""
    }
}
