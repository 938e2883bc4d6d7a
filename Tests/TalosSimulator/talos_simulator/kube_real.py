# SPDX-License-Identifier: Apache-2.0
"""A real control plane as the Kubernetes side of a cluster, from hack/control-plane.sh.

Its clients reach it through the cluster's own endpoint, which speaks for the cluster's authority; behind it all
requests are those of the control plane's administrator.
"""
import asyncio
import os
import subprocess
from pathlib import Path

from . import kube_client

SCRIPT = Path(__file__).resolve().parents[3] / "hack" / "control-plane.sh"


class Real:
    """Started when the cluster first has an API; what it holds stays while the cluster has none."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.client = None
        self.values = {}
        self.touched = lambda: None
        self.watches = []

    async def start(self, cluster):
        if self.client:
            return
        environment = os.environ | {"CONTROL_PLANE_PARENT_PID": str(os.getpid())}
        process = await asyncio.create_subprocess_exec(
            str(SCRIPT), "up", self.name, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment)
        output, _ = await process.communicate()
        if process.returncode:
            raise OSError(f"{SCRIPT} up {self.name}: exit code {process.returncode}")
        self.values = dict(line.split("=", 1) for line in output.decode().splitlines() if "=" in line)
        self.client = kube_client.Client(self.values["KUBECONFIG"])
        for path in ("/api/v1/nodes", "/api/v1/pods", "/apis/policy/v1beta1/poddisruptionbudgets",
                     "/apis/apps/v1/daemonsets"):
            self.watches.append(cluster.world.spawn(self.watch(path)))

    async def watch(self, path):
        async for _ in kube_client.watch(self.client, path):
            self.touched()

    async def request(self, method, path, query=None, body=None, kind="application/json"):
        if not self.client:
            return 503, {"kind": "Status", "status": "Failure", "message": "not started", "code": 503}
        return await self.client.request(method, path, query, body, kind)

    async def stop(self):
        for task in self.watches:
            task.cancel()
        if self.values:
            process = await asyncio.create_subprocess_exec(
                str(SCRIPT), "down", self.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            await process.wait()
