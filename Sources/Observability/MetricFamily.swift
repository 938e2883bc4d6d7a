// SPDX-License-Identifier: Apache-2.0
import Platform

/// Every series of one metric name; they differ in their label values.
package final class MetricFamily<Series: MetricSeries>: Sendable {
    package let definition: MetricDefinition
    private let series = Locked<[[String]: Series]>([:])

    /// A family without labels has its one series, at zero, from the start.
    init(_ definition: MetricDefinition) {
        self.definition = definition
        if definition.labels.isEmpty { _ = labels([]) }
    }

    /// The series of these label values, at zero if it is new: calling this is how a series is announced.
    ///
    /// Keep the result where speed matters: looking it up costs more than counting. Missing values are
    /// taken as empty and surplus ones are dropped, so that a slip costs a label and not the program.
    package func labels(_ values: String...) -> Series {
        labels(values)
    }

    /// The same for values in an array.
    package func labels(_ values: [String]) -> Series {
        let key = values.count == definition.labels.count ? values : fitted(values)
        return series.withLock { series in
            if let known = series[key] { return known }
            let new = Series(buckets: definition.buckets)
            series[key] = new
            return new
        }
    }

    private func fitted(_ values: [String]) -> [String] {
        let wanted = definition.labels.count
        return values.prefix(wanted) + Array(repeating: "", count: max(0, wanted - values.count))
    }

    /// Lets go of the series of exactly these label values.
    package func remove(_ values: String...) {
        series.withLock { _ = $0.removeValue(forKey: values) }
    }

    /// Lets go of every series whose label values, in declared order, the condition picks.
    package func remove(where isGone: @Sendable ([String]) -> Bool) {
        series.withLock { series in
            series = series.filter { !isGone($0.key) }
        }
    }
}

package typealias Counter = MetricFamily<CounterSeries>
package typealias Gauge = MetricFamily<GaugeSeries>
package typealias Histogram = MetricFamily<HistogramSeries>

extension MetricFamily where Series == CounterSeries {
    /// Counts in the one series of a family without labels.
    package func increment(by amount: Double = 1) {
        labels([]).increment(by: amount)
    }
}

extension MetricFamily where Series == GaugeSeries {
    /// Sets the one series of a family without labels.
    package func set(_ value: Double) {
        labels([]).set(value)
    }
}

/// A family whose kind of series does not matter: what rendering sees.
protocol AnyMetricFamily: Sendable {
    var definition: MetricDefinition { get }
    /// Every series, ordered by label values.
    var samples: [MetricSample] { get }
}

/// The label values of a series and its value.
struct MetricSample {
    var labels: [String]
    var reading: MetricReading
}

extension MetricFamily: AnyMetricFamily {
    var samples: [MetricSample] {
        series.withLock { $0 }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { MetricSample(labels: $0.key, reading: $0.value.reading) }
    }
}

/// A family of gauges that nobody keeps: its series are read at each scrape and forgotten.
struct ReadGauge: AnyMetricFamily {
    let definition: MetricDefinition
    let read: @Sendable () -> [GaugeReading]

    var samples: [MetricSample] {
        read().sorted { $0.labels.lexicographicallyPrecedes($1.labels) }
            .map { MetricSample(labels: $0.labels, reading: .number($0.value)) }
    }
}

/// A series of a gauge that is read and not kept.
package struct GaugeReading: Sendable, Hashable {
    /// The label values, in declared order.
    package var labels: [String]
    package var value: Double

    package init(labels: [String], value: Double) {
        self.labels = labels
        self.value = value
    }
}
