# SPDX-License-Identifier: Apache-2.0
"""The resources of a node, which follow from its state: their versions, and those who watch them."""
import asyncio
import contextlib

import yaml

from . import messages
from .resource_specs import TYPES, desired, proto_spec


class Dumper(yaml.CSafeDumper):
    """Block style, as Go writes it; bytes as text."""

    def ignore_aliases(self, data):
        return True


Dumper.add_representer(bytes, lambda dumper, data: dumper.represent_scalar(
    "tag:yaml.org,2002:str", data.decode("utf-8", "replace"), style="|"))


class Stored:
    """One version of one resource."""

    def __init__(self, key, spec, version, created, updated, labels):
        self.key, self.spec, self.version = key, spec, version
        self.created, self.updated, self.labels = created, updated, labels

    def message(self, with_spec=True):
        namespace, kind, identifier = self.key
        metadata = messages.ResourceMetadata(
            namespace=namespace, type=kind, id=identifier, version=str(self.version), owner=TYPES[kind],
            phase="running", created=self.created, updated=self.updated, labels=dict(self.labels))
        if not with_spec:
            return messages.Resource(metadata=metadata, spec=messages.ResourceSpec())
        return messages.Resource(metadata=metadata, spec=messages.ResourceSpec(
            proto_spec=proto_spec(kind, self.spec),
            yaml_spec=yaml.dump(self.spec, Dumper=Dumper, default_flow_style=False, sort_keys=False, indent=4)))


class Resources:
    """All resources of a node. Versions count up from 1, and start again after a reboot."""

    def __init__(self, node):
        self.node = node
        self.kept = {}
        self.queues = set()

    def clear(self):
        self.kept.clear()

    def unmet(self):
        """What a node that is coming up or running still lacks, as names with reasons."""
        return unmet_conditions(self.node)

    def find(self, namespace, kind, identifier):
        return self.kept.get((namespace, kind, identifier))

    def refresh(self):
        """Compares what there should be with what there is, and tells those who watch."""
        if not self.node.is_up:
            return
        wanted = desired(self.node)
        was = self.kept.get(("runtime", "MachineStatuses.runtime.talos.dev", "machine"))
        for key, (spec, labels) in wanted.items():
            old = self.kept.get(key)
            if old and old.spec == spec and old.labels == labels:
                continue
            now = self.node.now()
            new = Stored(key, spec, old.version + 1 if old else 1, old.created if old else now, now, labels)
            self.kept[key] = new
            self.tell(messages.EventType.UPDATED if old else messages.EventType.CREATED, new, old)
        for key in [key for key in self.kept if key not in wanted]:
            old = self.kept.pop(key)
            self.tell(messages.EventType.DESTROYED, old, None)
        status = self.kept.get(("runtime", "MachineStatuses.runtime.talos.dev", "machine"))
        if status is not was:
            self.node.events.machine_status()

    def tell(self, kind, new, old):
        for queue in self.queues:
            queue.put_nowait((kind, new, old))

    @contextlib.contextmanager
    def subscription(self):
        queue = asyncio.Queue()
        self.queues.add(queue)
        try:
            yield queue
        finally:
            self.queues.discard(queue)


def unmet_conditions(node):
    if node.stage not in ("booting", "running"):
        return []
    unmet = []
    if "time-not-in-sync" in node.conditions:
        unmet.append(("time", "time is not synced"))
    problems = []
    for name, state in sorted(node.services.items()):
        unknown, healthy = node.service_health(name)
        if state == "Running" and not unknown and not healthy:
            problems.append(f"{name} not healthy")
    required = ["apid", "machined", "kubelet"] + (["etcd", "trustd"] if node.is_control_plane else [])
    problems += [f"{name} not running" for name in required if node.services.get(name) != "Running"]
    if problems:
        unmet.append(("services", ", ".join(problems)))
    if node.is_control_plane and node.etcd_is_running and not node.has_static_pods:
        unmet.append(("staticPods", f"kube-system/kube-apiserver-{node.hostname} pending"))
    if node.config and not node.config.get("machine", "kubelet", "skipNodeRegistration"):
        if not node.kubernetes_node:
            unmet.append(("nodeReady", f'node "{node.hostname}" status is not available yet'))
        elif not node.kubernetes_node["ready"]:
            unmet.append(("nodeReady", f'node "{node.hostname}" is not ready'))
    return unmet

