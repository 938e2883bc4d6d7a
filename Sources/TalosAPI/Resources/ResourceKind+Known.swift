// SPDX-License-Identifier: Apache-2.0

// The kinds that the operator reads; sensitive ones need the role os:admin.
extension ResourceKind {
    /// Stage and readiness, also in maintenance mode; ID `machine`.
    package static let machineStatus = runtime("MachineStatuses")
    /// The machine configuration, sensitive; ID `v1alpha1` is the active one, from 1.10 on `persistent` that on disk.
    package static let machineConfig = ResourceKind(
        namespace: "config", type: "MachineConfigs.config.talos.dev")
    /// Control plane or worker; ID `machine-type`.
    package static let machineType = ResourceKind(
        namespace: "config", type: "MachineTypes.config.talos.dev")
    /// Services by their IDs.
    package static let service = ResourceKind(namespace: "runtime", type: "Services.v1alpha1.talos.dev")
    /// Extensions; the one named `schematic` tells the schematic of the image.
    package static let extensionStatus = runtime("ExtensionStatuses")
    /// Talos' version; ID `version`.
    package static let version = runtime("Versions")
    /// What Talos itself finds wrong.
    package static let diagnostic = runtime("Diagnostics")
    /// Secure boot and the like; ID `securitystate`.
    package static let securityState = runtime("SecurityStates")
    /// The members that discovery knows.
    package static let discoveredMember = ResourceKind(
        namespace: "cluster", type: "Members.cluster.talos.dev")
    /// The node's own member of etcd; ID `local`.
    package static let etcdMember = ResourceKind(namespace: "etcd", type: "EtcdMembers.etcd.talos.dev")
    /// The node's name in Kubernetes; ID `nodename`.
    package static let nodename = kubernetes("Nodenames")
    /// The node's object in Kubernetes, as the node sees it.
    package static let nodeStatus = kubernetes("NodeStatuses")
    /// Static pods, by `namespace/pod-node`.
    package static let staticPodStatus = kubernetes("StaticPodStatuses")
    /// What the kubelet is started with; ID `kubelet`.
    package static let kubeletSpec = kubernetes("KubeletSpecs")
    /// ID `kube-apiserver`.
    package static let apiServerConfig = controlPlane("APIServerConfigs")
    /// ID `kube-controller-manager`.
    package static let controllerManagerConfig = controlPlane("ControllerManagerConfigs")
    /// ID `kube-scheduler`.
    package static let schedulerConfig = controlPlane("SchedulerConfigs")
    /// The manifests that Talos applies to Kubernetes.
    package static let manifest = controlPlane("Manifests")
    /// ID `hostname`.
    package static let hostnameStatus = ResourceKind(
        namespace: "network", type: "HostnameStatuses.net.talos.dev")
    /// The addresses of the node; ID `current` for all.
    package static let nodeAddress = ResourceKind(
        namespace: "network", type: "NodeAddresses.net.talos.dev")
    /// The machine's UUID and serial number; ID `systeminformation`.
    package static let systemInformation = ResourceKind(
        namespace: "hardware", type: "SystemInformations.hardware.talos.dev")

    private static func runtime(_ name: String) -> ResourceKind {
        ResourceKind(namespace: "runtime", type: "\(name).runtime.talos.dev")
    }

    private static func kubernetes(_ name: String) -> ResourceKind {
        ResourceKind(namespace: "k8s", type: "\(name).kubernetes.talos.dev")
    }

    private static func controlPlane(_ name: String) -> ResourceKind {
        ResourceKind(namespace: "controlplane", type: "\(name).kubernetes.talos.dev")
    }
}
