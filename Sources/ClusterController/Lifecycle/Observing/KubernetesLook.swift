// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import TalosAPI

/// What was seen through a cluster's own Kubernetes API.
struct KubernetesFacts: Sendable {
    var observation = KubernetesObservation()
    /// The pods of Kubernetes' own components, on all nodes.
    var pods: [WorkloadPod] = []
}

/// A look at the Kubernetes of a cluster: a handful of requests.
struct KubernetesLook: Sendable {
    let workloads: WorkloadClusters

    /// Looks at everything, and counts the pods on nodes that are being emptied.
    func look(at cluster: ManagedCluster, emptying nodes: [String]) async -> KubernetesFacts {
        var facts: KubernetesFacts
        do throws(APIError) {
            facts = try await ask(try workloads.cluster(cluster), nodes)
        } catch {
            facts = KubernetesFacts()
            facts.observation.problem = "\(error)".bounded
        }
        for (name, blockers) in workloads.blockers(of: cluster.key, whileEmptying: nodes) {
            facts.observation.nodes[name]?.blockers = blockers
        }
        return facts
    }

    private func ask(
        _ cluster: WorkloadCluster, _ emptied: [String]
    ) async throws(APIError) -> KubernetesFacts {
        var facts = KubernetesFacts()
        for node in try await cluster.nodes() {
            facts.observation.nodes[node.metadata.name] = node.observation
        }
        for name in emptied {
            facts.observation.nodes[name]?.evictablePods = try await cluster.evictablePods(on: name).count
        }
        facts.pods = try await cluster.componentPods()
        facts.observation.lowestVersions = lowestVersions(facts)
        facts.observation.addonsProblem = try await cluster.addonsProblem()
        facts.observation.problem = nil
        return facts
    }

    /// A component of which one pod tells no version has none: it must not count as upgraded.
    private func lowestVersions(_ facts: KubernetesFacts) -> [KubernetesComponent: Release] {
        var versions: [KubernetesComponent: [Release?]] = [:]
        for pod in facts.pods where !pod.isFinished {
            guard let component = pod.component else { continue }
            versions[component, default: []].append(
                pod.componentImage.flatMap { ImageReference($0).release })
        }
        for node in facts.observation.nodes.values {
            versions[.kubelet, default: []].append(node.kubeletVersion)
        }
        return versions.compactMapValues { releases in
            releases.contains(nil) ? nil : releases.compactMap(\.self).min()
        }
    }
}

extension NodeFacts {
    /// What is known of the components as they run on this node.
    func components(_ name: String, _ kubernetes: KubernetesFacts) -> [KubernetesComponent: ComponentState] {
        var states: [KubernetesComponent: ComponentState] = [:]
        for pod in kubernetes.pods where pod.node == name && !pod.isFinished && !pod.metadata.isBeingDeleted {
            guard let component = pod.component, component != .kubelet else { continue }
            states[component] = ComponentState(
                version: pod.componentImage.flatMap { ImageReference($0).release }, isReady: pod.isReady,
                isCurrent: isCurrent(pod, component))
        }
        if let node = kubernetes.observation.nodes[name] {
            let isStarted = observation.kubeletService?.isWell == true
            let wanted = configs[.kubelet].flatMap { ImageReference($0.image).release }
            states[.kubelet] = ComponentState(
                version: node.kubeletVersion, isReady: node.isReady && isStarted,
                isCurrent: wanted != nil && wanted == node.kubeletVersion
                    && configs[.kubelet]?.image == observation.images[.kubelet])
        }
        return states
    }

    /// A static pod says which version of its configuration it was made from; kube-proxy is one image for all.
    private func isCurrent(_ pod: WorkloadPod, _ component: KubernetesComponent) -> Bool {
        if component == .proxy { return pod.componentImage == observation.images[.proxy] }
        guard let config = configs[component] else { return false }
        return pod.configVersion == config.version && config.image == observation.images[component]
    }
}
