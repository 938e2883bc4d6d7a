# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes side of a cluster: which kind it has, and the part that all kinds share."""


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

    async def drain(self, node):
        pass

    async def request(self, method, path, body, kind):
        return 503, {"kind": "Status", "message": "this cluster has no Kubernetes API", "code": 503}

    async def stop(self):
        self.task.cancel()


async def attach(cluster, kind, options):
    """Gives a cluster its Kubernetes."""
    if kind == "none":
        cluster.kubernetes = Pretended(cluster)
    else:
        raise ValueError(f"kubernetes is none, not {kind!r}")
