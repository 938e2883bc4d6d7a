// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ControllerRuntime
import Glibc
import HTTP
import Kubernetes
import Observability
import Platform

/// Every part of the operator, made once and handed to those that need it; bottom up, as the data flows.
struct OperatorParts {
    let settings: Settings
    let clock: any Clock = SystemClock()
    let random: RandomFraction = { Double.random(in: 0..<1) }
    let logger: Logger

    let registry = MetricRegistry()
    let runtimeMetrics: RuntimeMetrics
    let checks: HealthChecks
    let reachability: APIReachability

    let connection: APIConnection
    let fence: WriteFence?
    let client: KubernetesClient

    let clusters: (store: Store<KubernetesCluster>, writers: [StoreWriter<KubernetesCluster>])
    let machines: (store: Store<Machine>, writers: [StoreWriter<Machine>])
    /// Nil unless configurations are to be made.
    let configCaches: ConfigCaches?
    /// Nil unless configurations are to be made.
    let lifecycle: LifecycleConnections?
    let recorder: EventRecorder
    let clusterMetrics: ClusterMetrics
    let queue: WorkQueue
    let reconciler: KubernetesClusterReconciler

    /// - Throws: `Operator.StartError` that names what to correct.
    init(
        _ settings: Settings, environment: [String: String], logger: Logger
    ) throws(Operator.StartError) {
        self.settings = settings
        self.logger = logger
        runtimeMetrics = RuntimeMetrics(registry, clock: clock)
        ProcessMetrics.register(in: registry)
        BuildMetrics.register(in: registry)
        ServedCertificate.declareMetrics(in: registry)
        checks = HealthChecks(logger: logger)
        reachability = APIReachability(clock: clock)

        connection = try Operator.StartError.wrapping { () throws(ConfigurationError) in
            try APIConnection(
                settings, environment: environment, fieldManager: APINames.fieldManager, clock: SystemClock(),
                logger: logger)
        }
        let isElecting = settings.leaderElect ?? connection.isInCluster
        fence = isElecting ? WriteFence(clock: clock) : nil
        let (count, reachability) = (runtimeMetrics.requestObserver, reachability)
        client = connection.client(fence: fence) { request in
            count(request)
            reachability.observe(request)
        }

        clusters = Store.make(namespaces: settings.watchNamespaces)
        machines = Store.make(namespaces: settings.watchNamespaces)
        recorder = EventRecorder(
            client: client, source: EventSource(component: APINames.fieldManager, instance: HostName.current),
            clock: clock, random: random, logger: logger, dropped: runtimeMetrics.eventsDropped)
        let fence = fence
        let queue = WorkQueue(
            clock: clock, observer: runtimeMetrics.workQueueObserver(name: ClusterMetrics.controllerName))
        self.queue = queue
        configCaches =
            settings.configManagement
            ? ConfigCaches(settings, home: connection.configuration.namespace, clock: clock) { queue.add($0) }
            : nil
        lifecycle =
            settings.configManagement
            ? try Operator.StartError.wrapping { () throws(TransportError) in
                try LifecycleConnections(settings, fence: fence, clock: SystemClock(), logger: logger) {
                    queue.add($0)
                }
            } : nil
        clusterMetrics = ClusterMetrics(
            registry, clusters: clusters.store, secrets: configCaches?.secrets.store
        ) { fence?.allowsWrites ?? true }
        let (path, observer) = (settings.resultsPath, clusterMetrics.manifestObserver)
        let manifests = try Operator.StartError.wrapping { () throws(SystemThread.StartError) in
            try ManifestStore(path: path, observe: observer)
        }
        reconciler = KubernetesClusterReconciler(
            clusters: MutationCache(clusters.store, clock: clock),
            machines: MutationCache(machines.store, clock: clock), client: client, manifests: manifests,
            events: recorder, metrics: clusterMetrics, logger: logger, clock: clock,
            interval: settings.reconcileInterval, config: configCaches?.management,
            lifecycle: lifecycle?.management)
    }
}

extension OperatorParts {
    /// The manager of all parts, its servers listening already.
    ///
    /// - Throws: `Operator.StartError` if a port is taken or an election setting makes no sense.
    func manager() throws(Operator.StartError) -> Manager {
        var parts = Manager.Parts()
        parts.servers = try servers()
        parts.caches = caches()
        parts.background = [Runnable(recorder)]
        if let configCaches { parts.background.append(Runnable(configCaches.generator)) }
        parts.elector = try elector()
        parts.controllers = [Runnable(controller())]
        if let lifecycle {
            // With the lease they end at once: whoever leads then asks anew.
            parts.controllers.append(Runnable(name: "long calls") { await lifecycle.longCalls.run() })
        }
        let manager = Manager(
            parts, gracePeriod: settings.gracePeriod, clock: clock, logger: logger,
            abandon: { outcome in _exit(outcome.exitCode) })
        addChecks(manager, parts.elector)
        return manager
    }

    private func servers() throws(Operator.StartError) -> [Runnable] {
        var servers: [Runnable] = []
        if let address = settings.healthProbeBindAddress {
            servers.append(try started("probe server", Endpoints.probes(checks, on: address)))
        }
        if let address = settings.metricsBindAddress {
            let authorizer = metricsAuthorizer()
            let server = Endpoints.metrics(
                registry, on: address, certificate: try metricsCertificate(), authorizer: authorizer)
            servers.append(try started("metrics server", server))
            if let authorizer {
                servers.append(Runnable(name: "metrics authorizer") { await authorizer.run() })
            }
        }
        return servers
    }

    private func metricsAuthorizer() -> TokenAuthorizer? {
        guard settings.metricsAuthorization else { return nil }
        return TokenAuthorizer(
            clock: clock, logger: logger, review: TokenAuthorizer.reviews(by: client, path: "/metrics"))
    }

    private func metricsCertificate() throws(Operator.StartError) -> ServerCertificate? {
        guard settings.metricsSecure else { return nil }
        let directory = settings.metricsCertPath
        let paths = KeyPairPaths(
            certificate: "\(directory)/\(settings.metricsCertName)",
            key: "\(directory)/\(settings.metricsCertKey)")
        do throws(CertificateError) {
            return try ServedCertificate.load(
                "metrics", paths, clock: clock, registry: registry, logger: logger)
        } catch {
            throw Operator.StartError(description: "--metrics-cert-path: \(error)")
        }
    }

    private func started(_ name: String, _ server: HTTPServer) throws(Operator.StartError) -> Runnable {
        try Operator.StartError.wrapping { () throws(HTTPServerError) in try server.start() }
        logger.info("Listening", ["server": .string(name), "port": .integer(Int64(server.boundPort ?? 0))])
        return Runnable(name, server)
    }

    private func caches() -> [CacheRunnable] {
        let selection = ObjectSelection(labelSelector: settings.watchLabelSelector)
        return clusters.writers.map { writer in
            cache(writer, selection, KubernetesClusterReconciler.clusterHandler(queue))
        } + machines.writers.map { cache($0, ObjectSelection(), reconciler.machineHandler(queue)) }
            + (configCaches.map(caches) ?? [])
    }

    /// What configurations are made of, and what they are kept in; told from all other Secrets by labels.
    private func caches(_ config: ConfigCaches) -> [CacheRunnable] {
        let own = ObjectSelection(labelSelector: APINames.clusterNameLabel)
        let layers = ObjectSelection(labelSelector: APINames.layerLabel)
        return config.secrets.writers.map { writer in
            cache(writer, own, reconciler.secretHandler(queue), pageSize: ConfigCaches.pageSize)
        }
            + config.layerSecrets.writers.map { writer in
                cache(
                    writer, layers, reconciler.layerSecretHandler(queue), name: "layer-secrets",
                    pageSize: ConfigCaches.pageSize)
            }
            + config.layerConfigMaps.writers.map { writer in
                cache(
                    writer, layers, reconciler.layerConfigMapHandler(queue), pageSize: ConfigCaches.pageSize)
            }
    }

    private func cache<R: Resource>(
        _ writer: StoreWriter<R>, _ selection: ObjectSelection, _ handler: @escaping ChangeHandler<R>,
        name: String = R.definition.plural, pageSize: Int? = nil
    ) -> CacheRunnable {
        let name = writer.partition.isEmpty ? name : "\(name)/\(writer.partition)"
        var timing = ReflectorTiming.standard
        timing.pageSize = pageSize ?? timing.pageSize
        let reflector = Reflector(
            client: client, selection: selection, into: writer, handlers: [handler], timing: timing,
            clock: clock, random: random, logger: logger,
            observer: runtimeMetrics.reflectorObserver(name: name), name: name)
        runtimeMetrics.track(reflector)
        return CacheRunnable(reflector)
    }

    private func controller() -> Controller {
        let (name, workers) = (ClusterMetrics.controllerName, settings.maxConcurrentReconciles)
        runtimeMetrics.track(queue, name: name)
        return Controller(
            name: name, reconciler: reconciler, queue: queue, options: Controller.Options(workers: workers),
            clock: clock, random: random, logger: logger,
            observer: runtimeMetrics.controllerObserver(name: name, workers: workers)
                .and(clusterMetrics.controllerObserver))
    }

    private func elector() throws(Operator.StartError) -> LeaderElector? {
        guard let fence else { return nil }
        let name = LeaseName.name(
            labelSelector: settings.watchLabelSelector, namespaces: settings.watchNamespaces)
        let namespace = settings.leaderElectionNamespace
        let key = ObjectKey(
            namespace: namespace.isEmpty ? connection.configuration.namespace : namespace, name: name)
        let settings = settings
        let election = try Operator.StartError.wrapping { () throws(LeaderElectionSettings.Problem) in
            try LeaderElectionSettings(
                key: key, identity: "\(HostName.current)_\(Random.uuid())",
                leaseDuration: settings.leaseDuration,
                renewDeadline: settings.renewDeadline, retryPeriod: settings.retryPeriod)
        }
        // A connection of its own: renewals must not wait behind other requests.
        return LeaderElector(
            election, client: connection.client(observe: runtimeMetrics.requestObserver), fence: fence,
            clock: clock, random: random, logger: logger, observer: runtimeMetrics.electorObserver(name: name)
        )
    }

    private func addChecks(_ manager: Manager, _ elector: LeaderElector?) {
        checks.add("caches-synced", to: .readiness) { manager.cachesSynced }
        checks.add("api-reachable", to: .readiness) { [reachability] in reachability.health }
        checks.add("not-stopping", to: .readiness) { manager.notStopping }
        checks.add("ping", to: .liveness) { .healthy }
        guard let elector else { return }
        checks.add("leader-election", to: .liveness) { elector.watchdog }
        checks.add("leader-election", to: .readiness) { elector.readiness }
    }
}

extension Operator.StartError {
    /// Runs `body` and puts its error into words.
    static func wrapping<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Operator.StartError) -> Result {
        do {
            return try body()
        } catch {
            throw Operator.StartError(description: String(describing: error))
        }
    }
}

/// The name of this machine or pod.
enum HostName {
    static var current: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "unknown" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The name of the Lease: operators that care for different clusters must not exclude each other.
enum LeaseName {
    /// `talos-operator`, and a digest of what is watched unless that is everything.
    static func name(labelSelector: String, namespaces: [String]) -> String {
        let scope = ([labelSelector] + namespaces.sorted()).joined(separator: "\n")
        guard !labelSelector.isEmpty || !namespaces.isEmpty else { return APINames.fieldManager }
        return "\(APINames.fieldManager)-\(Digest.hexadecimal(of: scope.utf8))"
    }
}
