// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ControllerRuntime
import HTTP
import Kubernetes
import Observability
import Platform

/// The running operator: every part, made once and handed to those that need it.
struct Operator: Sendable {
    /// Why the operator cannot start.
    struct StartError: Error, CustomStringConvertible {
        var description: String
    }

    private let manager: Manager
    private let logger: Logger

    /// Puts the parts together and opens the ports; nothing is asked of the API server yet.
    ///
    /// - Throws: `StartError` that names what to correct.
    init(_ settings: Settings, environment: [String: String], logger: Logger) throws(StartError) {
        manager = try OperatorParts(settings, environment: environment, logger: logger).manager()
        self.logger = logger
    }

    /// Reconciles until `shutdown` returns, then ends in order; the result is the exit status.
    func run(until shutdown: @escaping @Sendable () async -> Void) async -> Int32 {
        logger.info("Starting", ["version": .string(Version.current)])
        let outcome = await manager.run(until: shutdown)
        if outcome.isClean {
            logger.info("Stopped")
        } else {
            logger.error("Stopped", ["reason": .string(outcome.description)])
        }
        return outcome.exitCode
    }
}
