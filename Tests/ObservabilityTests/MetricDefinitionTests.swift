// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Observability

@Suite("Metric definition")
struct MetricDefinitionTests {
    @Test(
        "knows metric names",
        arguments: [("a", true), ("_a:9", true), (":a", true), ("9a", false), ("", false)])
    func name(name: String, isValid: Bool) {
        #expect(MetricName.isValid(name) == isValid)
    }

    @Test(
        "knows label names",
        arguments: [
            ("a", true), ("_a9", true), ("a:b", false), ("__a", false), ("ä", false), ("9", false),
            ("", false),
        ])
    func label(name: String, isValid: Bool) {
        #expect(MetricName.isValidLabel(name) == isValid)
    }

    @Test("names every problem")
    func problems() {
        #expect(MetricDefinition.counter("ok_total", help: "", labels: ["a", "b"]).problems.isEmpty)
        let bad = MetricDefinition.histogram("a b", help: "", labels: ["le", "x-y", "le"], buckets: [1])
        #expect(
            bad.problems == [
                "a b: not a metric name", "a b: x-y is not a label name", "a b: a label is there twice",
                "a b: le is the histogram's own label",
            ])
    }

    @Test("puts buckets in order and drops what is none")
    func buckets() {
        let definition = MetricDefinition.histogram("h", help: "", buckets: [2, 1, .infinity, 2, .nan, 0.5])
        #expect(definition.buckets == [0.5, 1, 2])
    }

    @Test("multiplies exponential buckets as client_golang does")
    func exponential() {
        let text = Buckets.exponential(from: 1e-8, factor: 10, count: 12).map(MetricNumber.text)
        #expect(
            text == [
                "1e-08", "1e-07", "1e-06", "9.999999999999999e-06", "9.999999999999999e-05",
                "0.001", "0.01", "0.1", "1", "10", "100", "1000",
            ])
        #expect(Buckets.exponential(from: 1, factor: 2, count: -1).isEmpty)
    }
}
