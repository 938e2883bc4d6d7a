# SPDX-License-Identifier: Apache-2.0
"""One simulated machine: what is on its disk, what runs on it, and how one leads to the other."""
import asyncio
import datetime
import hashlib
import uuid

from . import boot, sequences, versions
from .events import Events
from .listener import Listener
from .resources import Resources
from .world import Signal

GIB = 1 << 30
# Seconds that the answer to a request is given before what it asked for takes the connection down.
ANSWER = 0.05
DISK = {"device_name": "/dev/sda", "size": 64 * GIB, "model": "SIMULATED", "serial": "S1", "type": 2, "readonly": False}
# Talos keeps services in these states; those that a node has follow from what it is.
BASE_SERVICES = ("machined", "containerd", "apid", "cri", "kubelet", "udevd", "syslogd")
CONTROL_PLANE_SERVICES = ("trustd", "etcd")


class Node:
    """A machine and, while it is up, the Talos on it.

    `media` is what it boots from as long as nothing is installed. `conditions` are the faults of the machine itself:
    time-not-in-sync, full-disk, disk-not-empty, learner-stuck, upgrade-rolls-back, upgrade-fails, boot-hangs,
    kubelet-unhealthy, image-missing.
    """

    def __init__(self, cluster, name, address, *, version="v1.12.3", schematic="", disks=None):
        self.cluster, self.world, self.name, self.address = cluster, cluster.world, name, address
        parsed = versions.parse(version)
        if not parsed:
            raise ValueError(f"{version!r} is no version of Talos")
        self.media = versions.Installer(parsed, version, schematic)
        self.disks = [DISK | disk for disk in disks or [{}]]
        digest = hashlib.sha256(f"{self.world.seed}/{cluster.name}/{name}".encode()).digest()
        self.uuid = str(uuid.UUID(bytes=digest[:16]))
        self.conditions = set()
        self.clock_skew = datetime.timedelta(0)
        # What survives a reboot.
        self.power = "off"
        self.installed = self.previous = None
        self.stored = None
        self.staged_upgrade = None
        self.etcd = self.etcd_member = None
        self.meta = {}
        # What does not.
        self.is_up = False
        self.boot_id = ""
        self.stage = "unknown"
        self.config = self.running = None
        self.services = {}
        self.service_events = {}
        self.etcd_is_running = self.is_cri_up = self.has_static_pods = False
        self.static_pods = {}
        self.kubelet_version = ""
        # Its Node object: what the node knows of it, its name, the boot in which it was registered.
        self.kubernetes_node = None
        self.kubernetes_name = self.registered_in = ""
        self.is_node_ready = False
        self.pulled = set()
        self.apply_lock = ""
        self.lifecycle_lock = False
        self.revert = None
        self.recovery = None
        self.down_because = None
        self.signal = Signal()
        self.task = None
        self.background = set()
        self.events = Events(self)
        self.resources = Resources(self)
        self.listener = Listener(self)

    # -- what it is

    def now(self):
        """Its own idea of the time."""
        return self.world.now() + self.clock_skew

    @property
    def version(self):
        return (self.running or self.media).version

    @property
    def is_control_plane(self):
        return bool(self.config) and self.config.is_control_plane

    @property
    def hostname(self):
        config = self.config or self.stored
        name = config and config.hostname
        if name:
            return str(name).split(".")[0].lower()
        digest = hashlib.sha256(self.uuid.encode()).hexdigest()
        return f"talos-{digest[:3]}-{digest[3:6]}"

    @property
    def in_maintenance(self):
        return self.stage == "maintenance"

    @property
    def runs_api_server(self):
        return self.is_up and self.etcd_is_running and self.has_static_pods

    @property
    def is_ready(self):
        return self.stage == "running" and not self.resources.unmet()

    def hosts(self):
        """The names and addresses that its certificate is for."""
        names = [self.address, "127.0.0.1", self.hostname]
        for san in (self.config.get("machine", "certSANs", default=[]) if self.config else []):
            names.append(str(san))
        return list(dict.fromkeys(names))

    # -- power

    def power_on(self):
        self.power = "on"
        self.start(boot.life(self))

    async def power_off(self, how="off"):
        """Pulls the plug: nothing listens any more. With "black-hole" connections open and nobody ever answers."""
        self.cancel()
        self.power = how
        self.down(how)
        if how == "black-hole":
            await self.listener.open_silently()

    def start(self, coroutine):
        """Lets this sequence take over from whichever runs."""
        self.cancel()
        self.task = self.world.spawn(coroutine)

    def soon(self, function, *arguments, **options):
        """Begins a sequence when the answer to its request is on its way, unless the node is down by then."""
        boot_id = self.boot_id

        def begin():
            if self.is_up and self.boot_id == boot_id:
                function(*arguments, **options)
        asyncio.get_running_loop().call_later(ANSWER, begin)

    def cancel(self):
        if self.task and self.task is not asyncio.current_task():
            self.task.cancel()
        self.task = None

    def aside(self, coroutine):
        """Runs something that ends at the latest when the node goes down."""
        task = self.world.spawn(coroutine)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def down(self, why):
        """Everything that runs ends at once."""
        if self.is_up:
            self.world.journal.change(self, "down", why=why)
            self.cluster.going_down(self)
        self.listener.close()
        for task in list(self.background):
            if task is not asyncio.current_task():
                task.cancel()
        self.is_up = self.etcd_is_running = self.is_cri_up = self.has_static_pods = False
        self.config = self.running = None
        self.services, self.service_events, self.static_pods = {}, {}, {}
        self.pulled, self.apply_lock, self.lifecycle_lock, self.revert = set(), "", False, None
        self.kubernetes_node, self.is_node_ready = None, False
        self.stage = "unknown"
        self.events.clear()
        self.resources.clear()
        self.cluster.changed()
        self.tell_kubernetes()

    # -- changes while it is up

    def set_stage(self, stage):
        if stage != self.stage:
            self.stage = stage
            self.world.journal.change(self, "stage", stage=stage)
            self.changed()

    def set_service(self, name, state, message=""):
        if self.services.get(name) == state:
            return
        self.services[name] = state
        self.service_events.setdefault(name, []).append((state, message, self.now()))
        self.events.service(name, state, message)
        self.changed()

    def service_health(self, name):
        """unknown and healthy, as a service's status has it."""
        if self.services.get(name) != "Running" or name in ("machined", "udevd", "syslogd"):
            return (name in ("machined", "udevd", "syslogd") and self.services.get(name) == "Running", False)
        if name == "kubelet":
            return (False, "kubelet-unhealthy" not in self.conditions)
        if name == "etcd":
            return (False, bool(self.etcd and self.etcd.has_quorum))
        return (False, True)

    def changed(self):
        """Brings what others see of the node up to date."""
        self.resources.refresh()
        self.signal.fire()
        self.cluster.signal.fire()

    def tell_kubernetes(self):
        if self.cluster.kubernetes:
            self.cluster.kubernetes.touch()

    def set_kubernetes_node(self, status):
        if status != self.kubernetes_node:
            self.kubernetes_node = status
            if self.is_up:
                self.changed()

    def etcd_was_removed(self):
        """Its member is no longer one: etcd ends, its data stays."""
        self.etcd_is_running = False
        if self.is_up:
            self.set_service("etcd", "Failed", "the member has been permanently removed from the cluster")
        self.cluster.changed()

    def wipe_etcd(self):
        self.etcd_is_running = False
        self.etcd = self.etcd_member = None
        self.cluster.retired()
        self.cluster.changed()

    # -- requests that make a sequence

    def reboot(self):
        self.start(sequences.reboot(self))

    def shut_down(self):
        self.start(sequences.shut_down(self))

    def upgrade(self, image, *, stage, leave_etcd):
        self.start(sequences.upgrade(self, image, stage=stage, leave_etcd=leave_etcd))

    def reset(self, **options):
        self.start(sequences.reset(self, **options))

    def state(self):
        """What the control interface shows."""
        unmet = self.resources.unmet() if self.is_up else []
        return {
            "address": self.address, "port": self.world.port, "power": self.power, "up": self.is_up,
            "stage": self.stage, "ready": self.is_ready, "unmet": [f"{name}: {reason}" for name, reason in unmet],
            "hostname": self.hostname if self.config else None, "type": self.stored and self.stored.type,
            "version": str(self.running.tag) if self.running else None,
            "schematic": self.running.schematic if self.running else None,
            "installed": self.installed and self.installed.tag, "bootID": self.boot_id, "uuid": self.uuid,
            "services": dict(self.services), "etcdMember": self.etcd_member and f"{self.etcd_member.id:016x}",
            "conditions": sorted(self.conditions), "configDigest": self.config and self.config.digest,
            "storedDigest": self.stored and self.stored.digest, "kubernetesNode": self.kubernetes_node,
            "fingerprint": self.listener.fingerprint if self.is_up else None,
        }
