// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import ControllerRuntime
import HTTP
import Observability
import Platform
import TestSupport
import Testing

@testable import TalosOperator

@Suite("The parts of the operator")
struct OperatorPartsTests {
    private let directory: TemporaryDirectory
    private let sink = RecordingLogSink()
    private let kubeconfig: String

    init() throws {
        directory = try TemporaryDirectory()
        kubeconfig = "\(directory.path)/kubeconfig"
        // Nothing listens there, and nothing is asked before the operator runs.
        let text = """
            apiVersion: v1
            kind: Config
            current-context: c
            clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
            contexts: [{name: c, context: {cluster: c, user: u, namespace: home}}]
            users: [{name: u, user: {}}]
            """
        try FileSystem.replace(kubeconfig, with: Array(text.utf8))
    }

    private var settings: Settings {
        var settings = Settings()
        settings.kubeconfig = kubeconfig
        settings.resultsPath = "\(directory.path)/results"
        settings.metricsBindAddress = BindAddress(parsing: "127.0.0.1:0")
        settings.healthProbeBindAddress = nil
        return settings
    }

    private var logger: Logger {
        Logger(sink: sink, level: .debug, format: .json, clock: ManualClock())
    }

    private func parts(_ settings: Settings) throws -> OperatorParts {
        try OperatorParts(settings, environment: [:], logger: logger)
    }

    private func page(_ parts: OperatorParts) -> [Substring] {
        String(decoding: parts.registry.render(), as: UTF8.self).split(separator: "\n")
    }

    @Test("a kubeconfig that is missing is named")
    func missingKubeconfig() throws {
        var settings = settings
        settings.kubeconfig = "/nowhere/kubeconfig"
        let error = #expect(throws: Operator.StartError.self) { try parts(settings) }
        #expect(error?.description.contains("/nowhere/kubeconfig") == true, "\(String(describing: error))")
    }

    @Test("a kubeconfig that is none is named, and its content is not told")
    func brokenKubeconfig() throws {
        try FileSystem.replace(kubeconfig, with: Array("users: [{token: hush".utf8))
        let error = #expect(throws: Operator.StartError.self) { try parts(settings) }
        #expect(error?.description.contains(kubeconfig) == true, "\(String(describing: error))")
        #expect(error?.description.contains("hush") == false)
    }

    @Test("a port that is taken is named")
    func takenPort() async throws {
        let taken = HTTPServer(
            HTTPServerConfiguration(address: try #require(BindAddress(parsing: "127.0.0.1:0")))
        ) { _ in .text(200, "") }
        try taken.start()
        let port = try #require(taken.boundPort)
        var settings = settings
        settings.metricsBindAddress = BindAddress(parsing: "127.0.0.1:\(port)")
        let parts = try parts(settings)
        let error = #expect(throws: Operator.StartError.self) { try parts.manager() }
        #expect(error?.description.contains("127.0.0.1:\(port)") == true, "\(String(describing: error))")
        await taken.stop()
    }

    @Test("a certificate that is missing is named, with the flag that leads to it")
    func missingCertificate() throws {
        var settings = settings
        settings.metricsSecure = true
        settings.metricsCertPath = "\(directory.path)/certificates"
        let parts = try parts(settings)
        let error = #expect(throws: Operator.StartError.self) { try parts.manager() }
        let text =
            "--metrics-cert-path: cannot read \(settings.metricsCertPath)/tls.crt: No such file or directory"
        #expect(error?.description == "\(text) (ENOENT)")
    }

    @Test("nothing is made below the results path before there is a cluster")
    func resultsPath() throws {
        _ = try parts(settings).manager()
        #expect(throws: FileError.self) { try FileSystem.list(settings.resultsPath) }
    }

    @Test("outside a cluster it works alone unless told otherwise")
    func election() throws {
        var settings = settings
        #expect(try parts(settings).fence == nil)
        settings.leaderElect = true
        let electing = try parts(settings)
        #expect(electing.fence != nil)
        _ = try electing.manager()
        #expect(page(electing).contains("leader_election_master_status{name=\"talos-operator\"} 0"))
    }

    @Test("each watched namespace has a reflector of its own for both kinds")
    func namespaces() throws {
        var settings = settings
        settings.watchNamespaces = ["a", "b"]
        let parts = try parts(settings)
        _ = try parts.manager()
        for name in [
            "kubernetesclusters/a", "kubernetesclusters/b", "machines/a", "machines/b",
        ] {
            #expect(page(parts).contains("reflector_lists_total{name=\"\(name)\"} 0"), "\(name)")
        }
    }

    @Test("before the first list it is alive and not ready, and says what it waits for")
    func probes() throws {
        let parts = try parts(settings)
        _ = try parts.manager()
        #expect(parts.checks.report(path: "/healthz")?.statusCode == 200)
        let readiness = try #require(parts.checks.report(path: "/readyz", query: [("verbose", "")]))
        #expect(readiness.statusCode == 500)
        #expect(readiness.body.contains("[-]caches-synced"))
        #expect(readiness.body.contains("[+]not-stopping"))
        #expect(!readiness.body.contains("leader-election"))
    }

    @Test("it stops cleanly although the API server was never there")
    func unreachable() async throws {
        var settings = settings
        settings.watchNamespaces = ["a", "b"]
        // When that is over the program ends itself, here with all other tests, and it may be on a busy machine.
        settings.gracePeriod = .seconds(86_400)
        let program = try Operator(settings, environment: [:], logger: logger)
        #expect(await program.run(until: {}) == 0)
        let messages = sink.lines.filter { $0.contains("\"message\":\"St") }
        #expect(messages.first?.contains("\"version\":\"\(Version.current)\"") == true)
        #expect(messages.last?.contains("\"message\":\"Stopped\"") == true)
    }

    @Test("every family of the tables is on the first page, and none besides")
    func families() throws {
        let parts = try parts(settings)
        _ = try parts.manager()
        #expect(parts.registry.problems == [])
        let tables =
            ClusterMetricTable.definitions + BuildMetrics.definitions + RuntimeMetricTable.all
            + CertificateMetricTable.definitions
            + ProcessMetrics.definitions
        let expected = tables.map { "# TYPE \($0.name) \($0.kind.rawValue)" }.sorted()
        #expect(page(parts).filter { $0.hasPrefix("# TYPE ") }.map(String.init).sorted() == expected)
    }

    @Test("the series whose labels are known are there at zero before anything has happened")
    func zeros() throws {
        let parts = try parts(settings)
        _ = try parts.manager()
        let counts = page(parts).filter { line in
            !line.hasPrefix("#") && !line.contains("_bucket{") && !line.hasPrefix("process_")
                && !line.hasPrefix("reflector_")
        }
        let halts = counts.filter { $0.hasPrefix("talos_operator_lifecycle_halts_total{") }
        #expect(halts.count == HaltReason.allCases.count && halts.allSatisfy { $0.hasSuffix(" 0") })
        let controller = "controller=\"KubernetesCluster\""
        let short = counts.filter { !halts.contains($0) }.map { line in
            String(line).replacing("name=\"KubernetesCluster\",\(controller)", with: "N,C")
                .replacing(controller, with: "C")
        }
        #expect(short == Self.firstPage)
    }

    /// The first page of metrics, without buckets, reflectors and the process itself; the labels of the
    /// controller and of its queue are cut out.
    private static let firstPage = """
        controller_runtime_active_workers{C} 0
        controller_runtime_max_concurrent_reconciles{C} 1
        controller_runtime_reconcile_errors_total{C} 0
        controller_runtime_reconcile_panics_total{C} 0
        controller_runtime_reconcile_time_seconds_sum{C} 0
        controller_runtime_reconcile_time_seconds_count{C} 0
        controller_runtime_reconcile_timeouts_total{C} 0
        controller_runtime_reconcile_total{C,result="error"} 0
        controller_runtime_reconcile_total{C,result="requeue"} 0
        controller_runtime_reconcile_total{C,result="requeue_after"} 0
        controller_runtime_reconcile_total{C,result="success"} 0
        controller_runtime_terminal_reconcile_errors_total{C} 0
        event_recorder_dropped_total 0
        talos_operator_build_info{version="\(Version.current)"} 1
        talos_operator_clusters_total{phase="Deleting"} 0
        talos_operator_clusters_total{phase="Failed"} 0
        talos_operator_clusters_total{phase="Pending"} 0
        talos_operator_clusters_total{phase="Provisioning"} 0
        talos_operator_clusters_total{phase="Running"} 0
        talos_operator_file_operations_total{operation="create",status="error"} 0
        talos_operator_file_operations_total{operation="create",status="success"} 0
        talos_operator_file_operations_total{operation="delete",status="error"} 0
        talos_operator_file_operations_total{operation="delete",status="success"} 0
        talos_operator_file_operations_total{operation="update",status="error"} 0
        talos_operator_file_operations_total{operation="update",status="success"} 0
        talos_operator_reconciliation_duration_seconds_sum{C} 0
        talos_operator_reconciliation_duration_seconds_count{C} 0
        talos_operator_reconciliation_errors_total{C,error_type="APIError"} 0
        talos_operator_reconciliation_errors_total{C,error_type="FileSystemError"} 0
        talos_operator_reconciliation_errors_total{C,error_type="MachineCreationError"} 0
        talos_operator_reconciliation_errors_total{C,error_type="OwnerReferenceError"} 0
        talos_operator_reconciliation_errors_total{C,error_type="Timeout"} 0
        talos_operator_reconciliation_errors_total{C,error_type="ValidationError"} 0
        workqueue_adds_total{N,C} 0
        workqueue_depth{N,C,priority=""} 0
        workqueue_longest_running_processor_seconds{N,C} 0
        workqueue_queue_duration_seconds_sum{N,C} 0
        workqueue_queue_duration_seconds_count{N,C} 0
        workqueue_retries_total{N,C} 0
        workqueue_unfinished_work_seconds{N,C} 0
        workqueue_work_duration_seconds_sum{N,C} 0
        workqueue_work_duration_seconds_count{N,C} 0
        """.split(separator: "\n").map(String.init)
}
