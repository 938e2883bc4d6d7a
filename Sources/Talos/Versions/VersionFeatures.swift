// SPDX-License-Identifier: Apache-2.0

/// In what the configurations of Talos versions differ.
package struct VersionFeatures: Sendable {
    /// One difference, and which versions have it.
    package enum Feature: Sendable, CaseIterable {
        /// `machine.features.diskQuotaSupport`.
        case diskQuotaSupport
        /// `machine.features.kubePrism`, the load balancer on every machine.
        case kubePrism
        /// `machine.features.hostDNS`, the DNS cache on every machine.
        case hostDNS
        /// `machine.features.hostDNS.forwardKubeDNSToHost`.
        case kubeDNSForwarding
        /// The node label that keeps load balancers of the cluster off control planes.
        case excludedFromLoadBalancers
        /// `cluster.clusterName` on workers too.
        case clusterNameOfWorkers
        /// New bundles sign service accounts with RSA 4096 instead of ECDSA P-256.
        case rsaServiceAccountKey
        /// `$patch: delete` in layers.
        case patchDelete
        /// Installer images by platform, `metal-installer` instead of `installer`.
        case platformInstallers
        /// `machine.install.grubUseUKICmdline`.
        case ukiCommandLine
        /// `machine.features.rbac` and `.apidCheckExtKeyUsage`, which newer versions do without a word.
        case accessFeatures
        /// `machine.features.stableHostname`; the document HostnameConfig says it since.
        case stableHostnameFeature
        /// The endpoint's host among the API server's names.
        case endpointInCertificate
        /// `cluster.apiServer.disablePodSecurityPolicy`.
        case podSecurityPolicySwitch
        /// Registries in `machine.registries`; documents of their own since.
        case registriesOfMachine
        /// The documents HostnameConfig, RegistryMirrorConfig and RegistryTLSConfig.
        case networkDocuments
        /// `machine.network`, empty or with KubeSpan.
        case networkOfMachine
        /// The document KubeSpanConfig.
        case kubeSpanDocument
    }

    private let version: TalosVersion

    package init(_ version: TalosVersion) {
        self.version = version
    }

    /// Whether the version has it.
    package func has(_ feature: Feature) -> Bool {
        feature.versions.contains(version)
    }
}

extension VersionFeatures.Feature {
    /// The versions that have it: the whole difference between one version's generated files and the next one's.
    ///
    /// Talos 1.4 is as 1.3, and 1.9, 1.10 and 1.11 write what 1.8 does.
    package var versions: ClosedRange<TalosVersion> {
        switch self {
        case .diskQuotaSupport: Self.since(5)
        case .kubePrism: Self.since(6)
        case .hostDNS: Self.since(7)
        case .rsaServiceAccountKey: Self.since(7)
        case .kubeDNSForwarding: Self.since(8)
        case .excludedFromLoadBalancers: Self.since(8)
        case .clusterNameOfWorkers: Self.since(8)
        case .patchDelete: Self.since(8)
        case .platformInstallers: Self.since(10)
        case .ukiCommandLine: Self.since(12)
        case .networkDocuments: Self.since(12)
        case .kubeSpanDocument: Self.since(13)
        case .accessFeatures: Self.until(11)
        case .stableHostnameFeature: Self.until(11)
        case .endpointInCertificate: Self.until(11)
        case .podSecurityPolicySwitch: Self.until(11)
        case .registriesOfMachine: Self.until(11)
        case .networkOfMachine: Self.until(12)
        }
    }

    private static func since(_ minor: Int) -> ClosedRange<TalosVersion> {
        TalosVersion(minor: minor)...TalosVersion.supported.upperBound
    }

    private static func until(_ minor: Int) -> ClosedRange<TalosVersion> {
        TalosVersion.supported.lowerBound...TalosVersion(minor: minor)
    }
}

extension TalosVersion {
    /// Why no configuration can be made for this version; nil if one can.
    ///
    /// Talos 1.14 splits the configuration into some 25 documents of other kinds.
    package var supportProblem: String? {
        guard !Self.supported.contains(self) else { return nil }
        let newest = Self.supported.upperBound
        return self > newest
            ? "must be \(newest) or older, not \(self): configurations of newer versions are laid out differently, "
                + "and \(newest) is the newest that can be made"
            : "must be \(Self.supported.lowerBound) or newer, not \(self)"
    }
}
