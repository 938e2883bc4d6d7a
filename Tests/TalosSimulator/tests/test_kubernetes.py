# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes side of a cluster, as the model keeps it."""
import asyncio
import base64
import gzip
import io
import json
import ssl
import tarfile
import unittest

import yaml
from betterproto.lib.google.protobuf import Empty
from talos_linux_api.v1_6_0 import machine

from talos_simulator import pki

from .support import WorldCase


class KubernetesTests(WorldCase):
    async def ask(self, cluster, path, method="GET", body=None, kind="application/json"):
        code, answer = await cluster.kubernetes.request(
            method, path, None, body and json.dumps(body).encode(), kind)
        return code, answer

    async def allowed(self, cluster):
        """How many disruptions the budget of workload web allows."""
        code, found = await self.ask(cluster, "/apis/policy/v1/namespaces/default/poddisruptionbudgets/web")
        return found.get("status", {}).get("disruptionsAllowed") if code == 200 else None

    async def nodes(self, cluster):
        return {each["metadata"]["name"]: each for each in (await self.ask(cluster, "/api/v1/nodes"))[1]["items"]}

    async def kubeconfig(self, node):
        """What the node hands out, from its tar without an end."""
        data = b"".join([each.bytes async for each in self.client(node).machine.kubeconfig(Empty())])
        plain = gzip.GzipFile(fileobj=io.BytesIO(data)).read()
        size = tarfile.TarInfo.frombuf(plain[:512], "utf-8", "strict").size
        return yaml.safe_load(plain[512:512 + size])

    async def test_the_endpoint_answers_administrators_once_the_cluster_is_bootstrapped(self):
        cluster, [node] = await self.cluster(kubernetes="model")
        config = await self.kubeconfig(node)
        server = config["clusters"][0]["cluster"]
        user = {key: base64.b64decode(value) for key, value in config["users"][0]["user"].items()}
        context = ssl.create_default_context(
            cadata=base64.b64decode(server["certificate-authority-data"]).decode())
        pki.load_chain(context, user["client-key-data"], user["client-certificate-data"])
        host, port = server["server"].removeprefix("https://").split(":")

        async def get(path):
            reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return answer.split(b"\r\n\r\n", 1)
        head, body = await get("/api/v1/nodes")
        self.assertIn(b" 200 ", head.splitlines()[0])
        [found] = json.loads(body)["items"]
        self.assertEqual(found["metadata"]["name"], "cp-0")
        self.assertEqual(found["status"]["nodeInfo"]["kubeletVersion"], "v1.34.1")
        self.assertEqual(json.loads((await get("/version"))[1])["gitVersion"], "v1.34.1")
        # Without etcd there is no API.
        await node.power_off("off")
        await self.until(lambda: not cluster.kubernetes.front.servers)
        with self.assertRaises(OSError):
            await get("/readyz")

    async def test_static_pods_follow_the_configuration(self):
        cluster, [node] = await self.cluster(kubernetes="model")

        async def pod():
            return (await self.ask(cluster, "/api/v1/namespaces/kube-system/pods/kube-apiserver-cp-0"))[1]

        async def image():
            return (await pod()).get("spec", {"containers": [{}]})["containers"][0].get("image")
        await self.until(lambda: "kube-apiserver" in node.static_pods)
        before = node.resources.find("controlplane", "APIServerConfigs.kubernetes.talos.dev", "kube-apiserver").version
        await self.client(node).apply(self.config(cluster, "controlplane", node, kubernetes="1.34.2"))
        await self.eventually(image, "registry.k8s.io/kube-apiserver:v1.34.2")
        self.assertEqual((await pod())["metadata"]["annotations"]["talos.dev/config-version"], str(before + 1))

        async def kubelet():
            return (await self.nodes(cluster))["cp-0"]["status"]["nodeInfo"]["kubeletVersion"]
        await self.eventually(kubelet, "v1.34.2")

    async def test_a_node_is_not_ready_while_it_reboots_and_keeps_being_cordoned(self):
        cluster, nodes = await self.cluster(control_planes=1, workers=1, kubernetes="model")
        await self.ask(cluster, "/api/v1/nodes/worker-1", "PATCH", {"spec": {"unschedulable": True}},
                       "application/merge-patch+json")
        boot = nodes[1].boot_id
        await self.client(nodes[1]).machine.reboot(machine.RebootRequest())

        async def ready():
            conditions = (await self.nodes(cluster))["worker-1"]["status"]["conditions"]
            return next(each["status"] for each in conditions if each["type"] == "Ready")
        await self.eventually(ready, "Unknown")
        await self.until(lambda: nodes[1].is_ready)
        self.assertNotEqual(nodes[1].boot_id, boot)
        self.assertEqual(await ready(), "True")
        self.assertTrue((await self.nodes(cluster))["worker-1"]["spec"]["unschedulable"])
        self.assertEqual(self.violations, [])

    async def test_evictions_respect_budgets_and_evicted_pods_come_again_elsewhere(self):
        cluster, nodes = await self.cluster(control_planes=1, workers=2, kubernetes="model")
        await cluster.kubernetes.pods.add_workload("web", replicas=2, budget={"minAvailable": 1})

        async def pods():
            found = (await self.ask(cluster, "/api/v1/namespaces/default/pods"))[1]["items"]
            return {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in found
                    if str(pod.get("status")).find("'True'") > 0 and not pod["metadata"].get("deletionTimestamp")}

        await self.eventually(lambda: self.allowed(cluster), 1)
        first, second = sorted(await pods())
        code, _ = await self.ask(cluster, f"/api/v1/namespaces/default/pods/{first}/eviction", "POST", {})
        self.assertEqual(code, 201)
        code, answer = await self.ask(cluster, f"/api/v1/namespaces/default/pods/{second}/eviction", "POST", {})
        self.assertEqual((code, answer["reason"]), (429, "TooManyRequests"))
        await self.eventually(lambda: self.allowed(cluster), 1)
        self.assertEqual(len(await pods()), 2)
        self.assertNotIn(first, await pods())
        self.assertEqual(self.violations, [])

    async def test_going_down_with_pods_that_a_budget_needs_is_a_violation(self):
        cluster, nodes = await self.cluster(control_planes=1, workers=1, kubernetes="model")
        await cluster.kubernetes.pods.add_workload("web", replicas=2, budget={"minAvailable": 1})
        await self.eventually(lambda: self.allowed(cluster), 1)
        await self.client(nodes[1]).machine.reboot(machine.RebootRequest())
        await self.until(lambda: not nodes[1].is_up)
        self.assertEqual(self.violations, ["disruption-budget"])


if __name__ == "__main__":
    unittest.main()
