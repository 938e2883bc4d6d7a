// SPDX-License-Identifier: Apache-2.0
package import Kubernetes

/// A part of the program that runs for as long as the program does.
package struct Runnable: Sendable {
    /// Names it in logs and in errors; unique in the program.
    package var name: String
    /// Runs it; a return is no failure, an error stops the program.
    package var run: @Sendable () async throws -> Void
    /// Asks it to finish what it has begun and to return; nil if it is to be cancelled instead.
    package var stop: (@Sendable () -> Void)?

    package init(
        name: String, run: @escaping @Sendable () async throws -> Void, stop: (@Sendable () -> Void)? = nil
    ) {
        self.name = name
        self.run = run
        self.stop = stop
    }
}

extension Runnable {
    /// The workers of a controller; stopped, they finish what they have begun.
    package init(_ controller: Controller) {
        self.init(
            name: "controller \(controller.name)", run: { await controller.run() },
            stop: { controller.stop() })
    }

    /// A recorder; stopped, it sends what waits.
    package init(_ recorder: EventRecorder) {
        self.init(name: "event recorder", run: { await recorder.run() }, stop: { recorder.close() })
    }
}

/// A runnable that fills a store, without which controllers must not start.
package struct CacheRunnable: Sendable {
    package var runnable: Runnable
    /// Returns when the store has been filled once, or the task is cancelled.
    package var waitForSync: @Sendable () async -> Void
    package var hasSynced: @Sendable () -> Bool
    /// What keeps it from being filled.
    package var lastError: @Sendable () -> APIError?
}

extension CacheRunnable {
    /// A reflector, synced after its first list.
    package init<R: Resource>(_ reflector: Reflector<R>) {
        self.init(
            runnable: Runnable(name: "reflector \(reflector.name)", run: { await reflector.run() }),
            waitForSync: { await reflector.waitForSync() }, hasSynced: { reflector.hasSynced },
            lastError: { reflector.currentStatus.lastError })
    }
}
