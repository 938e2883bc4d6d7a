// SPDX-License-Identifier: Apache-2.0
import Platform

/// Hands out one by one what a watch reports in batches; one task reads it.
final class ResourceEventQueue: Sendable {
    private let batches: TalosStream<[ResourceEvent]>
    private let waiting = Locked(ArraySlice<ResourceEvent>())

    init(_ batches: TalosStream<[ResourceEvent]>) {
        self.batches = batches
    }

    func next() async throws(TalosError) -> ResourceEvent? {
        while true {
            if let event = waiting.withLock({ $0.popFirst() }) { return event }
            guard let batch = try await batches.next() else { return nil }
            waiting.withLock { $0 = batch[...] }
        }
    }
}
