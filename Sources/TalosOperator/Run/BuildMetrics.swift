// SPDX-License-Identifier: Apache-2.0
import Observability

/// What runs here, as a metric: an alert or a dashboard finds the operators, and their versions, by it.
enum BuildMetrics {
    static let info = MetricDefinition.gauge(
        "talos_operator_build_info", help: "1, for the version of the program.", labels: ["version"])

    /// Every family of this table.
    static let definitions = [info]

    static func register(in registry: MetricRegistry) {
        registry.gauge(info).labels(Version.current).set(1)
    }
}
