// SPDX-License-Identifier: Apache-2.0

/// What the checks of a cluster's health say, in the order in which they are made.
package struct HealthVerdict: Sendable, Hashable {
    package var checks: [HealthCheck]

    package init(checks: [HealthCheck]) {
        self.checks = checks
    }

    /// The first check that did not pass: what to look at, since those that follow often fail for the same reason.
    package var firstProblem: HealthCheck? {
        checks.first { $0.outcome == .failed || $0.outcome == .unknown }
    }
    /// Whether every check passed or does not apply; unknown is not healthy.
    package var isHealthy: Bool { firstProblem == nil }
}

/// One check and its outcome.
package struct HealthCheck: Sendable, Hashable {
    /// What a check came to.
    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        case passed = "Passed"
        case failed = "Failed"
        /// Nobody could say.
        case unknown = "Unknown"
        /// It does not apply to this cluster.
        case skipped = "Skipped"
    }

    /// The checks, in their order.
    package enum Name: String, Sendable, Hashable, CaseIterable {
        case etcdService = "EtcdService"
        case etcdMembers = "EtcdMembers"
        case etcdAlarms = "EtcdAlarms"
        case nodesAnswer = "NodesAnswer"
        case kubelets = "Kubelets"
        case nodesBooted = "NodesBooted"
        case kubernetesAPI = "KubernetesAPI"
        case nodesRegistered = "NodesRegistered"
        case controlPlane = "ControlPlane"
        case nodesReady = "NodesReady"
        case addons = "Addons"
        case nodesSchedulable = "NodesSchedulable"
    }

    package var name: Name
    package var outcome: Outcome
    /// What was found, in a sentence; names the nodes concerned.
    package var message: String

    package init(_ name: Name, _ outcome: Outcome, _ message: String) {
        self.name = name
        self.outcome = outcome
        self.message = message
    }
}
