// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

/// How far a cluster has come, without the words: what tells whether anything has moved since the last look.
struct LifecycleProgress: Sendable, Hashable {
    private struct Node: Hashable {
        var stage: String
        var isReady: Bool
        var step: OperationStep?
        var isLearner: Bool?
    }

    private let state: LifecycleReport.State
    private let problem: HealthCheck.Name?
    private let nodes: [Node]

    init(_ report: LifecycleReport) {
        state = report.state
        problem = report.health.firstProblem?.name
        nodes = report.nodes.map { node in
            Node(
                stage: node.stage, isReady: node.isReady, step: node.step, isLearner: node.member?.isLearner)
        }
    }

    /// How long to wait before the next look at a cluster that has not come to rest and has been like this for `age`.
    ///
    /// A second at first, and then a tenth of the time that it has not moved: what is waited for is noticed after a tenth
    /// of the time that it took, and a cluster that stays as it is is looked at as rarely as any other in the end.
    static func pause(after age: Duration) -> Duration { max(age / 10, .seconds(1)) }
}
