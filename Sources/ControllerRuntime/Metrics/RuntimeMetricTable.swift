// SPDX-License-Identifier: Apache-2.0
package import Observability

/// Every metric of the runtime; names, labels and buckets are those of controller-runtime and client-go.
package enum RuntimeMetricTable {
    static let reconciles = MetricDefinition.counter(
        "controller_runtime_reconcile_total", help: "Reconciles, by result.",
        labels: ["controller", "result"])
    static let reconcileErrors = MetricDefinition.counter(
        "controller_runtime_reconcile_errors_total", help: "Reconciles that failed.", labels: ["controller"])
    static let terminalErrors = MetricDefinition.counter(
        "controller_runtime_terminal_reconcile_errors_total",
        help: "Reconciles that failed in a way that another try cannot mend.", labels: ["controller"])
    static let panics = MetricDefinition.counter(
        "controller_runtime_reconcile_panics_total",
        help: "Reconciles that panicked; always 0, since a crash here ends the process.",
        labels: ["controller"])
    static let timeouts = MetricDefinition.counter(
        "controller_runtime_reconcile_timeouts_total",
        help: "Reconciles cancelled at their time limit.", labels: ["controller"])
    static let reconcileTime = MetricDefinition.histogram(
        "controller_runtime_reconcile_time_seconds", help: "How long a reconcile takes.",
        labels: ["controller"], buckets: reconcileBuckets)
    static let maxConcurrent = MetricDefinition.gauge(
        "controller_runtime_max_concurrent_reconciles", help: "Workers of a controller.",
        labels: ["controller"])
    static let activeWorkers = MetricDefinition.gauge(
        "controller_runtime_active_workers", help: "Workers that are reconciling.", labels: ["controller"])

    static let queueDepth = MetricDefinition.gauge(
        "workqueue_depth", help: "Keys waiting for a worker.", labels: ["name", "controller", "priority"])
    static let queueAdds = MetricDefinition.counter(
        "workqueue_adds_total", help: "Keys added to a queue.", labels: ["name", "controller"])
    static let queueRetries = MetricDefinition.counter(
        "workqueue_retries_total", help: "Keys added again after a failure.", labels: ["name", "controller"])
    static let queueDuration = MetricDefinition.histogram(
        "workqueue_queue_duration_seconds", help: "How long a key waits for a worker.",
        labels: ["name", "controller"], buckets: queueBuckets)
    static let workDuration = MetricDefinition.histogram(
        "workqueue_work_duration_seconds", help: "How long a worker has a key.",
        labels: ["name", "controller"], buckets: queueBuckets)
    static let unfinishedWork = MetricDefinition.gauge(
        "workqueue_unfinished_work_seconds", help: "The time spent so far on keys in work, added up.",
        labels: ["name", "controller"])
    static let longestRunning = MetricDefinition.gauge(
        "workqueue_longest_running_processor_seconds",
        help: "The time spent so far on the oldest key in work.",
        labels: ["name", "controller"])

    static let requests = MetricDefinition.counter(
        "rest_client_requests_total",
        help: "Requests to the API server; the code is <error> without a response.",
        labels: ["code", "method", "host"])
    static let requestDuration = MetricDefinition.histogram(
        "rest_client_request_duration_seconds",
        help: "How long a request takes; of a watch, until it is open.",
        labels: ["verb", "host"], buckets: requestBuckets)

    static let leading = MetricDefinition.gauge(
        "leader_election_master_status", help: "1 while this process leads, otherwise 0.", labels: ["name"])
    static let slowPath = MetricDefinition.counter(
        "leader_election_slowpath_total", help: "Renewals that had to read the lease first.", labels: ["name"]
    )

    static let lists = MetricDefinition.counter(
        "reflector_lists_total", help: "Lists that ended well.", labels: ["name"])
    static let listDuration = MetricDefinition.histogram(
        "reflector_list_duration_seconds", help: "How long a list takes, all pages together.",
        labels: ["name"], buckets: requestBuckets)
    static let itemsPerList = MetricDefinition.histogram(
        "reflector_items_per_list", help: "Objects in a list.", labels: ["name"], buckets: itemBuckets)
    static let watches = MetricDefinition.counter(
        "reflector_watches_total", help: "Watches that have ended.", labels: ["name"])
    static let shortWatches = MetricDefinition.counter(
        "reflector_short_watches_total", help: "Watches that ended within a second without an event.",
        labels: ["name"])
    static let watchDuration = MetricDefinition.histogram(
        "reflector_watch_duration_seconds", help: "How long a watch lasts.", labels: ["name"],
        buckets: watchBuckets)
    static let itemsPerWatch = MetricDefinition.histogram(
        "reflector_items_per_watch", help: "Events in a watch.", labels: ["name"], buckets: itemBuckets)
    static let lastVersion = MetricDefinition.gauge(
        "reflector_last_resource_version",
        help: "The version up to which the store is true; its last 15 digits.",
        labels: ["name"])
    static let relists = MetricDefinition.counter(
        "reflector_relists_total", help: "Lists after the first, by what made them necessary.",
        labels: ["name", "reason"])
    static let undecodable = MetricDefinition.counter(
        "reflector_undecodable_total", help: "Objects and events that could not be read.", labels: ["name"])
    static let staleEvents = MetricDefinition.counter(
        "reflector_stale_events_total", help: "Events that told nothing new.", labels: ["name"])
    static let lastEventAge = MetricDefinition.gauge(
        "reflector_last_event_age_seconds", help: "The time since the last event, bookmark or list.",
        labels: ["name"])

    static let eventsDropped = MetricDefinition.counter(
        "event_recorder_dropped_total", help: "Events about objects that were not published.")

    /// The whole table.
    package static let all: [MetricDefinition] = [
        reconciles, reconcileErrors, terminalErrors, panics, timeouts, reconcileTime, maxConcurrent,
        activeWorkers, queueDepth, queueAdds, queueRetries, queueDuration, workDuration, unfinishedWork,
        longestRunning, requests, requestDuration, leading, slowPath, lists, listDuration, itemsPerList,
        watches, shortWatches, watchDuration, itemsPerWatch, lastVersion, relists, undecodable, staleEvents,
        lastEventAge, eventsDropped,
    ]

    private static let reconcileBuckets: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
        1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
    ]
    private static let queueBuckets = Buckets.exponential(from: 1e-8, factor: 10, count: 12)
    private static let requestBuckets: [Double] = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]
    private static let itemBuckets = Buckets.exponential(from: 1, factor: 4, count: 9)
    private static let watchBuckets: [Double] = [1, 10, 60, 120, 180, 240, 300]
}
