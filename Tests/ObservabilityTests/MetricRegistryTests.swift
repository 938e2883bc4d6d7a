// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import Observability

@Suite("Metric registry")
struct MetricRegistryTests {
    private static let requests = MetricDefinition.counter(
        "requests_total", help: "Requests by code.", labels: ["code", "method"])
    private static let depth = MetricDefinition.gauge("depth", help: "Items that wait.")
    private static let seconds = MetricDefinition.histogram(
        "work_seconds", help: "How long work took.", labels: ["name"], buckets: [0.005, 0.5, 1])
    private static let made = MetricDefinition.counter("machines_made", help: "A counter of an odd name.")

    private func render(_ registry: MetricRegistry, _ format: ExpositionFormat = .prometheusText) -> String {
        String(decoding: registry.render(format), as: UTF8.self)
    }

    /// A registry with one family of each kind.
    private func filled() -> MetricRegistry {
        let registry = MetricRegistry()
        let seconds = registry.histogram(Self.seconds).labels("a")
        for value in [0.001, 0.005, 0.25, 1, 7] { seconds.observe(value) }
        let requests = registry.counter(Self.requests)
        _ = requests.labels("500", "GET")
        requests.labels("200", "PUT").increment()
        requests.labels("200", "GET").increment(by: 2.5)
        registry.gauge(Self.depth).set(-3)
        _ = registry.counter(Self.made)
        return registry
    }

    @Test("renders the Prometheus text format, sorted, with zeros from the start")
    func prometheusText() {
        #expect(
            render(filled()) == """
                # HELP depth Items that wait.
                # TYPE depth gauge
                depth -3
                # HELP machines_made A counter of an odd name.
                # TYPE machines_made counter
                machines_made 0
                # HELP requests_total Requests by code.
                # TYPE requests_total counter
                requests_total{code="200",method="GET"} 2.5
                requests_total{code="200",method="PUT"} 1
                requests_total{code="500",method="GET"} 0
                # HELP work_seconds How long work took.
                # TYPE work_seconds histogram
                work_seconds_bucket{name="a",le="0.005"} 2
                work_seconds_bucket{name="a",le="0.5"} 3
                work_seconds_bucket{name="a",le="1"} 4
                work_seconds_bucket{name="a",le="+Inf"} 5
                work_seconds_sum{name="a"} 8.256
                work_seconds_count{name="a"} 5

                """)
    }

    @Test("renders OpenMetrics with its own family names, bounds and end")
    func openMetrics() {
        #expect(
            render(filled(), .openMetrics) == """
                # HELP depth Items that wait.
                # TYPE depth gauge
                depth -3
                # HELP machines_made A counter of an odd name.
                # TYPE machines_made unknown
                machines_made 0
                # HELP requests Requests by code.
                # TYPE requests counter
                requests_total{code="200",method="GET"} 2.5
                requests_total{code="200",method="PUT"} 1
                requests_total{code="500",method="GET"} 0
                # HELP work_seconds How long work took.
                # TYPE work_seconds histogram
                work_seconds_bucket{name="a",le="0.005"} 2
                work_seconds_bucket{name="a",le="0.5"} 3
                work_seconds_bucket{name="a",le="1.0"} 4
                work_seconds_bucket{name="a",le="+Inf"} 5
                work_seconds_sum{name="a"} 8.256
                work_seconds_count{name="a"} 5
                # EOF

                """)
    }

    @Test("escapes help and label values")
    func escaping() {
        let registry = MetricRegistry()
        let gauge = registry.gauge(.gauge("g", help: "a\\b\n\"c\"", labels: ["l"]))
        gauge.labels("x\\y\n\"z\"").set(1)
        #expect(
            render(registry) == "# HELP g a\\\\b\\n\"c\"\n# TYPE g gauge\ng{l=\"x\\\\y\\n\\\"z\\\"\"} 1\n")
        #expect(render(registry, .openMetrics).hasPrefix("# HELP g a\\\\b\\n\\\"c\\\"\n"))
    }

    @Test("a family without series is announced all the same, and an empty registry is an empty page")
    func empty() {
        let registry = MetricRegistry()
        #expect(render(registry) == "")
        #expect(render(registry, .openMetrics) == "# EOF\n")
        _ = registry.counter(Self.requests)
        #expect(
            render(registry) == "# HELP requests_total Requests by code.\n# TYPE requests_total counter\n")
    }

    @Test(
        "writes the shortest number that reads back as itself",
        arguments: [
            (0.0, "0"), (-0.0, "-0"), (1, "1"), (0.1, "0.1"), (1e-8, "1e-08"),
            (1_704_110_400.5, "1704110400.5"),
            (1e21, "1e+21"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
            (0.1 + 0.2, "0.30000000000000004"),
        ])
    func numbers(value: Double, text: String) {
        #expect(MetricNumber.text(value) == text)
    }

    @Test("hands out the same family and the same series again")
    func identity() {
        let registry = MetricRegistry()
        registry.counter(Self.requests).labels("200", "GET").increment()
        registry.counter(Self.requests).labels(["200", "GET"]).increment()
        #expect(registry.counter(Self.requests).labels("200", "GET").value == 2)
        #expect(registry.definitions == [Self.requests])
    }

    @Test("never lets a counter fall")
    func counter() {
        let counter = MetricRegistry().counter(.counter("c_total", help: "")).labels()
        counter.increment(by: 3)
        counter.increment(by: -1)
        counter.increment(by: .nan)
        counter.raise(to: 2)
        #expect(counter.value == 3)
        counter.raise(to: 7)
        #expect(counter.value == 7)
    }

    @Test("sets gauges and adds to them")
    func gauge() {
        let gauge = MetricRegistry().gauge(Self.depth).labels()
        gauge.set(2)
        gauge.add(-5)
        #expect(gauge.value == -3)
    }

    @Test("counts an observation into the first bucket that holds it")
    func buckets() {
        let series = HistogramSeries(buckets: [1, 2])
        for value in [-1, 1, 1.5, 2, 2.5, .infinity, .nan] { series.observe(value) }
        series.observe(Duration.milliseconds(500))
        #expect(
            series.reading
                == .histogram(HistogramReading(bounds: [1, 2], counts: [3, 2, 2], sum: .infinity)))
        let empty = HistogramSeries(buckets: [])
        empty.observe(1)
        #expect(empty.reading == .histogram(HistogramReading(bounds: [], counts: [1], sum: 1)))
    }

    @Test("lets go of the series of what is gone")
    func removal() {
        let registry = MetricRegistry()
        let family = registry.gauge(.gauge("g", help: "", labels: ["cluster", "role"]))
        for cluster in ["a", "b"] {
            for role in ["cp", "worker"] { family.labels(cluster, role).set(1) }
        }
        family.remove { $0.first == "a" }
        family.remove("b", "cp")
        family.remove("b")
        #expect(family.samples.map(\.labels) == [["b", "worker"]])
    }

    @Test("makes up for values that are missing and drops those that are too many")
    func labelCount() {
        let family = MetricRegistry().gauge(.gauge("g", help: "", labels: ["a", "b"]))
        family.labels("1").set(1)
        family.labels("1", "2", "3").set(2)
        #expect(family.samples.map(\.labels) == [["1", ""], ["1", "2"]])
    }

    @Test("runs collectors before each rendering")
    func collectors() {
        let registry = MetricRegistry()
        let gauge = registry.gauge(Self.depth)
        registry.onCollect { gauge.labels().add(1) }
        #expect(render(registry).hasSuffix("\ndepth 1\n"))
        #expect(render(registry).hasSuffix("\ndepth 2\n"))
    }

    @Test("reads gauges that are not kept at each rendering, and sorts them")
    func readGauges() {
        let registry = MetricRegistry()
        let names = Locked(["b", "a"])
        registry.gauge(.gauge("g", help: "", labels: ["name"])) {
            names.withLock { $0 }.map { GaugeReading(labels: [$0], value: 2) }
        }
        #expect(render(registry).hasSuffix("g{name=\"a\"} 2\ng{name=\"b\"} 2\n"))
        names.withLock { $0 = [] }
        #expect(!render(registry).contains("g{"))
        #expect(registry.definitions.map(\.name) == ["g"])
        registry.gauge(.counter("c_total", help: "")) { [] }
        registry.gauge(.gauge("g", help: "")) { [] }
        #expect(registry.problems.count == 2)
        #expect(registry.definitions.map(\.name) == ["g"])
    }

    @Test("leaves out what is declared wrongly and says so, and counting into it harms nobody")
    func problems() {
        let registry = MetricRegistry()
        registry.gauge(.gauge("bad name", help: "")).set(1)
        registry.gauge(.counter("a_total", help: "")).set(1)
        _ = registry.gauge(Self.depth)
        registry.counter(.counter("depth", help: "")).increment()
        registry.gauge(.gauge("depth", help: "Other.")).set(9)
        #expect(
            registry.problems == [
                "bad name: not a metric name", "a_total: is a counter, not a gauge",
                "depth: declared twice, differently", "depth: declared twice, differently",
            ])
        #expect(render(registry) == "# HELP depth Items that wait.\n# TYPE depth gauge\ndepth 0\n")
    }

    @Test("renders whole histograms while others observe and remove")
    func concurrency() async {
        let registry = MetricRegistry()
        let family = registry.histogram(Self.seconds)
        let counter = registry.counter(Self.requests)
        let rounds = 20_000
        await withTaskGroup { group in
            for worker in 0..<4 {
                group.addTask {
                    for round in 0..<rounds {
                        family.labels("a").observe(Double(round % 3))
                        counter.labels("200", "GET").increment()
                        counter.labels("gone", "\(worker)").increment()
                        if round % 1000 == 0 { counter.remove { $0[0] == "gone" } }
                    }
                }
            }
            group.addTask {
                var last: UInt64 = 0
                while last < UInt64(4 * rounds) {
                    _ = registry.render()
                    guard case .histogram(let reading) = family.labels("a").reading else { return }
                    let total = reading.counts.reduce(0, +)
                    #expect(total >= last)
                    // Of three observations one is 0, one 1 and one 2; a torn sum would be off by more.
                    #expect(abs(reading.sum - Double(total)) <= 8)
                    last = total
                    await Task.yield()
                }
            }
        }
        #expect(counter.labels("200", "GET").value == Double(4 * rounds))
    }
}
