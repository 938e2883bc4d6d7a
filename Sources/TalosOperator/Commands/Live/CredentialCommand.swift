// SPDX-License-Identifier: Apache-2.0
import ClusterController
import PKI
import Platform
import Talos

/// `talos-operator kubeconfig` and `talosconfig`: a client certificate made from the cluster's secrets.
enum CredentialCommand {
    static func execute(
        _ options: CredentialOptions, environment: [String: String], output: Output = .standard
    ) async -> Int32 {
        let files = CommandFiles(environment: environment)
        return await output.reporting { () async throws(CommandFailure) in
            if let path = options.output, path != "-", !options.isForced, files.exists(path) {
                throw CommandFailure("\(path): is there already; --force replaces it")
            }
            var live = LiveOptions(job: .nodes, files: options.files)
            live.directory = options.directory
            live.secrets = options.secrets
            live.addresses = options.addresses
            live.layerNamespace = options.layerNamespace
            let cluster = try await LiveCluster.read(live, files, output, mayMakeSecrets: false)
            let text = try await text(options, cluster)
            guard let path = options.output, path != "-" else {
                output.print(text)
                return 0
            }
            var planned = PlannedFiles()
            planned.add(path, text, isSecret: true)
            try planned.write()
            return 0
        }
    }

    private static func text(
        _ options: CredentialOptions, _ live: LiveCluster
    ) async throws(CommandFailure) -> String {
        let bundle = live.spec.secrets(from: live.cluster.secrets.bundle)
        let (name, endpoint, now) = (live.name, live.spec.endpoint.description, SystemClock().timestamp)
        let endpoints = options.endpoints.isEmpty ? live.endpoints : options.endpoints
        return try await failingWithKeys { () async throws(PKIError) in
            try await KeyThread.run { () throws(PKIError) in
                switch options.kind {
                case .kubeconfig:
                    try AdminKubeconfig.make(
                        bundle, clusterName: name, endpoint: endpoint, at: now, lifetime: options.lifetime
                    ).yaml
                case .talosconfig:
                    try TalosClientConfiguration.make(
                        bundle, clusterName: name, endpoints: endpoints, at: now, lifetime: options.lifetime
                    ).yaml
                }
            }
        }
    }
}

extension LiveCluster {
    /// The addresses of the control plane as far as they are known, or the host of the Kubernetes API.
    fileprivate var endpoints: [String] {
        let known = Topology(spec).nodes.filter { $0.role == .controlPlane }.compactMap {
            address(of: $0.name)
        }
        return known.isEmpty ? [spec.endpoint.host] : known
    }
}
