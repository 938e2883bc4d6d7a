// SPDX-License-Identifier: Apache-2.0
package import ControllerRuntime
package import Kubernetes
package import Observability
package import Platform

/// Makes of each KubernetesCluster its Machines, their manifests and a status.
package struct KubernetesClusterReconciler: Reconciler {
    static let finalizer = Finalizer(APINames.finalizer)

    let clusters: MutationCache<KubernetesCluster>
    let machines: MutationCache<Machine>
    let client: KubernetesClient
    let manifests: ManifestStore
    let events: EventRecorder
    let metrics: ClusterMetrics
    let logger: Logger
    let clock: any Clock
    /// How long after one look at a cluster comes the next, event or not.
    let interval: Duration
    /// Nil unless the operator was started to make configurations.
    let config: ConfigManagement?
    /// Nil unless the operator was started to manage the lives of clusters.
    let lifecycle: LifecycleManagement?
    let memory = ClusterMemory()

    package init(
        clusters: MutationCache<KubernetesCluster>, machines: MutationCache<Machine>,
        client: KubernetesClient,
        manifests: ManifestStore, events: EventRecorder, metrics: ClusterMetrics, logger: Logger,
        clock: any Clock, interval: Duration, config: ConfigManagement? = nil,
        lifecycle: LifecycleManagement? = nil
    ) {
        self.clusters = clusters
        self.machines = machines
        self.client = client
        self.manifests = manifests
        self.events = events
        self.metrics = metrics
        self.logger = logger.with(["controller": .string(ClusterMetrics.controllerName)])
        self.clock = clock
        self.interval = interval
        self.config = config
        self.lifecycle = lifecycle
    }

    /// The specification's workflow, step by step in its order.
    ///
    /// One departure: deletion, its last step, is looked at first, so that a cluster whose specification is invalid
    /// can be deleted too. On a healthy server a new cluster costs a request for each Machine and two more: finalizer
    /// and status. A cluster in which nothing changed costs none.
    package func reconcile(_ key: ObjectKey) async throws(ReconcileError) -> ReconcileResult {
        guard var cluster = clusters.get(key) else {
            try await cleanUpAfterLoss(of: key)
            return .done
        }
        // 7. Deletion handling
        if cluster.metadata.isBeingDeleted { return try await cleanUp(cluster) }

        let owned = machines.list(ownedBy: cluster.metadata.uid)
        let before = ClusterMemory.Fingerprint(cluster, owned, configState(of: cluster))
        let isSettled = await isSettled(cluster, before)
        let early = isSettled ? try await lookAgain(&cluster, owned) : nil
        if isSettled, early == nil { return nextLookAtRest(key) }

        // 1. Resource validation
        var outcome = ClusterOutcome(machines: owned)
        var spec = try await validate(cluster, owned, &outcome)

        // 2. Finalizer management, before there is anything to clean up
        let known = cluster
        cluster = try await addFinalizer(to: cluster)

        // 3. Machine generation; where the specification asks for configurations, these come first
        let config = try await configure(&cluster, &spec, owned)
        if config.isPending { return .requeue(after: interval) }
        outcome.config = config.outcome
        let desired = MachineBuilder(cluster, spec, configs: config.references).machines()
        let plan = MachinePlan(
            desired, clusterName: spec.clusterName, owned: owned, withheld: config.withheld,
            keepsSurplus: spec.management == .full, find: machines.get,
            record: { [records = memory.records(of: key)] in records[$0] })
        if plan.createsOrDeletes, cluster.metadata == known.metadata { try await confirm(known) }
        let results = await carryOut(plan, for: cluster)
        if let conflict = results.conflict { throw conflict }
        outcome.take(results, desired, machines.list(ownedBy: cluster.metadata.uid))
        let leftError = await removeLeftConfigs(of: cluster, spec)

        // 4. File generation
        let fileError = await writeManifests(desired, plan, spec, cluster, &outcome)

        // 5. Owner reference: MachineBuilder has set it in every Machine, MachinePlan has heeded those of others.

        // The cluster's life, where it is the operator's to manage: nodes, etcd, versions
        let subject = LifecycleSubject(spec, configs: config.nodeConfigs)
        let life = try await carryOn(&cluster, subject, early)
        if life.isPending { return .requeue(after: interval) }
        outcome.take(life, machines.list(ownedBy: cluster.metadata.uid))

        // 6. Status update
        let isReported = try await report(StatusReport(cluster, outcome, at: clock.timestamp), outcome)

        if let error = config.error ?? results.error ?? leftError ?? fileError ?? life.error { throw error }
        if isReported { log("Successfully reconciled cluster", results, of: key) }
        if plan.isSettled, !isReported, life.isQuiet {
            memory.settle(key, in: before)
            rest(subject, life, key)
        }
        return nextLook(at: key, life)
    }
}
