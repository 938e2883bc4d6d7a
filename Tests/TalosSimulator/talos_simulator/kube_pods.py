# SPDX-License-Identifier: Apache-2.0
"""Pods as kubelets and controllers would keep them: static ones, those of daemon sets and workloads; and budgets."""
import asyncio
import hashlib
import json

from .kube_store import covers, is_ready, now

SYSTEM = "/api/v1/namespaces/kube-system/pods"
PROXY = "/apis/apps/v1/namespaces/kube-system/daemonsets"


class Workload:
    """So many pods of one kind that are to run, wherever there is room."""

    def __init__(self, name, namespace, replicas, labels, budget=None):
        self.name, self.namespace, self.replicas = name, namespace, replicas
        self.labels, self.budget = labels, budget
        self.owner = None
        self.count = 0


class PodKeeper:
    """Brings the pods of a cluster in line with its nodes."""

    def __init__(self, kubernetes):
        self.kubernetes, self.cluster = kubernetes, kubernetes.cluster
        self.workloads = {"coredns": Workload("coredns", "kube-system", 2, {"k8s-app": "kube-dns"})}
        self.pods, self.budgets = [], []
        self.ending = set()

    @property
    def budget_path(self):
        return f"/apis/{self.kubernetes.policy}"

    async def sync(self, nodes):
        self.pods = await self.kubernetes.list("/api/v1/pods")
        self.budgets = await self.kubernetes.list(f"{self.budget_path}/poddisruptionbudgets")
        await self.collect(nodes)
        await self.static_pods(nodes)
        await self.daemon_set(nodes)
        for workload in list(self.workloads.values()):
            await self.workload(workload, nodes)
        await self.readiness(nodes)
        for budget in self.budgets:
            await self.budget(budget)

    def path_of(self, pod):
        metadata = pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    async def write(self, namespace, body):
        pod = await self.kubernetes.create_once(f"/api/v1/namespaces/{namespace}/pods", body)
        self.pods.append(pod)
        return pod

    async def remove(self, pod):
        await self.kubernetes.delete(self.path_of(pod), is_forced=True)
        self.pods = [each for each in self.pods if each["metadata"]["uid"] != pod["metadata"]["uid"]]

    async def collect(self, nodes):
        """Removes pods of nodes that are no more, and those that their node has ended."""
        running = {node.kubernetes_name for node in self.cluster.nodes.values()
                   if node.services.get("kubelet") == "Running"}
        for pod in list(self.pods):
            name, uid = pod["spec"].get("nodeName"), pod["metadata"]["uid"]
            if name and name not in nodes:
                await self.remove(pod)
            elif pod["metadata"].get("deletionTimestamp") and name in running and uid not in self.ending:
                self.ending.add(uid)
                self.cluster.world.spawn(self.end(pod))

    async def end(self, pod):
        """A kubelet ends a pod that is to go."""
        await self.cluster.world.step("pod")
        self.ending.discard(pod["metadata"]["uid"])
        if self.cluster.has_api:
            await self.kubernetes.delete(self.path_of(pod), is_forced=True)
        self.kubernetes.touch()

    # -- static pods

    async def static_pods(self, nodes):
        known = {pod["metadata"]["name"]: pod for pod in self.pods if pod["metadata"]["namespace"] == "kube-system"}
        for node in self.cluster.members:
            if not node.is_up or node.kubernetes_name not in nodes:
                continue
            for name, state in node.static_pods.items():
                wanted = self.static_pod(node, nodes[node.kubernetes_name], name, state)
                old = known.get(wanted["metadata"]["name"])
                if old and old["metadata"].get("annotations") == wanted["metadata"]["annotations"] and \
                        image_of(old) == state["image"]:
                    continue
                if old:
                    await self.remove(old)
                await self.write("kube-system", wanted)

    @staticmethod
    def static_pod(node, owner, name, state):
        digest = hashlib.sha256(f"{node.boot_id}{state}".encode()).hexdigest()[:32]
        return pod_of(f"{name}-{node.hostname}", "kube-system", node.hostname, state["image"], name, {
            "tier": "control-plane", "k8s-app": name, "component": name}, {
            "talos.dev/config-version": str(state["version"]), "talos.dev/secrets-version": "1",
            "kubernetes.io/config.source": "file", "kubernetes.io/config.mirror": digest,
            "kubernetes.io/config.hash": digest}, reference(owner, "v1", "Node"))

    # -- kube-proxy

    async def daemon_set(self, nodes):
        """One pod on each node, with the image of the daemon set, which is made when the cluster is."""
        sets = await self.kubernetes.list(PROXY)
        owner = next((each for each in sets if each["metadata"]["name"] == "kube-proxy"), None)
        if not owner:
            control_plane = next(node for node in self.cluster.members if node.runs_api_server)
            if control_plane.config.get("cluster", "proxy", "disabled"):
                return
            image = control_plane.config.get("cluster", "proxy", "image", default="registry.k8s.io/kube-proxy:v1.34.1")
            owner = await self.kubernetes.create_once(PROXY, daemon_set("kube-proxy", image))
        image = owner["spec"]["template"]["spec"]["containers"][0]["image"]
        mine = {pod["spec"].get("nodeName"): pod for pod in self.pods
                if (pod["metadata"].get("labels") or {}).get("k8s-app") == "kube-proxy"}
        for name, node in nodes.items():
            if name in mine and image_of(mine[name]) != image:
                await self.remove(mine.pop(name))
            if name not in mine and (is_ready(node) or name in self.kubelets()):
                suffix = hashlib.sha256(f"{name}{image}".encode()).hexdigest()[:5]
                mine[name] = await self.write("kube-system", pod_of(
                    f"kube-proxy-{suffix}", "kube-system", name, image, "kube-proxy", {"k8s-app": "kube-proxy"}, {},
                    reference(owner, "apps/v1", "DaemonSet")))
        ready = sum(is_ready(pod) for pod in mine.values())
        await self.write_status(f"{PROXY}/kube-proxy", owner, {
            "observedGeneration": owner["metadata"].get("generation", 1), "desiredNumberScheduled": len(nodes),
            "currentNumberScheduled": len(mine), "updatedNumberScheduled": len(mine), "numberReady": ready,
            "numberAvailable": ready, "numberMisscheduled": 0})

    def kubelets(self):
        return {node.kubernetes_name for node in self.cluster.nodes.values()
                if node.services.get("kubelet") == "Running"}

    async def write_status(self, path, found, wanted):
        old = found.get("status") or {}
        if any(old.get(key) != value for key, value in wanted.items()):
            await self.kubernetes.patch(f"{path}/status", {"status": wanted})

    # -- workloads

    async def add_workload(self, name, namespace="default", replicas=2, labels=None, budget=None):
        """Pods that are moved when they are evicted, and if wanted a disruption budget for them."""
        self.workloads[name] = Workload(name, namespace, replicas, labels or {"app": name}, budget)
        self.kubernetes.touch()

    async def workload(self, workload, nodes):
        path = f"/apis/apps/v1/namespaces/{workload.namespace}/replicasets"
        if not workload.owner:
            workload.owner = await self.kubernetes.create_once(path, replica_set(workload))
            if workload.budget:
                await self.kubernetes.create_once(
                    f"{self.budget_path}/namespaces/{workload.namespace}/poddisruptionbudgets",
                    {"apiVersion": self.kubernetes.policy, "kind": "PodDisruptionBudget",
                     "metadata": {"name": workload.name},
                     "spec": workload.budget | {"selector": {"matchLabels": workload.labels}}})
                self.budgets = await self.kubernetes.list(f"{self.budget_path}/poddisruptionbudgets")
        mine = [pod for pod in self.pods if any(owner["uid"] == workload.owner["metadata"]["uid"]
                                                for owner in pod["metadata"].get("ownerReferences") or [])
                and not pod["metadata"].get("deletionTimestamp")]
        for _ in range(workload.replicas - len(mine)):
            target = self.schedule(nodes)
            if not target:
                break
            workload.count += 1
            mine.append(await self.write(workload.namespace, pod_of(
                f"{workload.name}-{workload.count}", workload.namespace, target,
                "registry.k8s.io/pause:3.9", "main", workload.labels, {},
                reference(workload.owner, "apps/v1", "ReplicaSet"), is_new=True)))
        ready = sum(is_ready(pod) for pod in mine)
        await self.write_status(f"{path}/{workload.name}", workload.owner, {
            "replicas": len(mine), "readyReplicas": ready, "availableReplicas": ready, "observedGeneration": 1})

    def schedule(self, nodes):
        """The ready node with the fewest pods that takes any, workers first."""
        counts = {name: sum(pod["spec"].get("nodeName") == name for pod in self.pods) for name, node in nodes.items()
                  if is_ready(node) and not node["spec"].get("unschedulable")}
        free = [name for name in counts if not nodes[name]["spec"].get("taints")] or list(counts)
        return min(free, key=lambda name: (counts[name], name), default=None)

    # -- readiness and budgets

    async def readiness(self, nodes):
        """A pod is ready when its node is, and not before it has had time to start."""
        for index, pod in enumerate(self.pods):
            node = nodes.get(pod["spec"].get("nodeName"))
            wanted = bool(node) and pod["spec"]["nodeName"] in self.kubelets() and self.has_started(pod)
            if is_ready(pod) != wanted:
                self.pods[index] = await self.kubernetes.patch(self.path_of(pod) + "/status", {
                    "status": pod_status(pod, wanted, address_of(node))})

    def has_started(self, pod):
        annotations = pod["metadata"].get("annotations") or {}
        if "simulator/new" not in annotations:
            return True
        uid = pod["metadata"]["uid"]
        if uid not in self.ending:
            self.ending.add(uid)
            self.cluster.world.spawn(self.start_pod(pod))
        return False

    async def start_pod(self, pod):
        await self.cluster.world.step("pod")
        self.ending.discard(pod["metadata"]["uid"])
        if self.cluster.has_api:
            await self.kubernetes.request("PATCH", self.path_of(pod), None, b'{"metadata":{"annotations":'
                                          b'{"simulator/new":null}}}', "application/merge-patch+json")
        self.kubernetes.touch()

    async def budget(self, budget):
        namespace, name = budget["metadata"]["namespace"], budget["metadata"]["name"]
        expected, healthy, desired = self.count(budget)
        await self.write_status(f"{self.budget_path}/namespaces/{namespace}/poddisruptionbudgets/{name}", budget, {
            "expectedPods": expected, "currentHealthy": healthy, "desiredHealthy": desired,
            "disruptionsAllowed": max(0, healthy - desired) if expected else 0,
            "observedGeneration": budget["metadata"].get("generation", 1)})

    def count(self, budget, without=None):
        """How many pods a budget counts, how many are healthy, how many have to be."""
        pods = [pod for pod in self.pods if pod["metadata"]["namespace"] == budget["metadata"]["namespace"]
                and covers(budget, pod)]
        healthy = sum(is_ready(pod) and not pod["metadata"].get("deletionTimestamp")
                      and pod["spec"].get("nodeName") != without for pod in pods)
        expected = max([len(pods)] + [work.replicas for work in self.workloads.values() if work.budget
                                      and work.name == budget["metadata"]["name"]])
        spec = budget["spec"]
        if spec.get("minAvailable") is not None:
            desired = share(spec["minAvailable"], expected)
        else:
            desired = expected - share(spec.get("maxUnavailable", 0), expected)
        return expected, healthy, max(0, desired)

    def going_down(self, node, request):
        """A node that goes down on request takes its pods along, which their budgets may forbid."""
        if not request:
            return
        for budget in self.budgets:
            _, healthy, desired = self.count(budget)
            _, left, _ = self.count(budget, without=node.kubernetes_name)
            if left < healthy and left < desired:
                self.cluster.accuse(
                    "disruption-budget", f"{node.name} goes down with pods of budget {budget['metadata']['name']}, "
                    f"which needs {desired} and has {left} left", [request], unless={"teardown", "disruption"})

    async def evict_all(self, node):
        """Evicts what a drain evicts, as long as the node's own patience lasts."""
        end = asyncio.get_running_loop().time() + 5 * self.cluster.world.delay
        while True:
            pods = [pod for pod in await self.kubernetes.list("/api/v1/pods")
                    if pod["spec"].get("nodeName") == node.hostname and is_drained(pod)]
            if not pods or asyncio.get_running_loop().time() > end:
                return
            for pod in pods:
                if not pod["metadata"].get("deletionTimestamp"):
                    await self.kubernetes.request(
                        "POST", self.path_of(pod) + "/eviction", None, eviction(pod, self.kubernetes.policy))
            await asyncio.sleep(self.cluster.world.delay / 4)


def is_drained(pod):
    """Whether a drain ends this pod: not if it is static or of a daemon set."""
    owners = pod["metadata"].get("ownerReferences") or []
    return not any(owner["kind"] in ("DaemonSet", "Node") for owner in owners)


def eviction(pod, policy):
    return json.dumps({"apiVersion": policy, "kind": "Eviction", "metadata": {
        "name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}}).encode()


def share(value, total):
    """A number or a percentage, which is rounded up."""
    if isinstance(value, str) and value.endswith("%"):
        return -(-total * int(value[:-1]) // 100)
    return int(value)


def image_of(pod):
    return pod["spec"]["containers"][0]["image"]


def address_of(node):
    return next((each["address"] for each in ((node or {}).get("status") or {}).get("addresses") or []
                 if each["type"] == "InternalIP"), None)


def reference(owner, version, kind):
    return {"apiVersion": version, "kind": kind, "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
            "controller": True}


def pod_of(name, namespace, node, image, container, labels, annotations, owner, is_new=False):
    marks = {"simulator/new": ""} if is_new else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": name, "namespace": namespace, "labels": labels, "annotations": annotations | marks,
        "ownerReferences": [owner]},
        "spec": {"nodeName": node, "containers": [{"name": container, "image": image}]}}


def pod_status(pod, ready, address):
    condition = {"status": "True" if ready else "False", "lastTransitionTime": now()}
    container = pod["spec"]["containers"][0]
    return {"phase": "Running", **({"hostIP": address, "podIP": address} if address else {}),
            "conditions": [{"type": "Ready"} | condition, {"type": "ContainersReady"} | condition],
            "containerStatuses": [{"name": container["name"], "image": container["image"], "imageID": "",
                                   "ready": ready, "restartCount": 0}]}


def daemon_set(name, image):
    labels = {"k8s-app": name}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "labels": labels}, "spec": {
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": name, "image": image}]}}}}


def replica_set(workload):
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": workload.name}, "spec": {
        "replicas": workload.replicas, "selector": {"matchLabels": workload.labels}, "template": {
            "metadata": {"labels": workload.labels},
            "spec": {"containers": [{"name": "main", "image": "registry.k8s.io/pause:3.9"}]}}}}
