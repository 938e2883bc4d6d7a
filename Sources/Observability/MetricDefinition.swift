// SPDX-License-Identifier: Apache-2.0

/// A metric family as data: what is declared in one table, checked by tests and listed in the README.
package struct MetricDefinition: Sendable, Hashable {
    /// How values of a family behave.
    package enum Kind: String, Sendable {
        /// Only grows; starts at zero with the process.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts observations by size.
        case histogram
    }

    package let name: String
    /// One sentence for people.
    package let help: String
    package let kind: Kind
    /// The label names, in the order in which `MetricFamily.labels` takes their values.
    package let labels: [String]
    /// The upper bounds of a histogram's buckets, ascending, without `+Inf`.
    package let buckets: [Double]

    /// A family of counters.
    package static func counter(_ name: String, help: String, labels: [String] = []) -> MetricDefinition {
        MetricDefinition(name: name, help: help, kind: .counter, labels: labels, buckets: [])
    }

    /// A family of gauges.
    package static func gauge(_ name: String, help: String, labels: [String] = []) -> MetricDefinition {
        MetricDefinition(name: name, help: help, kind: .gauge, labels: labels, buckets: [])
    }

    /// A family of histograms; bounds are put in order, doubles and infinity dropped.
    package static func histogram(
        _ name: String, help: String, labels: [String] = [], buckets: [Double]
    ) -> MetricDefinition {
        MetricDefinition(
            name: name, help: help, kind: .histogram, labels: labels,
            buckets: Set(buckets.filter(\.isFinite)).sorted())
    }

    /// What keeps Prometheus from reading the family; empty if it is in order.
    package var problems: [String] {
        var problems: [String] = []
        if !MetricName.isValid(name) { problems.append("\(name): not a metric name") }
        for label in labels where !MetricName.isValidLabel(label) {
            problems.append("\(name): \(label) is not a label name")
        }
        if Set(labels).count < labels.count { problems.append("\(name): a label is there twice") }
        if kind == .histogram && labels.contains("le") {
            problems.append("\(name): le is the histogram's own label")
        }
        return problems
    }
}

/// The rules for names in the Prometheus text format.
package enum MetricName {
    /// Whether the name matches `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    package static func isValid(_ name: String) -> Bool {
        isWord(name, alsoColon: true)
    }

    /// Whether the name matches `[a-zA-Z_][a-zA-Z0-9_]*` and does not begin with `__`, which is Prometheus' own.
    package static func isValidLabel(_ name: String) -> Bool {
        isWord(name, alsoColon: false) && !name.hasPrefix("__")
    }

    private static func isWord(_ name: String, alsoColon: Bool) -> Bool {
        guard let first = name.utf8.first, !isDigit(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "_"): true
            case UInt8(ascii: ":"): alsoColon
            default: isDigit(byte)
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// Bucket bounds that are computed and not listed.
package enum Buckets {
    /// `count` bounds, each `factor` times the one before.
    ///
    /// They are multiplied step by step as client_golang does, so that `le="9.999999999999999e-06"` comes
    /// out as the dashboards for `workqueue_*` know it.
    package static func exponential(from start: Double, factor: Double, count: Int) -> [Double] {
        var bounds: [Double] = []
        var bound = start
        for _ in 0..<max(0, count) {
            bounds.append(bound)
            bound *= factor
        }
        return bounds
    }
}
