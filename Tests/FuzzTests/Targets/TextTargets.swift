// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData

@testable import Observability

extension FuzzTarget {
    private static let timeWords = [
        "2024-02-29T23:59:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "+23:59", "-00:00",
        "t", "z",
    ]

    static let text = [
        FuzzTarget("timestamp", words: timeWords, timestamp),
        FuzzTarget("base64", words: ["=", "==", "\n", "AAAA"], base64),
        FuzzTarget("log-line", words: ["\u{2028}", "\u{9B}", "\u{1B}[31m", "\n", "\"", "\\", "="], logLine),
        FuzzTarget("metric-labels", words: ["\n", "\"", "\\", "}", "{", "\\n"], metricLabels),
        FuzzTarget("process-files", words: [")", "btime ", "eth0:", "Max open files", "unlimited", "1 2 3"]) {
            bytes in
            let statistics = ProcessStatistics(stat: bytes.text)
            _ = statistics.cpuTicks
            _ = ProcessStatistics.softLimit("Max open files", limits: bytes.text)
            _ = ProcessStatistics.bootTime(systemStat: bytes.text)
            _ = ProcessStatistics.networkBytes(networkDevices: bytes.text)
        },
        FuzzTarget(
            "probe-request", words: ["/healthz", "/readyz/", "exclude", "verbose", "q=0.5", "text/plain"]
        ) {
            bytes in
            let parts = bytes.parts.map(\.text)
            _ = ExpositionFormat.negotiated(accept: parts.first)
            let checks = HealthChecks(logger: Logger(sink: NoSink(), clock: SystemClock()))
            checks.add("a", to: .readiness) { .unhealthy("secret reason") }
            let query = parts.dropFirst().map { (name: "exclude", value: $0) }
            for path in [parts[0], "/readyz", "/healthz"] { _ = checks.report(path: path, query: query) }
        },
    ]

    private struct NoSink: LogSink {
        func write(_ line: [UInt8]) {}
    }

    /// A time is printed and reads back as the same.
    private static func timestamp(_ bytes: [UInt8]) throws {
        guard let time = Timestamp(rfc3339: bytes.text) else { return }
        let text = time.rfc3339(.microseconds)
        guard let again = Timestamp(rfc3339: text) else { throw Violation(description: "\(text) reads back") }
        let difference = time.nanosecondsSince1970 - again.nanosecondsSince1970
        try require((0..<1000).contains(difference), "\(bytes.text) became \(text)")
    }

    private static func base64(_ bytes: [UInt8]) throws {
        try require(Base64.decode(Base64.encode(bytes)) == bytes, "what is encoded is decoded")
        guard let decoded = Base64.decode(bytes.text) else { return }
        try require(Base64.decode(Base64.encode(decoded)) == decoded, "what is decoded is encoded")
    }

    /// A line of the log is one line, and JSON that says what was logged.
    private static func logLine(_ bytes: [UInt8]) throws {
        let parts = bytes.parts.map(\.text)
        let fields = LogFields.make(parts)
        let record = LogRecord(
            level: .info, timestamp: Timestamp(nanosecondsSince1970: 0), message: parts[0], fields: fields)
        for format in LogFormat.allCases {
            let line = record.line(format)
            try require(
                line.last == 10 && !line.dropLast().contains { $0 < 0x20 }, "is one line: \(line.text)")
        }
        let json = try JSONValue(json: record.line(.json))
        try require(json["message"]?.string == parts[0], "the message is what was logged")
        try require(json["level"] == "info", "the level is what was logged")
    }

    /// Whatever a label's value is, it stays within its quotes.
    private static func metricLabels(_ bytes: [UInt8]) throws {
        let registry = MetricRegistry()
        let counter = registry.counter(.counter("fuzz_total", help: bytes.text, labels: ["a", "b"]))
        counter.labels(bytes.text, "end").increment()
        for format in ExpositionFormat.allCases {
            let lines = registry.render(format).split(separator: 10)
            try require(lines.count == (format == .openMetrics ? 4 : 3), "three lines: \(lines)")
            let sample = lines[2]
            let (start, end) = (Array("fuzz_total{a=\"".utf8), Array("\",b=\"end\"} 1".utf8))
            try require(
                sample.starts(with: start) && sample.suffix(end.count) == end[...], Array(sample).text)
            let value = sample.dropFirst(start.count).dropLast(end.count)
            try require(
                unescaped(Array(value)) == Array(bytes.text.utf8), "\(Array(sample).text) says the label")
        }
    }

    /// Nil if there is a quote that does not belong there.
    private static func unescaped(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""), 10: return nil
            case UInt8(ascii: "\\"):
                guard let next = rest.popFirst() else { return nil }
                result.append(next == UInt8(ascii: "n") ? 10 : next)
            default: result.append(byte)
            }
        }
        return result
    }
}

extension LogFields {
    fileprivate static func make(_ parts: [String]) -> LogFields {
        var fields: LogFields = [:]
        for pair in parts.dropFirst() {
            fields = fields.merging(["field": .string(pair), "list": .list([pair])])
        }
        return fields
    }
}
