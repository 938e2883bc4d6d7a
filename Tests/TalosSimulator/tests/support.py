# SPDX-License-Identifier: Apache-2.0
"""A world in this process, authorities and configurations for it, and clients that speak to its nodes."""
import asyncio
import base64
import datetime
import ssl
import unittest

import grpclib
import yaml
from betterproto.lib.google.protobuf import Empty
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from grpclib.client import Channel
from talos_linux_api.v1_6_0 import machine

from talos_simulator import messages, pki
from talos_simulator.__main__ import reserve
from talos_simulator.control import Control
from talos_simulator.world import World

DAY = datetime.timedelta(days=1)
Mode = machine.ApplyConfigurationRequestMode


def authority(organization, is_edwards):
    """A new authority as PEM, certificate and key."""
    key = ed25519.Ed25519PrivateKey.generate() if is_edwards else ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    name = pki.subject(None, [organization])
    usage = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)
                   .add_extension(usage, critical=True)
                   .add_extension(x509.BasicConstraints(True, None), critical=True)
                   .sign(key, None if is_edwards else hashes.SHA256()))
    return certificate.public_bytes(serialization.Encoding.PEM), pki.private_pem(key)


def pair(certificate, key=b""):
    return {"crt": base64.b64encode(certificate).decode(), "key": base64.b64encode(key).decode()}


class Secrets:
    """What the nodes of one cluster share."""

    def __init__(self, name="demo"):
        self.name = name
        self.os, self.kubernetes = authority("talos", True), authority("kubernetes", False)
        self.os = self.os[0], pki.talos_pem(self.os[1])

    def config(self, kind, endpoint, *, kubernetes="1.34.1", installer="ghcr.io/siderolabs/installer:v1.12.3",
               hostname=None, **extra):
        """The bytes of a configuration; `extra` is merged into its machine section."""
        is_control_plane = kind == "controlplane"
        image = "registry.k8s.io/kube-{}:v" + kubernetes
        document = {
            "version": "v1alpha1", "debug": False, "persist": True,
            "machine": {
                "type": kind, "token": "abcdef.0123456789abcdef",
                "ca": pair(*self.os) if is_control_plane else pair(self.os[0]), "certSANs": [],
                "kubelet": {"image": f"ghcr.io/siderolabs/kubelet:v{kubernetes}"},
                "install": {"disk": "/dev/sda", "image": installer, "wipe": False}, **extra},
            "cluster": {
                "id": f"id-of-{self.name}", "secret": "not-a-secret-but-long",
                "controlPlane": {"endpoint": endpoint}, "clusterName": self.name,
                "token": "fedcba.0123456789abcdef", "ca": pair(*self.kubernetes) if is_control_plane
                else pair(self.kubernetes[0])}}
        if is_control_plane:
            document["cluster"] |= {"apiServer": {"image": image.format("apiserver")},
                                    "controllerManager": {"image": image.format("controller-manager")},
                                    "scheduler": {"image": image.format("scheduler")}}
        documents = [document]
        if hostname:
            documents.append({"apiVersion": "v1alpha1", "kind": "HostnameConfig", "hostname": hostname, "auto": "off"})
        return yaml.safe_dump_all(documents, sort_keys=False).encode()

    def client_context(self, roles=("os:admin",), lifetime=DAY):
        now = datetime.datetime.now(datetime.timezone.utc)
        key, certificate = pki.Authority(*self.os).issue(
            pki.subject(None, roles), pki.CLIENT_AUTH, now, lifetime, skew=datetime.timedelta(minutes=1))
        context = ssl.create_default_context(cadata=self.os[0].decode())
        pki.load_chain(context, key, certificate)
        return alpn(context)


def insecure():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return alpn(context)


def alpn(context):
    context.set_alpn_protocols(["h2"])
    return context


class Client:
    """One node's API."""

    def __init__(self, node, context):
        self.channel = Channel(node.address, node.world.port, ssl=context)
        self.machine = machine.MachineServiceStub(self.channel)

    def close(self):
        self.channel.close()

    async def unary(self, path, request, reply_type, metadata=None):
        return await self.machine._unary_unary(path, request, reply_type, metadata=metadata)

    async def stream(self, path, request, reply_type, metadata=None):
        return [each async for each in self.machine._unary_stream(path, request, reply_type, metadata=metadata)]

    def follow(self, path, request, reply_type):
        return self.machine._unary_stream(path, request, reply_type)

    async def apply(self, data, mode=Mode.AUTO, dry_run=False, timeout=None):
        request = machine.ApplyConfigurationRequest(data=data, mode=mode, dry_run=dry_run)
        if timeout:
            request.try_mode_timeout = datetime.timedelta(seconds=timeout)
        return (await self.machine.apply_configuration(request)).messages[0]

    async def get(self, namespace, kind, identifier):
        reply = await self.unary("/cosi.resource.State/Get", messages.GetRequest(
            namespace=namespace, type=kind, id=identifier), messages.GetResponse)
        return yaml.safe_load(reply.resource.spec.yaml_spec)

    async def version(self):
        return (await self.machine.version(Empty())).messages[0].version.tag


class WorldCase(unittest.IsolatedAsyncioTestCase):
    """Each test has a world of its own, whose steps take ten milliseconds."""

    async def asyncSetUp(self):
        prefix, self.mark = reserve(None)
        self.world = World(seed="1", delay=0.01, prefix=prefix, port=50000, etcd_timeout=0.05)
        self.control = Control(self.world, None)
        self.secrets = Secrets()
        self.clients = []

    async def asyncTearDown(self):
        for client in self.clients:
            client.close()
        for cluster in list(self.world.clusters.values()):
            await self.control.remove_cluster(cluster)
        for task in list(self.world.tasks):
            task.cancel()
        await asyncio.gather(*self.world.tasks, return_exceptions=True)
        self.mark.close()
        defects = [entry for entry in self.world.journal.entries
                   if entry["kind"] == "defect" or str(entry.get("outcome")).startswith("DEFECT")]
        self.assertEqual(defects, [])

    def client(self, node, roles=("os:admin",)):
        client = Client(node, self.secrets.client_context(roles) if roles else insecure())
        self.clients.append(client)
        return client

    async def cluster(self, name="demo", control_planes=1, workers=0, *, version="v1.12.3", kubernetes="none",
                      run=True, **config):
        """A cluster whose nodes have their configuration, and unless told otherwise run."""
        cluster = await self.control.add_cluster(name, kubernetes)
        nodes = [self.control.add_node(cluster, f"cp-{index}" if index < control_planes else f"worker-{index}",
                                       version=version) for index in range(control_planes + workers)]
        config.setdefault("installer", f"ghcr.io/siderolabs/installer:{version}")
        for index, node in enumerate(nodes):
            await self.until(lambda: node.in_maintenance)
            client = self.client(node, None)
            kind = "controlplane" if index < control_planes else "worker"
            await client.apply(self.config(cluster, kind, node, **config))
        if run:
            await self.bootstrap(nodes[0])
            await self.until(lambda: all(node.is_ready for node in nodes))
            await self.until(lambda: len(cluster.etcd.voters) == control_planes)
        return cluster, nodes

    def config(self, cluster, kind, node, **options):
        if node.version.line >= (1, 12):
            options.setdefault("hostname", node.name)
        else:
            options.setdefault("network", {"hostname": node.name})
        return self.secrets.config(kind, cluster.endpoint, **options)

    async def bootstrap(self, node):
        await self.until(lambda: node.services.get("etcd") == "Preparing")
        await self.client(node).machine.bootstrap(machine.BootstrapRequest())

    async def until(self, condition, seconds=120):
        """Waits until a condition holds; the steps are short, and a test that is stuck fails."""
        end = asyncio.get_running_loop().time() + seconds
        while not condition():
            if asyncio.get_running_loop().time() > end:
                self.fail(f"never so: {[entry for entry in self.world.journal.entries[-15:]]}")
            await asyncio.sleep(0.005)

    async def eventually(self, ask, wanted, seconds=120):
        """Asks again and again until the answer is the one that is wanted."""
        end = asyncio.get_running_loop().time() + seconds
        while (found := await ask()) != wanted:
            if asyncio.get_running_loop().time() > end:
                self.fail(f"is {found}, never {wanted}")
            await asyncio.sleep(0.005)

    async def refused(self, status, awaitable, text=None):
        """What a node refuses with this status."""
        with self.assertRaises(grpclib.GRPCError) as caught:
            await awaitable
        self.assertEqual(caught.exception.status.name, status, caught.exception.message)
        if text:
            self.assertIn(text, caught.exception.message)

    def changes(self, what, node=None):
        return [entry for entry in self.world.journal.entries if entry["kind"] == "change" and entry["what"] == what
                and (node is None or entry["node"] == node.name)]

    @property
    def violations(self):
        return [violation["invariant"] for violation in self.world.journal.violations]


