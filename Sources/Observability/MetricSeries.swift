// SPDX-License-Identifier: Apache-2.0
import Platform
import Synchronization

/// One set of label values of a family, with its value.
package protocol MetricSeries: Sendable {
    /// Starts at zero; `buckets` matter to histograms only.
    init(buckets: [Double])
    /// The value now, torn by no concurrent change.
    var reading: MetricReading { get }
}

/// The value of a series at one moment.
package enum MetricReading: Sendable, Hashable {
    case number(Double)
    case histogram(HistogramReading)
}

/// What a histogram has counted up to one moment.
package struct HistogramReading: Sendable, Hashable {
    /// The upper bounds, ascending, without `+Inf`.
    package var bounds: [Double]
    /// How many observations fell into each bucket alone; the last one is above every bound.
    package var counts: [UInt64]
    /// The sum of all observations.
    package var sum: Double
}

/// A number that only grows.
package final class CounterSeries: MetricSeries {
    private let bits = Atomic<UInt64>(0)

    package init(buckets: [Double] = []) {}

    /// Adds `amount`; a negative or undefined one changes nothing, since a counter never falls.
    package func increment(by amount: Double = 1) {
        guard amount > 0 else { return }
        bits.update { $0 + amount }
    }

    /// Makes the counter `total`, for totals that are counted elsewhere; a smaller one changes nothing.
    package func raise(to total: Double) {
        bits.update { $0 < total ? total : $0 }
    }

    /// The count so far.
    package var value: Double { bits.double }

    package var reading: MetricReading { .number(value) }
}

/// A number that goes up and down.
package final class GaugeSeries: MetricSeries {
    private let bits = Atomic<UInt64>(0)

    package init(buckets: [Double] = []) {}

    /// Replaces the value.
    package func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    /// Adds `amount`, which may be negative.
    package func add(_ amount: Double) {
        bits.update { $0 + amount }
    }

    /// The value now.
    package var value: Double { bits.double }

    package var reading: MetricReading { .number(value) }
}

/// Counts observations by size.
package final class HistogramSeries: MetricSeries {
    private struct State {
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Locked<State>

    package init(buckets: [Double]) {
        bounds = buckets
        state = Locked(State(counts: Array(repeating: 0, count: buckets.count + 1)))
    }

    /// Counts `value` into the first bucket whose bound it does not exceed; NaN is dropped.
    package func observe(_ value: Double) {
        guard !value.isNaN else { return }
        let index = bucket(of: value)
        state.withLock { state in
            state.counts[index] += 1
            state.sum += value
        }
    }

    /// Counts a duration in seconds, as every `_seconds` histogram wants it.
    package func observe(_ duration: Duration) {
        observe(duration.seconds)
    }

    package var reading: MetricReading {
        let state = state.withLock { $0 }
        return .histogram(HistogramReading(bounds: bounds, counts: state.counts, sum: state.sum))
    }

    private func bucket(of value: Double) -> Int {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Atomic<UInt64> {
    fileprivate borrowing func update(_ change: (Double) -> Double) {
        var old = load(ordering: .relaxed)
        while true {
            let new = change(Double(bitPattern: old)).bitPattern
            let (isExchanged, current) = weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if isExchanged { return }
            old = current
        }
    }

    fileprivate var double: Double {
        Double(bitPattern: load(ordering: .relaxed))
    }
}
