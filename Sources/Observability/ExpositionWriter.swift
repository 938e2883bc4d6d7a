// SPDX-License-Identifier: Apache-2.0

/// Writes families as text, by the rules of the Prometheus text format 0.0.4 and of OpenMetrics 1.0.
struct ExpositionWriter {
    let format: ExpositionFormat
    private var bytes: [UInt8] = []

    init(format: ExpositionFormat) {
        self.format = format
        bytes.reserveCapacity(16 << 10)
    }

    /// The whole text.
    consuming func finish() -> [UInt8] {
        if format == .openMetrics { append("# EOF\n") }
        return bytes
    }

    /// Writes help, type and samples of a family.
    mutating func write(_ definition: MetricDefinition, _ samples: [MetricSample]) {
        let family = Self.familyName(of: definition, in: format)
        append("# HELP \(family) ")
        appendEscaped(definition.help, quotes: format == .openMetrics)
        append("\n# TYPE \(family) \(Self.typeName(of: definition, in: format))\n")
        for sample in samples {
            switch sample.reading {
            case .number(let value): writeNumber(value, definition, sample.labels)
            case .histogram(let reading): writeHistogram(reading, definition, sample.labels)
            }
        }
    }

    /// In OpenMetrics a counter's family is named without the `_total` of its samples.
    private static func familyName(of definition: MetricDefinition, in format: ExpositionFormat) -> Substring
    {
        let isTotal = definition.kind == .counter && definition.name.hasSuffix("_total")
        return format == .openMetrics && isTotal ? definition.name.dropLast(6) : definition.name[...]
    }

    /// The word after `# TYPE`.
    ///
    /// In OpenMetrics a counter must end in `_total`. One that does not would have to change its name;
    /// it is declared `unknown` instead, as client_golang does, so that both formats name it alike.
    private static func typeName(of definition: MetricDefinition, in format: ExpositionFormat) -> String {
        let isCounter = definition.kind == .counter
        let isOdd = format == .openMetrics && isCounter && !definition.name.hasSuffix("_total")
        return isOdd ? "unknown" : definition.kind.rawValue
    }

    private mutating func writeNumber(_ value: Double, _ definition: MetricDefinition, _ labels: [String]) {
        append(definition.name)
        writeLabels(definition.labels, labels)
        writeValue(MetricNumber.text(value))
    }

    private mutating func writeHistogram(
        _ reading: HistogramReading, _ definition: MetricDefinition, _ labels: [String]
    ) {
        var total: UInt64 = 0
        for (index, count) in reading.counts.enumerated() {
            total += count
            let bound = index < reading.bounds.count ? reading.bounds[index] : .infinity
            append("\(definition.name)_bucket")
            writeLabels(definition.labels, labels, bound: MetricNumber.bound(bound, in: format))
            writeValue(String(total))
        }
        append("\(definition.name)_sum")
        writeLabels(definition.labels, labels)
        writeValue(MetricNumber.text(reading.sum))
        append("\(definition.name)_count")
        writeLabels(definition.labels, labels)
        writeValue(String(total))
    }

    private mutating func writeLabels(_ names: [String], _ values: [String], bound: String? = nil) {
        guard !names.isEmpty || bound != nil else { return }
        var separator = "{"
        for (name, value) in zip(names, values) {
            append("\(separator)\(name)=\"")
            appendEscaped(value, quotes: true)
            append("\"")
            separator = ","
        }
        if let bound { append("\(separator)le=\"\(bound)\"") }
        append("}")
    }

    private mutating func writeValue(_ text: String) {
        append(" ")
        append(text)
        append("\n")
    }

    private mutating func append(_ text: some StringProtocol) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }
}

/// Numbers as the formats write them: the shortest text that reads back as the same number.
enum MetricNumber {
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        let text = value.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// A bucket bound: OpenMetrics wants `1.0` where the Prometheus format has `1`.
    static func bound(_ value: Double, in format: ExpositionFormat) -> String {
        format == .openMetrics && value.isFinite ? value.description : text(value)
    }
}
