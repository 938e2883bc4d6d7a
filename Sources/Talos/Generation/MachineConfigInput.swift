// SPDX-License-Identifier: Apache-2.0

/// What a machine is in its cluster.
package enum MachineRole: String, Sendable, Hashable, CaseIterable {
    case controlPlane = "controlplane"
    case worker
}

/// What a machine configuration is generated from: what `talosctl gen config` takes, and its defaults.
package struct MachineConfigInput: Sendable {
    /// The network plugin, where it is not the one that Talos brings.
    package struct NetworkPlugin: Sendable, Hashable {
        /// `flannel`, `custom` or `none`.
        package var name: String
        /// The manifests of a custom one.
        package var urls: [String]

        package init(name: String, urls: [String] = []) {
            self.name = name
            self.urls = urls
        }
    }

    /// A registry, and where its images come from instead, or how its server is trusted.
    package struct Registry: Sendable, Hashable {
        /// The registry's host, perhaps with a port.
        package var host: String
        /// URLs that are asked in this order; none if the registry is asked itself.
        package var mirrors: [String]
        /// The PEM text of the CA that its certificate is from.
        package var authority: String?
        /// Whether its certificate is not looked at.
        package var isInsecure: Bool

        package init(
            host: String, mirrors: [String] = [], authority: String? = nil, isInsecure: Bool = false
        ) {
            self.host = host
            self.mirrors = mirrors
            self.authority = authority
            self.isInsecure = isInsecure
        }
    }

    /// The version that the machine will run; one of `TalosVersion.supported`.
    package var version: TalosVersion
    package var role: MachineRole
    package var clusterName: String
    /// The URL of the Kubernetes API, with the scheme https.
    package var endpoint: String
    /// As `1.33.0` or `v1.33.0`; nil leaves out the images of Kubernetes.
    package var kubernetesVersion: String?
    package var secrets: SecretsBundle

    /// Talos' own IPv4 networks if empty, whatever the endpoint is: that a bare IPv6 address asks for others cannot
    /// happen, since an endpoint is a URL.
    package var podSubnets: [String] = []
    package var serviceSubnets: [String] = []
    package var dnsDomain = "cluster.local"
    package var networkPlugin: NetworkPlugin?
    /// Nil leaves the document or field out; false is said.
    package var kubeSpan: Bool?
    package var discovery = true

    /// Left out if nil, as everything below.
    package var installDisk: String?
    package var installImage: String?
    package var installExtraKernelArgs: [String] = []
    /// Further names and addresses in the certificates of the Talos and the Kubernetes API.
    package var additionalSANs: [String] = []
    package var sysctls: [String: String] = [:]
    package var registries: [Registry] = []
    /// Only control planes have the following two.
    package var allowSchedulingOnControlPlanes = false
    package var localAPIServerPort: Int?

    package init(
        version: TalosVersion, role: MachineRole, clusterName: String, endpoint: String,
        kubernetesVersion: String? = nil, secrets: SecretsBundle
    ) {
        self.version = version
        self.role = role
        self.clusterName = clusterName
        self.endpoint = endpoint
        self.kubernetesVersion = kubernetesVersion
        self.secrets = secrets
    }
}
