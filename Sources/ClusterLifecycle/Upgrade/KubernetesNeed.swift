// SPDX-License-Identifier: Apache-2.0
import PKI
import Talos

/// What the upgrade of Kubernetes has to do in a cluster, as far as it can be seen now.
package struct KubernetesNeed: Sendable {
    /// What can be done.
    package enum Verdict: Sendable, Hashable {
        case possible
        /// Not yet, and why.
        case wait(String)
        /// There is no way, and why.
        case refused(String)
    }

    /// The components that each control-plane node has, in the order in which they are upgraded.
    static let controlPlane: [KubernetesComponent] = [.apiServer, .controllerManager, .scheduler]

    private let context: FlowContext
    let target: Release
    /// The nodes that are part of the cluster and stay in it, the control plane first.
    let nodes: [DesiredNode]

    package init(_ context: FlowContext) {
        self.context = context
        target = context.desired.kubernetes
        nodes = NodeRole.allCases.flatMap { context.nodes($0) }.filter { context.isPart($0) }
    }

    /// The nodes that are known to run another version of a component than they are to, in order.
    package func pending(_ component: KubernetesComponent) -> [DesiredNode] {
        nodes.filter { isPending(component, on: $0) }
    }

    /// Whether a node is known to run another version of a component than it is to.
    ///
    /// Of one that does not answer nothing is known, which is no reason to change anything.
    func isPending(_ component: KubernetesComponent, on node: DesiredNode) -> Bool {
        (component == .kubelet || node.role == .controlPlane)
            && context.observation(of: node.name).isConfigured
            && !isDone(component, on: node.name, at: target)
    }

    /// Whether nothing is known that has to be changed.
    package var isDone: Bool {
        !nodes.contains { node in KubernetesComponent.allCases.contains { isPending($0, on: node) } }
    }

    /// What it is approved by.
    package var digest: String {
        String(SHA256.hexadecimal(of: Array("kubernetes \(target)".utf8)).prefix(16))
    }

    /// For people; nil if there is nothing to do.
    package var summary: String? {
        if isDone { return nil }
        return "Kubernetes \(running.min().map { "\($0) to " } ?? "")\(target) on all nodes"
    }

    /// Whether a node's configuration names that release of a component; without kube-proxy there is none to name.
    func isConfigured(_ component: KubernetesComponent, on node: String, at release: Release) -> Bool {
        guard let image = context.observation(of: node).images[component] else {
            return component == .proxy || runs(component, on: node, release)
        }
        return KubernetesImage.release(of: image) == release
    }

    /// Whether a component of that release is configured, and what runs is ready and made from that configuration.
    ///
    /// kube-proxy comes with the manifests and is only configured here.
    func isDone(_ component: KubernetesComponent, on node: String, at release: Release) -> Bool {
        guard isConfigured(component, on: node, at: release) else { return false }
        switch component {
        case .proxy: return true
        case .apiServer, .controllerManager, .scheduler: return runs(component, on: node, release)
        case .kubelet:
            let found = context.observed.kubernetes.nodes[node]
            return runs(component, on: node, release) && found?.isReady == true
                && found?.kubeletVersion == release
        }
    }

    private func runs(_ component: KubernetesComponent, on node: String, _ release: Release) -> Bool {
        let state = context.observation(of: node).components[component]
        return state?.version == release && state?.isReady == true && state?.isCurrent == true
    }

    /// The nodes that are well and run a kube-proxy that is of another release or not ready.
    ///
    /// One that runs none, or is not there, is not waited for.
    var withoutProxy: [String] {
        nodes.map(\.name).filter { name in
            let seen = context.observation(of: name)
            guard seen.isConfigured, context.observed.kubernetes.nodes[name]?.isReady == true,
                let state = seen.components[.proxy]
            else { return false }
            return state.version != target || !state.isReady
        }
    }

    /// The releases of the control plane's components that run, kube-proxy's among them.
    private var running: [Release] {
        let names = Self.controlPlane
        let components = context.nodes(.controlPlane).flatMap { node in
            names.compactMap { context.observation(of: node.name).components[$0]?.version }
        }
        let pods = (names + [.proxy]).compactMap { context.observed.kubernetes.lowestVersions[$0] }
        return components + pods
    }

    private var kubelets: [Release] {
        nodes.compactMap { context.observed.kubernetes.nodes[$0.name]?.kubeletVersion }
    }
}

extension KubernetesNeed {
    /// Whether the way to the desired release is one that Kubernetes and Talos take.
    package var verdict: Verdict {
        guard let lowest = running.min(), let highest = running.max() else {
            return .wait("it is not known which Kubernetes runs")
        }
        if let problem = pathProblem(from: lowest, highest) ?? removedProblem(from: lowest) {
            return .refused(problem)
        }
        for node in nodes {
            switch support(on: node) {
            case .possible: break
            case let other: return other
            }
        }
        return .possible
    }

    /// One minor version at a time and never back, as components of two are tried together and no more.
    private func pathProblem(from lowest: Release, _ highest: Release) -> String? {
        guard target.major == 1, lowest.major == 1, highest.major == 1 else {
            return "nothing is known here about Kubernetes \(target)"
        }
        if highest.minor > target.minor {
            return "Kubernetes \(highest) runs, and a minor version is never taken back to \(target)"
        }
        if target.minor > lowest.minor + 1 {
            return "Kubernetes \(lowest) runs, and \(target) is more than one minor version on: "
                + "set spec.kubernetesVersion to a release of v1.\(lowest.minor + 1) first"
        }
        // Kubelets may be three minor versions older than the API server, two before 1.28.
        let skew = target.minor < 28 ? 2 : 3
        if let oldest = kubelets.min(), oldest.major == 1, target.minor - oldest.minor > skew {
            return "a kubelet of \(oldest) is too old for an API server of \(target)"
        }
        return nil
    }

    /// What a component is started with and would not start with any more.
    private func removedProblem(from lowest: Release) -> String? {
        guard target.minor > lowest.minor else { return nil }
        for node in nodes {
            let options = context.observation(of: node.name).options
            for component in KubernetesComponent.allCases {
                guard let options = options[component],
                    let (option, minor) = RemovedOptions.found(
                        in: options, of: component, minors: lowest.minor + 1...target.minor)
                else { continue }
                return
                    "\(component.rawValue) on \(node.name) is given \(option), which Kubernetes 1.\(minor) does "
                    + "not know any more: take it out of the configuration first"
            }
        }
        return nil
    }

    private func support(on node: DesiredNode) -> Verdict {
        guard let talos = context.observation(of: node.name).talos else {
            // A worker that is away is brought along when it is back, if it can be.
            return node.role == .worker ? .possible : .wait("it is not known which Talos \(node.name) runs")
        }
        let kubernetes = (major: target.major, minor: target.minor)
        switch KubernetesSupport.verdict(talos: talos.line, kubernetes: kubernetes) {
        case .supported: return .possible
        case .unknown, .talosTooOld:
            return .refused(
                "nothing is known here about Kubernetes on Talos \(talos), which \(node.name) runs")
        case .kubernetesUnsupported(let minors):
            let problem =
                "Talos \(talos) on \(node.name) runs Kubernetes 1.\(minors.lowerBound) to "
                + "1.\(minors.upperBound)"
            let desired = KubernetesSupport.verdict(
                talos: context.desired.talos.line, kubernetes: kubernetes)
            return desired == .supported && talos < context.desired.talos
                ? .wait("\(problem), so that Talos is upgraded before Kubernetes is to \(target)")
                : .refused("\(problem), and \(target) is asked for")
        }
    }
}

extension ClusterObservation {
    /// The release of Kubernetes that a node gets with its first configuration: the desired one, or that of the oldest
    /// API server as long as that is older.
    ///
    /// A kubelet must not be newer than an API server; the upgrade that is due brings the node along.
    package func kubernetesForNewNode(_ desired: Release) -> Release {
        let servers = nodes.values.flatMap { node in
            [node.components[.apiServer]?.version, node.images[.apiServer].flatMap(KubernetesImage.release)]
        }
        let known = (servers + [kubernetes.lowestVersions[.apiServer]]).compactMap(\.self)
        return min(known.min() ?? desired, desired)
    }
}
