# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes side of a cluster: its API, and who writes there what kubelets and controllers would."""
import asyncio
import json
import os

from . import versions
from .kube_front import Front
from .kube_nodes import NodeKeeper
from .kube_pods import PodKeeper
from .kube_store import Store
from .world import REQUEST


class Pretended:
    """No API at all: nodes count as ready as soon as there could be one."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.task = cluster.world.spawn(self.follow())

    def touch(self):
        self.cluster.signal.fire()

    async def follow(self):
        while True:
            for node in list(self.cluster.nodes.values()):
                is_there = self.cluster.has_api and node.services.get("kubelet") == "Running"
                node.set_kubernetes_node({"ready": True, "unschedulable": False} if is_there else None)
            seen = self.state()
            await self.cluster.signal.until(lambda: self.state() != seen)

    def state(self):
        return self.cluster.has_api, [node.services.get("kubelet") for node in self.cluster.nodes.values()]

    def going_down(self, node, request):
        pass

    async def drain(self, node):
        pass

    async def request(self, method, path, query=None, body=None, kind="application/json"):
        return 503, {"kind": "Status", "message": "this cluster has no Kubernetes API", "code": 503}

    async def stop(self):
        self.task.cancel()


class APIError(Exception):
    """An answer that the keepers did not want."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Kubernetes:
    """An API, of either kind, and the keepers of what is in it."""

    def __init__(self, cluster, backend, policy):
        self.cluster, self.backend, self.policy = cluster, backend, policy
        self.front = Front(cluster, backend)
        self.nodes, self.pods = NodeKeeper(self), PodKeeper(self)
        self.is_dirty = asyncio.Event()
        self.is_open = False
        backend.touched = self.touch
        self.task = cluster.world.spawn(self.follow())

    def touch(self):
        self.is_dirty.set()

    async def follow(self):
        """Brings the API up to date after each change, until the cluster is gone."""
        REQUEST.set(None)
        while True:
            await self.is_dirty.wait()
            self.is_dirty.clear()
            has_api = self.cluster.has_api
            if has_api:
                await self.backend.start(self.cluster)
                try:
                    await self.sync()
                except (APIError, OSError) as error:
                    # Somebody else wrote at the same time, or the server is not there yet: once more.
                    self.cluster.world.journal.add("retry", cluster=self.cluster.name, why=str(error))
                    asyncio.get_running_loop().call_later(self.cluster.world.delay, self.touch)
            await self.front.sync(has_api)

    async def sync(self):
        nodes = {each["metadata"]["name"]: each for each in await self.list("/api/v1/nodes")}
        await self.nodes.sync(nodes)
        await self.pods.sync(nodes)

    # -- requests, as an administrator

    async def request(self, method, path, query=None, body=None, kind="application/json"):
        return await self.backend.request(method, path, query, body, kind)

    async def call(self, method, path, body=None, kind="application/json"):
        """The answer's object; anything but success is an error."""
        code, answer = await self.backend.request(
            method, path, None, None if body is None else json.dumps(body).encode(), kind)
        if code >= 300:
            raise APIError(code, answer.get("message") if isinstance(answer, dict) else answer)
        return answer

    async def list(self, path):
        return (await self.call("GET", path))["items"]

    async def patch(self, path, body):
        return await self.call("PATCH", path, body, "application/strategic-merge-patch+json")

    async def create_once(self, path, body):
        """Creates an object, or finds that it is there."""
        try:
            return await self.call("POST", path, body)
        except APIError as error:
            if error.code != 409:
                raise
            return await self.call("GET", f"{path}/{body['metadata']['name']}")

    async def delete(self, path, is_forced=False):
        try:
            await self.call("DELETE", path, {"gracePeriodSeconds": 0} if is_forced else None)
        except APIError as error:
            if error.code != 404:
                raise

    # -- what nodes tell

    def going_down(self, node, request):
        self.pods.going_down(node, request)

    async def drain(self, node):
        """What a node does itself: cordon, and evict for a while; failures are only logged."""
        if not self.cluster.has_api:
            return
        try:
            await self.patch(f"/api/v1/nodes/{node.hostname}", {
                "metadata": {"annotations": {"talos.dev/cordoned": "true"}}, "spec": {"unschedulable": True}})
            await self.pods.evict_all(node)
        except APIError as error:
            self.cluster.world.journal.change(node, "drain-failed", error=str(error))

    async def stop(self):
        self.task.cancel()
        self.front.close()
        await self.backend.stop()


class Model(Store):
    """The store in memory, whose version is that of the oldest API server."""

    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster
        self.touched = lambda: None

    async def start(self, cluster):
        tags = [versions.image_tag(node.static_pods["kube-apiserver"]["image"]) for node in cluster.members
                if "kube-apiserver" in node.static_pods]
        found = sorted(filter(None, map(versions.parse, tags)))
        if found:
            self.version = str(found[0])
        if not self.objects:
            for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
                await self.request("POST", "/api/v1/namespaces", None,
                                   json.dumps({"metadata": {"name": name}}).encode())

    def put(self, at, found, kind):
        found = super().put(at, found, kind)
        self.touched()
        return found

    async def stop(self):
        self.objects = {}


async def attach(cluster, kind, options):
    """Gives a cluster its Kubernetes."""
    if kind == "none":
        cluster.kubernetes = Pretended(cluster)
    elif kind == "model":
        cluster.kubernetes = Kubernetes(cluster, Model(cluster), "policy/v1")
    elif kind == "real":
        from .kube_real import Real
        cluster.kubernetes = Kubernetes(cluster, Real(cluster, f"sim-{os.getpid()}-{cluster.number}"),
                                        "policy/v1beta1")
    else:
        raise ValueError(f"kubernetes is none, model or real, not {kind!r}")
