// SPDX-License-Identifier: Apache-2.0
import Talos

/// The options that components of Kubernetes are started with and that a later minor release does not know any more: a
/// component that is given one does not start.
package enum RemovedOptions {
    /// Feature gates, which all components share, by the minor release of Kubernetes 1 that does without them.
    ///
    /// From the lists of removed feature gates and the change logs of Kubernetes; those of 1.36 as of its beta.
    private static let gates: [Int: String] = [
        27: """
        ControllerManagerLeaderMigration CSIInlineVolume CSIMigration DaemonSetUpdateSurge EphemeralContainers \
        ExpandCSIVolumes ExpandInUsePersistentVolumes ExpandPersistentVolumes IdentifyPodOS \
        LocalStorageCapacityIsolation NetworkPolicyEndPort StatefulSetMinReadySeconds
        """,
        28: """
        AdvancedAuditing CSIMigrationGCE CSIStorageCapacity DelegateFSGroupToCSIDriver DevicePlugins \
        DisableAcceleratorUsageMetrics EndpointSliceTerminatingCondition KubeletCredentialProviders \
        MixedProtocolLBService ServiceInternalTrafficPolicy ServiceIPStaticSubrange WindowsHostProcessContainers
        """,
        30: """
        ExpandedDNSConfig ExperimentalHostUserNamespaceDefaultingGate IPTablesOwnershipCleanup \
        KubeletPodResources KubeletPodResourcesGetAllocatable MinimizeIPTablesRestore \
        ProxyTerminatingEndpoints RemoveSelfLink
        """,
        31: """
        APIPriorityAndFairness ConsistentHTTPGetHandlers CSINodeExpandSecret \
        DefaultHostNetworkHostPortsInPodTemplates ServiceNodePortStaticSubrange SkipReadOnlyValidationGCE
        """,
        32: """
        AllowServiceLBStatusOnNonLB CloudDualStackNodeIPs DRAControlPlaneController HPAContainerMetrics KMSv2 \
        KMSv2KDF LegacyServiceAccountTokenCleanUp MinDomainsInPodTopologySpread \
        NewVolumeManagerReconstruction NodeOutOfServiceVolumeDetach ServerSideApply \
        ServerSideFieldValidation StableLoadBalancerNodeSet ValidatingAdmissionPolicy \
        ZeroLimitedNominalConcurrencyShares
        """,
        33: """
        AppArmor AppArmorFields CPUManager DisableCloudProviders DisableKubeletCloudCredentialProviders \
        JobPodFailurePolicy KubeProxyDrainingTerminatingNodes PDBUnhealthyPodEvictionPolicy \
        PersistentVolumeLastPhaseTransitionTime VolumeCapacityPriority
        """,
        34: "DevicePluginCDIDevices LegacySidecarContainers PodDisruptionConditions",
        35: "SizeMemoryBackedVolumes UserNamespacesHostNetworkSupport",
        36: "CSIMigrationPortworx InTreePluginPortworxUnregister WatchFromStorageWithoutResourceVersion",
    ]

    /// Flags, and admission plugins of the API server, by component and release.
    private static let others: [KubernetesComponent: [Int: String]] = [
        .apiServer: [30: "SecurityContextDeny", 33: "--cloud-config"],
        .controllerManager: [
            27: "--enable-taint-manager --pod-eviction-timeout",
            31: """
            --horizontal-pod-autoscaler-downscale-delay --horizontal-pod-autoscaler-upscale-delay \
            --volume-host-allow-local-loopback --volume-host-cidr-denylist
            """,
        ],
        .kubelet: [
            27: "--container-runtime --master-service-namespace",
            31: "--iptables-drop-bit --iptables-masquerade-bit --keep-terminated-pod-volumes",
            34: "--cloud-config", 35: "--pod-infra-container-image",
        ],
    ]

    /// What of a component's options is gone in one of the minor releases, and in which; in the order of the releases.
    static func found(
        in options: Set<String>, of component: KubernetesComponent, minors: ClosedRange<Int>
    ) -> (option: String, minor: Int)? {
        for minor in minors {
            let words = [gates[minor], others[component]?[minor]].compactMap(\.self)
            let gone = Set(words.flatMap { $0.split(separator: " ").map(String.init) })
            if let option = gone.intersection(options).min() { return (option, minor) }
        }
        return nil
    }
}

extension MachineConfiguration {
    /// The flags, feature gates and admission plugins that a configuration gives to components beyond what Talos itself
    /// does: `--some-flag`, and the names of the others; never a value.
    package var componentOptions: [KubernetesComponent: Set<String>] {
        let arguments: [KubernetesComponent: ConfigNode?] = [
            .apiServer: self["cluster", "apiServer", "extraArgs"],
            .controllerManager: self["cluster", "controllerManager", "extraArgs"],
            .scheduler: self["cluster", "scheduler", "extraArgs"],
            .kubelet: self["machine", "kubelet", "extraArgs"],
        ]
        var options: [KubernetesComponent: Set<String>] = [:]
        for (component, node) in arguments {
            for member in node?.members ?? [] {
                options[component, default: []].insert("--\(member.key)")
                guard ["feature-gates", "enable-admission-plugins"].contains(member.key) else { continue }
                let texts: [String] = (member.node.list ?? [member.node]).compactMap(\.string)
                let names = texts.joined(separator: ",").split(separator: ",").map { $0.prefix { $0 != "=" } }
                options[component, default: []].formUnion(names.map(String.init))
            }
        }
        let gates = self["machine", "kubelet", "extraConfig", "featureGates"]?.members ?? []
        options[.kubelet, default: []].formUnion(gates.map(\.key))
        return options.filter { !$0.value.isEmpty }
    }
}
