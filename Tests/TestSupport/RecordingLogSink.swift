// SPDX-License-Identifier: Apache-2.0
import Observability
import Platform

/// Keeps log lines for a test to look at.
package final class RecordingLogSink: LogSink {
    private let written = Locked<[String]>([])

    package init() {}

    /// The lines so far, without their line feeds.
    package var lines: [String] {
        written.withLock { $0 }
    }

    package func write(_ line: [UInt8]) {
        let text = String(decoding: line.last == 10 ? line.dropLast() : line[...], as: UTF8.self)
        written.withLock { $0.append(text) }
    }
}
