// SPDX-License-Identifier: Apache-2.0

/// Looks for the configuration where people expect it: the flag, then `KUBECONFIG`, then the pod's service
/// account, then `~/.kube/config`.
package struct ConfigurationSearch: Sendable {
    /// The value of `--kubeconfig`; that file must exist.
    package var kubeconfigFlag: String?
    /// The context to use instead of the current one.
    package var context: String?
    /// The process's environment.
    package var environment: [String: String]
    /// How to read the files.
    package var read: FileReader

    package init(
        kubeconfigFlag: String? = nil, context: String? = nil, environment: [String: String],
        read: FileReader
    ) {
        self.kubeconfigFlag = kubeconfigFlag
        self.context = context
        self.environment = environment
        self.read = read
    }

    /// The configuration that wins, and what is odd but not wrong about its files.
    package func find() throws(ConfigurationError) -> (ClusterConfiguration, warnings: [String]) {
        if let kubeconfigFlag { return try resolve(try Kubeconfig(contentsOf: kubeconfigFlag, read: read)) }
        if let list = environment["KUBECONFIG"], !list.isEmpty {
            return try resolve(try Kubeconfig(list: list, read: read))
        }
        do {
            return (try .inCluster(environment: environment, read: read), [])
        } catch {
            guard case .notInCluster = error else { throw error }
        }
        let home = environment["HOME"] ?? ""
        let path = "\(home)/.kube/config"
        do {
            return try resolve(try Kubeconfig(list: path, read: read))
        } catch {
            guard case .noConfiguration = error else { throw error }
            throw .noConfiguration(
                searched: ["--kubeconfig", "KUBECONFIG", ClusterConfiguration.serviceAccountDirectory, path])
        }
    }

    private func resolve(
        _ kubeconfig: Kubeconfig
    ) throws(ConfigurationError) -> (ClusterConfiguration, warnings: [String]) {
        try kubeconfig.resolve(context: context)
    }
}
