# SPDX-License-Identifier: Apache-2.0
"""Machines of a real API server become nodes, and a real control plane is the Kubernetes side of their cluster."""
import asyncio
import json
import os
import subprocess
import unittest
from pathlib import Path

from talos_linux_api.v1_6_0 import machine

from talos_simulator import kube_client

from .support import WorldCase

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "hack" / "control-plane.sh"
MACHINES = "/apis/vitistack.io/v1alpha1/namespaces/default/machines"


def shell(*command):
    environment = os.environ | {"CONTROL_PLANE_PARENT_PID": str(os.getpid())}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


class RealTests(WorldCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.name = f"sim-test-{os.getpid()}"
        output = await asyncio.to_thread(shell, SCRIPT, "up", self.name)
        self.values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        kubectl = self.values["KUBECTL"], "--kubeconfig", self.values["KUBECONFIG"]
        await asyncio.to_thread(shell, *kubectl, "apply", "--validate=false", "-f", ROOT / "config" / "crd")
        await asyncio.to_thread(shell, *kubectl, "wait", "--for=condition=Established", "--timeout=60s", "-f",
                                ROOT / "config" / "crd")
        self.management = kube_client.Client(self.values["KUBECONFIG"])

    async def asyncTearDown(self):
        if self.control.provider:
            self.control.provider.stop()
        await super().asyncTearDown()
        await asyncio.to_thread(shell, SCRIPT, "down", self.name)

    async def ask(self, method, path, body=None, kind="application/json", client=None):
        return await (client or self.management).request(
            method, path, None, body and json.dumps(body).encode(), kind)

    async def machine_of(self, name, role):
        code, answer = await self.ask("POST", MACHINES, {
            "apiVersion": "vitistack.io/v1alpha1", "kind": "Machine",
            "metadata": {"name": name, "labels": {"cluster.vitistack.io/cluster-name": "demo"}},
            "spec": {"talosConfig": {"machineType": role}}})
        self.assertEqual(code, 201, answer)

    async def test_machines_become_nodes_of_a_cluster_with_a_real_control_plane(self):
        for name, role in (("demo-cp", "controlplane"), ("demo-worker", "worker")):
            await self.machine_of(name, role)
        self.control.provide(self.values["KUBECONFIG"], version="v1.12.3", kubernetes="real")
        self.control.provider.held = {"demo-worker"}
        await self.until(lambda: len(self.world.clusters.get("demo", self).nodes) == 1)
        await self.control.provider.hold(set())
        await self.until(lambda: len(self.world.clusters.get("demo", self).nodes) == 2)
        cluster = self.world.clusters["demo"]
        control_plane, worker = cluster.nodes["demo-cp"], cluster.nodes["demo-worker"]
        for node, role in ((control_plane, "controlplane"), (worker, "worker")):
            await self.until(lambda: node.in_maintenance)
            await self.client(node, None).apply(self.config(cluster, role, node))

        async def endpoint():
            found = (await self.ask("GET", f"{MACHINES}/demo-worker"))[1]
            return (found.get("status") or {}).get("phase"), found["metadata"].get("annotations", {}).get(
                "cluster.vitistack.io/talos-endpoint")
        await self.eventually(endpoint, ("Running", f"{worker.address}:50000"))
        await self.bootstrap(control_plane)
        await self.until(lambda: control_plane.is_ready and worker.is_ready, 120)

        real = cluster.kubernetes.backend.client
        await cluster.kubernetes.pods.add_workload("web", replicas=2, budget={"minAvailable": 1})
        budget = "/apis/policy/v1beta1/namespaces/default/poddisruptionbudgets/web"

        async def allowed():
            code, found = await self.ask("GET", budget, client=real)
            return found.get("status", {}).get("disruptionsAllowed") if code == 200 else None
        await self.eventually(allowed, 1)
        pods = (await self.ask("GET", "/api/v1/namespaces/default/pods", client=real))[1]["items"]
        answers = []
        for pod in pods:
            name = pod["metadata"]["name"]
            answers.append((await self.ask(
                "POST", f"/api/v1/namespaces/default/pods/{name}/eviction", {
                    "apiVersion": "policy/v1beta1", "kind": "Eviction",
                    "metadata": {"name": name, "namespace": "default"}}, client=real))[0])
        self.assertEqual(answers, [201, 429])
        await self.eventually(allowed, 1)

        await self.ask("DELETE", f"{MACHINES}/demo-worker")
        await self.until(lambda: "demo-worker" not in cluster.nodes)
        code, found = await self.ask("GET", "/api/v1/nodes/demo-worker", client=real)
        self.assertEqual(code, 200, "the node's object is for somebody else to delete")
        # All pods are on the last node now: its reboot disrupts them.
        cluster.expects.add("disruption")
        await self.client(control_plane).machine.reboot(machine.RebootRequest())
        await self.until(lambda: not control_plane.is_up)
        await self.until(lambda: control_plane.is_ready)
        self.assertEqual(self.violations, [])
        self.assertEqual(await self.control.provider.scan(), [])

    @property
    def nodes(self):
        return ()


if __name__ == "__main__":
    unittest.main()
