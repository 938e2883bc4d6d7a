# SPDX-License-Identifier: Apache-2.0
"""What the resources of a node hold: functions of its state."""
import ipaddress

from betterproto.lib.google.protobuf import Struct, Value
from talos_linux_api.v1_6_0 import common
from talos_linux_api.v1_6_0.talos.resource.definitions import cluster as cluster_pb
from talos_linux_api.v1_6_0.talos.resource.definitions import etcd as etcd_pb
from talos_linux_api.v1_6_0.talos.resource.definitions import k8s as k8s_pb
from talos_linux_api.v1_6_0.talos.resource.definitions import runtime as runtime_pb
from talos_linux_api.v1_6_0.talos.resource.definitions import v1alpha1 as v1alpha1_pb

from .events import STAGES
from .node_services import STATIC_PODS

# The types there are, and the controller that owns each.
TYPES = {
    "MachineStatuses.runtime.talos.dev": "runtime.MachineStatusController",
    "Services.v1alpha1.talos.dev": "v1alpha1.ServiceController",
    "MachineConfigs.config.talos.dev": "config.AcquireController",
    "MachineTypes.config.talos.dev": "config.MachineTypeController",
    "Members.cluster.talos.dev": "cluster.MemberController",
    "EtcdMembers.etcd.talos.dev": "etcd.MemberController",
    "Nodenames.kubernetes.talos.dev": "k8s.NodenameController",
    "NodeStatuses.kubernetes.talos.dev": "k8s.NodeStatusController",
    "StaticPodStatuses.kubernetes.talos.dev": "k8s.KubeletStaticPodController",
    "KubeletSpecs.kubernetes.talos.dev": "k8s.KubeletSpecController",
    "APIServerConfigs.kubernetes.talos.dev": "k8s.ControlPlaneAPIServerController",
    "ControllerManagerConfigs.kubernetes.talos.dev": "k8s.ControlPlaneControllerManagerController",
    "SchedulerConfigs.kubernetes.talos.dev": "k8s.ControlPlaneSchedulerController",
    "Manifests.kubernetes.talos.dev": "k8s.ManifestController",
    "Versions.runtime.talos.dev": "runtime.VersionController",
    "ExtensionStatuses.runtime.talos.dev": "runtime.ExtensionStatusController",
    "HostnameStatuses.net.talos.dev": "network.HostnameSpecController",
    "NodeAddresses.net.talos.dev": "network.NodeAddressController",
    "Disks.block.talos.dev": "block.DisksController",
    "SystemDisks.block.talos.dev": "block.SystemDiskController",
    "Diagnostics.runtime.talos.dev": "runtime.DiagnosticsController",
    "SecurityStates.runtime.talos.dev": "runtime.SecurityStateController",
    "SystemInformations.hardware.talos.dev": "hardware.SystemInfoController",
}
NAMESPACES = {"runtime", "config", "cluster", "etcd", "k8s", "controlplane", "network", "hardware", "secrets", "meta"}
SENSITIVE = {"MachineConfigs.config.talos.dev"}
# Those that are not there in older versions.
SINCE = {"Versions.runtime.talos.dev": (1, 9), "Diagnostics.runtime.talos.dev": (1, 9),
         "Disks.block.talos.dev": (1, 8), "SystemDisks.block.talos.dev": (1, 8)}


def desired(node):
    """Every resource the node has now: specification and labels for namespace, type and id."""
    found = {}

    def put(namespace, kind, identifier, spec, labels=None):
        if node.version.line >= SINCE.get(kind, (0, 0)):
            found[namespace, kind, identifier] = (spec, labels or {})

    hardware(node, put)
    unmet = node.resources.unmet()
    put("runtime", "MachineStatuses.runtime.talos.dev", "machine", {
        "stage": node.stage, "status": {"ready": not unmet, "unmetConditions": [
            {"name": name, "reason": reason} for name, reason in unmet]}})
    for name, state in node.services.items():
        if state == "Running":
            unknown, healthy = node.service_health(name)
            put("runtime", "Services.v1alpha1.talos.dev", name,
                {"running": True, "healthy": healthy, "unknown": unknown})
    if node.config:
        configured(node, put)
    return found


def hardware(node, put):
    running = node.running or node.media
    put("runtime", "Versions.runtime.talos.dev", "version", {"version": running.tag})
    if running.schematic:
        put("runtime", "ExtensionStatuses.runtime.talos.dev", "0", {
            "image": "", "metadata": {"name": "schematic", "version": running.schematic, "author": "Image Factory",
                                      "description": "Virtual extension which specifies the schematic of the image "
                                                     "built with Image Factory."}})
    put("hardware", "SystemInformations.hardware.talos.dev", "systeminformation", {
        "manufacturer": "Simulated", "productName": "Simulated", "version": "1", "serialnumber": node.name,
        "uuid": node.uuid, "wakeUpType": "Power Switch", "skuNumber": ""})
    put("network", "HostnameStatuses.net.talos.dev", "hostname", {"hostname": node.hostname, "domainname": ""})
    for name in ("default", "current", "routed"):
        put("network", "NodeAddresses.net.talos.dev", name, {"addresses": [f"{node.address}/32"]})
    put("runtime", "SecurityStates.runtime.talos.dev", "securitystate", {"secureBoot": False})
    for disk in node.disks:
        name = disk["device_name"].removeprefix("/dev/")
        put("runtime", "Disks.block.talos.dev", name, {
            "dev_path": disk["device_name"], "size": disk["size"], "pretty_size": f"{disk['size'] // 10**9} GB",
            "io_size": 512, "sector_size": 512, "readonly": disk["readonly"], "cdrom": False,
            "model": disk["model"], "serial": disk["serial"], "rotational": False, "transport": "virtio"})
    if node.installed:
        name = node.disks[0]["device_name"].removeprefix("/dev/")
        put("runtime", "SystemDisks.block.talos.dev", "system-disk", {"diskID": name, "devPath": f"/dev/{name}"})
    if "full-disk" in node.conditions and node.config:
        put("runtime", "Diagnostics.runtime.talos.dev", "disk-full", {
            "message": "the disk is full", "details": ["EPHEMERAL has no space left"]})


def configured(node, put):
    put("config", "MachineConfigs.config.talos.dev", "v1alpha1", node.config.data)
    if node.version.line >= (1, 10) and node.stored:
        put("config", "MachineConfigs.config.talos.dev", "persistent", node.stored.data)
    put("config", "MachineTypes.config.talos.dev", "machine-type", node.config.type)
    put("k8s", "Nodenames.kubernetes.talos.dev", "nodename", {
        "nodename": node.hostname, "hostnameVersion": "1", "skipNodeRegistration": False})
    image = node.config.get("machine", "kubelet", "image")
    put("k8s", "KubeletSpecs.kubernetes.talos.dev", "kubelet", {
        "image": image, "args": [f"--hostname-override={node.hostname}"], "extraMounts": [],
        "expectedNodename": node.hostname})
    if node.kubernetes_node:
        put("k8s", "NodeStatuses.kubernetes.talos.dev", node.hostname, {
            "nodename": node.hostname, "nodeReady": node.kubernetes_node["ready"],
            "unschedulable": node.kubernetes_node.get("unschedulable", False), "labels": {}, "annotations": {}})
    # Discovery remembers nodes that are down.
    for member in node.cluster.nodes.values():
        stored = member.stored
        if member.installed and stored and stored.cluster_id == node.config.cluster_id:
            put("cluster", "Members.cluster.talos.dev", member.hostname, {
                "nodeId": member.uuid, "addresses": [member.address], "hostname": member.hostname,
                "machineType": stored.type, "operatingSystem": f"Talos ({member.installed.tag})",
                **({"controlPlane": {"port": 6443}} if stored.is_control_plane else {})})
    if node.is_control_plane:
        control_plane(node, put)


def control_plane(node, put):
    if node.etcd_member:
        put("etcd", "EtcdMembers.etcd.talos.dev", "local", {"memberID": f"{node.etcd_member.id:016x}"})
    for name, (section, kind) in STATIC_PODS.items():
        settings = node.config.get("cluster", section, default={})
        put("controlplane", kind, name, {
            "image": settings.get("image") or f"registry.k8s.io/{name}:v1.30.0",
            "extraArgs": settings.get("extraArgs") or {}, "environmentVariables": settings.get("env") or {}})
    for name, pod in node.static_pods.items():
        put("k8s", "StaticPodStatuses.kubernetes.talos.dev", f"kube-system/{name}-{node.hostname}", {
            "phase": "Running", "hostIP": node.address, "podIP": node.address,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": name, "image": pod["image"], "ready": True, "restartCount": 0}]})
    for index, name in enumerate(("kubelet-bootstrapping-token", "kube-proxy", "core-dns", "core-dns-svc")):
        proxy = node.config.get("cluster", "proxy", "image", default="registry.k8s.io/kube-proxy:v1.30.0")
        put("controlplane", "Manifests.kubernetes.talos.dev", f"{index:02}-{name}", manifest(name, proxy))


def manifest(name, proxy):
    """One bootstrap manifest, as a list of objects."""
    if name != "kube-proxy":
        return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "kube-system"}}]
    labels = {"k8s-app": "kube-proxy"}
    return [{"apiVersion": "apps/v1", "kind": "DaemonSet",
             "metadata": {"name": name, "namespace": "kube-system", "labels": labels},
             "spec": {"selector": {"matchLabels": labels}, "template": {
                 "metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": proxy}]}}}}]


def proto_spec(kind, spec):
    """The same in the form that Talos' own client reads, for the types whose messages the stubs have."""
    make = PROTO.get(kind)
    return bytes(make(spec)) if make else b""


def machine_status(spec):
    status = spec["status"]
    return runtime_pb.MachineStatusSpec(stage=STAGES[spec["stage"]], status=runtime_pb.MachineStatusStatus(
        ready=status["ready"], unmet_conditions=[
            runtime_pb.UnmetCondition(name=each["name"], reason=each["reason"]) for each in status["unmetConditions"]]))


def member(spec):
    return cluster_pb.MemberSpec(
        node_id=spec["nodeId"], addresses=[common.NetIp(ipaddress.ip_address(each).packed)
                                           for each in spec["addresses"]], hostname=spec["hostname"])


def struct(value):
    if isinstance(value, dict):
        return Value(struct_value=Struct(fields={key: struct(inner) for key, inner in value.items()}))
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, (int, float)):
        return Value(number_value=value)
    return Value(string_value=str(value))


class RawConfig:
    """`yaml_marshalled`, field 1."""

    def __init__(self, data):
        self.data = data

    def __bytes__(self):
        length, size = b"", len(self.data)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return b"\x0a" + length + bytes([size]) + self.data


PROTO = {
    "MachineStatuses.runtime.talos.dev": machine_status,
    "MachineConfigs.config.talos.dev": RawConfig,
    "Services.v1alpha1.talos.dev": lambda spec: v1alpha1_pb.ServiceSpec(**spec),
    "EtcdMembers.etcd.talos.dev": lambda spec: etcd_pb.MemberSpec(member_id=spec["memberID"]),
    "Nodenames.kubernetes.talos.dev": lambda spec: k8s_pb.NodenameSpec(nodename=spec["nodename"]),
    "NodeStatuses.kubernetes.talos.dev": lambda spec: k8s_pb.NodeStatusSpec(
        nodename=spec["nodename"], node_ready=spec["nodeReady"], unschedulable=spec["unschedulable"]),
    "Members.cluster.talos.dev": member,
}
