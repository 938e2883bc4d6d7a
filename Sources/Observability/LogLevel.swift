// SPDX-License-Identifier: Apache-2.0

/// How much a log line matters; a logger drops what is below its own level.
package enum LogLevel: Int, Comparable, Sendable, CaseIterable {
    case debug, info, warn, error

    package static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The lower-case name in log lines and in settings.
    package var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warn: "warn"
        case .error: "error"
        }
    }
}
