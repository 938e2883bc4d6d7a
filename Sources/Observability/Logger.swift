// SPDX-License-Identifier: Apache-2.0
package import Platform

/// Where log lines go: standard error in production, an array in tests.
package protocol LogSink: Sendable {
    /// Takes one whole line, line feed included.
    ///
    /// It never throws and never waits for long: losing a line is better than stopping the program.
    func write(_ line: [UInt8])
}

/// Writes events of a level or above as lines to a sink.
///
/// A message is a constant, so that events of one kind can be counted; what varies goes into fields.
/// A call below the level costs one comparison: its fields are not even evaluated.
package struct Logger: Sendable {
    private final class Destination: Sendable {
        let sink: any LogSink
        let level: LogLevel
        let format: LogFormat
        let clock: any Clock

        init(sink: any LogSink, level: LogLevel, format: LogFormat, clock: any Clock) {
            self.sink = sink
            self.level = level
            self.format = format
            self.clock = clock
        }
    }

    private let destination: Destination
    private let context: LogFields

    /// Logs to `sink`; every line carries `fields`.
    package init(
        sink: any LogSink, level: LogLevel = .info, format: LogFormat = .json, clock: any Clock,
        fields: LogFields = [:]
    ) {
        destination = Destination(sink: sink, level: level, format: format, clock: clock)
        context = fields
    }

    private init(destination: Destination, context: LogFields) {
        self.destination = destination
        self.context = context
    }

    /// A logger whose lines carry `fields` too; a key that is there already gets the new value.
    package func with(_ fields: LogFields) -> Logger {
        Logger(destination: destination, context: context.merging(fields))
    }

    /// Whether an event of this level would be written.
    package func isEnabled(_ level: LogLevel) -> Bool {
        level >= destination.level
    }

    /// Logs an event of `level`.
    package func log(_ level: LogLevel, _ message: StaticString, _ fields: @autoclosure () -> LogFields = [:])
    {
        guard isEnabled(level) else { return }
        let record = LogRecord(
            level: level, timestamp: destination.clock.timestamp, message: message.description,
            fields: context.merging(fields()))
        destination.sink.write(record.line(destination.format))
    }

    /// Logs a detail for whoever traces a problem.
    package func debug(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) {
        log(.debug, message, fields())
    }

    /// Logs normal work.
    package func info(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) {
        log(.info, message, fields())
    }

    /// Logs what is not as it should be but does not stop the work.
    package func warning(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) {
        log(.warn, message, fields())
    }

    /// Logs work that failed.
    package func error(_ message: StaticString, _ fields: @autoclosure () -> LogFields = [:]) {
        log(.error, message, fields())
    }
}
