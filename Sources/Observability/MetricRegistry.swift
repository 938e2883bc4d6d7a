// SPDX-License-Identifier: Apache-2.0
import Platform

/// All metric families of the program.
package final class MetricRegistry: Sendable {
    private struct State {
        var families: [String: any AnyMetricFamily] = [:]
        var collectors: [@Sendable () -> Void] = []
        var problems: [String] = []
    }

    private let state = Locked(State())

    package init() {}

    /// The family of counters that `definition` declares; asked again, the same one.
    package func counter(_ definition: MetricDefinition) -> Counter {
        register(definition, as: .counter)
    }

    /// The family of gauges that `definition` declares; asked again, the same one.
    package func gauge(_ definition: MetricDefinition) -> Gauge {
        register(definition, as: .gauge)
    }

    /// The family of histograms that `definition` declares; asked again, the same one.
    package func histogram(_ definition: MetricDefinition) -> Histogram {
        register(definition, as: .histogram)
    }

    /// Declares gauges whose series `read` returns at each rendering: for many that something else knows already.
    ///
    /// Nothing is kept between renderings. `read` runs on the thread that renders and must neither wait nor render; no
    /// two of its series may have the same labels.
    package func gauge(_ definition: MetricDefinition, reading read: @escaping @Sendable () -> [GaugeReading])
    {
        state.withLock { state in
            let problems = Self.problems(of: definition, as: .gauge, beside: state.families)
            if problems.isEmpty {
                state.families[definition.name] = ReadGauge(definition: definition, read: read)
            }
            state.problems += problems
        }
    }

    /// Runs `body` before each rendering: the place to set gauges that are read and not counted.
    ///
    /// It runs on the thread that renders and must neither wait nor render.
    package func onCollect(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.collectors.append(body) }
    }

    /// What is declared, by name.
    package var definitions: [MetricDefinition] {
        families.map(\.definition)
    }

    /// What was declared wrongly and is therefore not rendered; a test holds this empty.
    package var problems: [String] {
        state.withLock { $0.problems }
    }

    /// Every family and series, sorted, in the text format asked for.
    package func render(_ format: ExpositionFormat = .prometheusText) -> [UInt8] {
        for collect in state.withLock({ $0.collectors }) { collect() }
        var writer = ExpositionWriter(format: format)
        for family in families { writer.write(family.definition, family.samples) }
        return writer.finish()
    }

    private var families: [any AnyMetricFamily] {
        state.withLock { Array($0.families.values) }.sorted { $0.definition.name < $1.definition.name }
    }

    /// A family that cannot be rendered is handed out all the same: counting into the void harms nobody.
    private func register<Series: MetricSeries>(
        _ definition: MetricDefinition, as kind: MetricDefinition.Kind
    ) -> MetricFamily<Series> {
        state.withLock { state in
            let known = state.families[definition.name]
            if known?.definition == definition, let family = known as? MetricFamily<Series> { return family }
            let problems = Self.problems(of: definition, as: kind, beside: state.families)
            let family = MetricFamily<Series>(definition)
            if problems.isEmpty { state.families[definition.name] = family }
            state.problems += problems
            return family
        }
    }

    private static func problems(
        of definition: MetricDefinition, as kind: MetricDefinition.Kind,
        beside families: [String: any AnyMetricFamily]
    ) -> [String] {
        var problems = definition.problems
        if families[definition.name] != nil {
            problems.append("\(definition.name): declared twice, differently")
        }
        if definition.kind != kind {
            problems.append("\(definition.name): is a \(definition.kind.rawValue), not a \(kind.rawValue)")
        }
        return problems
    }
}
