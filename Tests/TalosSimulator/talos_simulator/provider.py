# SPDX-License-Identifier: Apache-2.0
"""Plays the provider of Machines on a management cluster: each Machine becomes a simulated node in maintenance mode.

The Machine's status says that it runs and which addresses it has. Addresses of loopback are none that anybody would
connect to, so an annotation names the one and the port for those who are told to.
"""
import json
import zlib

from . import kube_client

MACHINES = "/apis/vitistack.io/v1alpha1/machines"
CLUSTERS = "/apis/vitistack.io/v1alpha1/kubernetesclusters"
LABEL = "cluster.vitistack.io/cluster-name"
ENDPOINT = "cluster.vitistack.io/talos-endpoint"
FINALIZER = "simulator.vitistack.io/power"
# Where no secret of a cluster belongs, whoever wrote it.
PLAIN = ("/api/v1/events", "/api/v1/configmaps", MACHINES, CLUSTERS)


class Provider:
    """Follows the Machines of one API server. A cluster's number, and with it its addresses, follow from its name."""

    def __init__(self, control, path, *, version, schematic="", kubernetes="model", namespace=None):
        self.control, self.world = control, control.world
        self.client = kube_client.Client(path)
        self.version, self.schematic, self.kubernetes = version, schematic, kubernetes
        self.namespace = namespace
        # What the provider does not do of itself: Machines that it does not make a node of, until they are taken out.
        self.held = set()
        self.nodes = {}
        self.world.patience = 1
        self.tasks = [self.world.spawn(self.follow_machines()), self.world.spawn(self.follow_clusters())]

    def stop(self):
        for task in self.tasks:
            task.cancel()

    # -- clusters: only whether they are to go

    async def follow_clusters(self):
        async for kind, found in kube_client.watch(self.client, CLUSTERS):
            for each in found if kind == "LISTED" else [found]:
                if each["metadata"].get("deletionTimestamp") or kind == "DELETED":
                    name = (each["metadata"].get("labels") or {}).get(LABEL) or \
                        each.get("spec", {}).get("clusterName") or each["metadata"]["name"]
                    if name in self.world.clusters:
                        self.world.clusters[name].expects.add("teardown")

    # -- machines

    async def follow_machines(self):
        async for kind, found in kube_client.watch(self.client, MACHINES):
            if kind == "LISTED":
                present = {uid(each) for each in found}
                for gone in [key for key in self.nodes if key not in present]:
                    await self.removed(gone)
                for machine in found:
                    await self.seen(machine)
            elif kind == "DELETED":
                await self.removed(uid(found))
            else:
                await self.seen(found)

    async def hold(self, names):
        """Makes no node of Machines with these names, and of others that were held now does."""
        self.held = names
        code, answer = await self.client.request("GET", MACHINES)
        for machine in answer["items"] if code == 200 else []:
            await self.seen(machine)

    def is_ours(self, machine):
        return not self.namespace or machine["metadata"]["namespace"] == self.namespace

    async def seen(self, machine):
        metadata = machine["metadata"]
        if not self.is_ours(machine) or metadata["name"] in self.held:
            return
        if metadata.get("deletionTimestamp"):
            await self.removed(uid(machine))
            if FINALIZER in metadata.get("finalizers", []):
                await self.patch(machine, {"metadata": {"finalizers": [
                    each for each in metadata["finalizers"] if each != FINALIZER] or None}})
            return
        node = self.nodes.get(uid(machine)) or await self.make(machine)
        if (metadata.get("annotations") or {}).get(ENDPOINT) != endpoint(node) or \
                FINALIZER not in (metadata.get("finalizers") or []):
            await self.patch(machine, {"metadata": {
                "annotations": {ENDPOINT: endpoint(node)},
                "finalizers": sorted({*(metadata.get("finalizers") or []), FINALIZER})}})
        wanted = status(node)
        if any((machine.get("status") or {}).get(key) != value for key, value in wanted.items()):
            await self.patch(machine, {"status": wanted}, "/status")

    async def make(self, machine):
        metadata = machine["metadata"]
        name = (metadata.get("labels") or {}).get(LABEL) or metadata["name"].rsplit("-", 1)[0]
        cluster = self.world.clusters.get(name)
        if not cluster:
            cluster = await self.control.add_cluster(
                name, self.kubernetes, machine["spec"].get("talosConfig", {}).get("clusterEndpoint"),
                preferred(name, 250))
        disk = machine["spec"].get("talosConfig", {}).get("installDisk") or "/dev/sda"
        if metadata["name"] in cluster.nodes:
            await self.control.remove_node(cluster.nodes[metadata["name"]])
        cluster.next_node = preferred(metadata["name"], 250)
        node = self.control.add_node(cluster, metadata["name"], version=self.version, schematic=self.schematic,
                                     disks=[{"device_name": disk}])
        self.nodes[uid(machine)] = node
        return node

    async def removed(self, key):
        """The machine is switched off and gone; that this happens is the wish of whoever deleted it."""
        node = self.nodes.pop(key, None)
        if node and node.cluster.nodes.get(node.name) is node:
            self.world.journal.change(node, "machine-deleted")
            if node.etcd_member and node.etcd_member.is_alive and len(node.etcd.voters) > 1 and \
                    not node.etcd.would_have_quorum(without=[node.etcd_member]):
                node.cluster.accuse("etcd-quorum", f"the machine of {node.name} was deleted, and etcd has no quorum "
                                    "without it", [], unless={"teardown"})
            await self.control.remove_node(node)

    async def patch(self, machine, body, subresource=""):
        metadata = machine["metadata"]
        # Somebody else may have changed it meanwhile: that will be seen, and then it is done.
        body.setdefault("metadata", {})["resourceVersion"] = metadata["resourceVersion"]
        path = f"/apis/vitistack.io/v1alpha1/namespaces/{metadata['namespace']}/machines/{metadata['name']}"
        code, answer = await self.client.request(
            "PATCH", path + subresource, None, json.dumps(body).encode(), "application/merge-patch+json")
        if code >= 300 and code not in (404, 409):
            self.world.journal.add("retry", cluster="", why=f"{code}: {answer.get('message')}")

    async def scan(self):
        """Looks for secrets of the clusters where everybody may look; each that is found is a violation."""
        found = []
        for path in PLAIN:
            code, answer = await self.client.request("GET", path)
            if code != 200:
                continue
            for each in answer["items"]:
                text = json.dumps(each)
                if any(secret in text for secret in self.world.secrets):
                    place = f"{path.rsplit('/', 1)[1]} {each['metadata'].get('namespace')}/{each['metadata']['name']}"
                    found.append(place)
                    self.world.journal.violation("no-secret-leaked", f"a secret stands in {place}")
        return found


def preferred(name, count):
    """A number that follows from a name, from 1."""
    return zlib.crc32(name.encode()) % count + 1


def uid(machine):
    return machine["metadata"]["uid"]


def endpoint(node):
    return f"{node.address}:{node.world.port}"


def status(node):
    return {"phase": "Running", "state": "Running", "machineID": node.uuid, "providerID": f"simulator://{node.uuid}",
            "hostname": node.name, "ipAddresses": [node.address], "networkInterfaces": [
                {"name": "eth0", "ipAddresses": [node.address]}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "PoweredOn", "message": "simulated"}]}
