// SPDX-License-Identifier: Apache-2.0
import CGlibc
import Glibc
import Observability
import Platform

/// `talos-operator run`.
enum RunCommand {
    /// Reconciles until `shutdown` returns; the result is the exit status.
    static func execute(
        _ settings: Settings, environment: [String: String],
        until shutdown: @escaping @Sendable () async -> Void
    ) async -> Int32 {
        Memory.preferSmall()
        let logger = Logger(
            sink: StandardErrorSink(), level: settings.logLevel, format: format(of: settings),
            clock: SystemClock())
        do throws(Operator.StartError) {
            return try await Operator(settings, environment: environment, logger: logger).run(until: shutdown)
        } catch {
            logger.error("Cannot start", ["error": .string(error.description)])
            return 1
        }
    }

    private static func format(of settings: Settings) -> LogFormat {
        settings.logFormat ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
    }
}

/// How the C library's allocator is set.
private enum Memory {
    /// Trades a little speed under contention for a smaller process: two arenas instead of eight per core, and
    /// freed memory given back from 256 KiB on.
    ///
    /// Blocks from 16 KiB on have pages of their own. A connection that is kept has several such buffers, of which it
    /// has used next to nothing; a page that nobody has written to takes no memory.
    static func preferSmall() {
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_TRIM_THRESHOLD, 256 << 10)
        mallopt(M_MMAP_THRESHOLD, 16 << 10)
    }
}
