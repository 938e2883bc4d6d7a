// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Observability
package import Platform

/// Whether the API server answers, learned from the requests that are made anyway.
package final class APIReachability: Sendable {
    /// How long the server may fail to answer before it counts as unreachable: one restart's worth.
    ///
    /// It runs from when the first request was sent that went unanswered: a server that accepts connections and says
    /// nothing makes the first failure known only at that request's time limit.
    static let tolerance = Duration.seconds(30)

    private struct State {
        /// When the last answer came.
        var answeredAt: Instant?
        /// Since when there is a request that has failed, and no answer.
        var failingSince: Instant?
    }

    private let clock: any Clock
    private let state = Locked(State())

    package init(clock: any Clock) {
        self.clock = clock
    }

    /// Takes in a request, for `ClientObservers.request`; any answer but a server error is a sign of life.
    package func observe(_ request: RequestObservation) {
        let now = clock.now
        let isAnswered = request.statusCode.map { $0 < 500 } ?? false
        state.withLock { state in
            if isAnswered {
                state = State(answeredAt: now)
            } else if state.failingSince == nil {
                let sent = now + (.zero - request.duration)
                state.failingSince = max(sent, state.answeredAt ?? sent)
            }
        }
    }

    /// Unhealthy before the first answer, and when requests have failed for half a minute.
    package var health: HealthResult {
        let state = state.withLock { $0 }
        guard state.answeredAt != nil else { return .unhealthy("the API server has not answered yet") }
        guard let since = state.failingSince, clock.now - since > Self.tolerance else { return .healthy }
        return .unhealthy("the API server has not answered for \(Int((clock.now - since).seconds)) s")
    }
}
