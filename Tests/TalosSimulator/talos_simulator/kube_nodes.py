# SPDX-License-Identifier: Apache-2.0
"""The Node objects, as kubelets and the node controller would keep them."""
CORDONED = "talos.dev/cordoned"


class NodeKeeper:
    """Registers a node once for each time that its kubelet starts, and keeps its status."""

    def __init__(self, kubernetes):
        self.kubernetes = kubernetes
        self.cluster = kubernetes.cluster

    async def sync(self, objects):
        """`objects` are the Node objects by name; those that are made are added."""
        for node in list(self.cluster.nodes.values()):
            if node.services.get("kubelet") == "Running" and node.config:
                await self.keep(node, objects)
            elif node.kubernetes_name in objects:
                await self.lost(objects[node.kubernetes_name])
        known = {node.kubernetes_name for node in self.cluster.nodes.values()}
        for name, found in objects.items():
            if name not in known:
                await self.lost(found)

    async def keep(self, node, objects):
        name = node.kubernetes_name = node.hostname
        found = objects.get(name)
        if not found:
            if node.registered_in == node.boot_id:
                node.set_kubernetes_node(None)
                return  # somebody deleted it while the kubelet runs, which does not bring it back
            found = objects[name] = await self.kubernetes.call("POST", "/api/v1/nodes", self.new(node))
        if node.registered_in != node.boot_id:
            node.registered_in, node.is_node_ready = node.boot_id, False
            node.aside(self.become_ready(node))
            if CORDONED in (found["metadata"].get("annotations") or {}):
                found = objects[name] = await self.kubernetes.patch(f"/api/v1/nodes/{name}", {
                    "metadata": {"annotations": {CORDONED: None}}, "spec": {"unschedulable": None}})
        await self.write(name, found, self.status(node, node.is_node_ready))
        node.set_kubernetes_node({"ready": node.is_node_ready,
                                  "unschedulable": bool(found["spec"].get("unschedulable"))})

    async def become_ready(self, node):
        await node.world.step("node-ready")
        node.is_node_ready = True
        self.kubernetes.touch()

    async def lost(self, found):
        """Nobody hears of a node any more."""
        conditions = found.get("status", {}).get("conditions") or []
        ready = next((each for each in conditions if each["type"] == "Ready"), None)
        if ready and ready["status"] == "True":
            await self.write(found["metadata"]["name"], found, {"conditions": [
                {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
                 "message": "Kubelet stopped posting node status."}]})

    async def write(self, name, found, wanted):
        """Patches the status if it is not as wanted."""
        if not contains(found.get("status") or {}, wanted):
            await self.kubernetes.patch(f"/api/v1/nodes/{name}/status", {"status": wanted})

    def new(self, node):
        labels = {"kubernetes.io/hostname": node.hostname, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        labels |= {str(key): str(value) for key, value in
                   node.config.get("machine", "nodeLabels", default={}).items()}
        spec = {}
        if node.is_control_plane:
            labels["node-role.kubernetes.io/control-plane"] = ""
            if not node.config.get("cluster", "allowSchedulingOnControlPlanes"):
                spec["taints"] = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]
        return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node.hostname, "labels": labels},
                "spec": spec}

    @staticmethod
    def status(node, is_ready):
        reason = "KubeletReady" if is_ready else "KubeletNotReady"
        tag = (node.running or node.media).tag
        return {
            "addresses": [{"type": "InternalIP", "address": node.address},
                          {"type": "Hostname", "address": node.hostname}],
            "conditions": [{"type": "Ready", "status": "True" if is_ready else "False", "reason": reason,
                            "message": "kubelet is posting ready status" if is_ready else "starting"}],
            "capacity": {"cpu": "4", "memory": "4Gi", "pods": "110"},
            "allocatable": {"cpu": "4", "memory": "4Gi", "pods": "110"},
            "nodeInfo": {
                "kubeletVersion": node.kubelet_version, "kubeProxyVersion": node.kubelet_version,
                "osImage": f"Talos ({tag})", "kernelVersion": "6.12.0-talos",
                "containerRuntimeVersion": "containerd://2.1.0", "operatingSystem": "linux", "architecture": "amd64",
                "bootID": node.boot_id, "machineID": node.uuid.replace("-", ""), "systemUUID": node.uuid}}


def contains(found, wanted):
    """Whether an object has everything that is wanted of it; lists are compared by their elements' `type`."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(contains(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict) and "type" in wanted[0]:
        by_type = {each.get("type"): each for each in found or []}
        return all(contains(by_type.get(each["type"]), each) for each in wanted)
    return found == wanted
