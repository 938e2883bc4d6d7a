#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Checks on a real API server that the CRDs refuse bad input and accept good input.

usage: check-crds.py           (KUBECONFIG names the server; nothing but the CRDs is stored there)

Each row of BAD changes one thing in examples/full-cluster.yaml and says what the refusal must name. Everything is sent
with --dry-run=server and without validation by kubectl, so it is the server's schema alone that decides.

A server before 1.25 ignores x-kubernetes-validations. Then its rules are evaluated here, with cel-python
(hack/install-deps.sh cel prints a Python that has it): each refuses a row of BAD_WITH_RULES, and all take every row of
GOOD.
"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KUBECTL = os.environ.get("KUBECTL", "kubectl")
MISSING = object()
LONG = "a" * 59
GROUP = {"name": "workers", "replicas": 1}

# (path below spec, bad value or MISSING, what the message names)
BAD = [
    ("clusterName", MISSING, "spec.clusterName"),
    ("clusterName", "", "spec.clusterName"),
    ("clusterName", "Upper", "spec.clusterName"),
    ("clusterName", "-dash", "spec.clusterName"),
    ("clusterName", "dash-", "spec.clusterName"),
    ("clusterName", "a.b", "spec.clusterName"),
    ("clusterName", "../up", "spec.clusterName"),
    ("clusterName", "new\nline", "spec.clusterName"),
    ("clusterName", LONG, "spec.clusterName"),
    ("clusterName", 7, "spec.clusterName"),
    ("kubernetesVersion", MISSING, "spec.kubernetesVersion"),
    ("kubernetesVersion", "1.28.3", "spec.kubernetesVersion"),
    ("kubernetesVersion", "v1.28", "spec.kubernetesVersion"),
    ("kubernetesVersion", "v1.028.3", "spec.kubernetesVersion"),
    ("kubernetesVersion", "v1.28.3-rc.1", "spec.kubernetesVersion"),
    ("talosVersion", MISSING, "spec.talosVersion"),
    ("talosVersion", "latest", "spec.talosVersion"),
    ("talosVersion", "v1.5.5 ", "spec.talosVersion"),
    ("clusterEndpoint", MISSING, "spec.clusterEndpoint"),
    ("clusterEndpoint", "192.168.1.100:6443", "spec.clusterEndpoint"),
    ("clusterEndpoint", "http://192.168.1.100:6443", "spec.clusterEndpoint"),
    ("clusterEndpoint", "https://192.168.1.100", "spec.clusterEndpoint"),
    ("clusterEndpoint", "https://192.168.1.100:0", "spec.clusterEndpoint"),
    ("clusterEndpoint", "https://192.168.1.100:65536", "spec.clusterEndpoint"),
    ("clusterEndpoint", "https://192.168.1.100:6443/", "spec.clusterEndpoint"),
    ("clusterEndpoint", "https://2001:db8::1:6443", "spec.clusterEndpoint"),
    ("clusterEndpoint", "https://user@host:6443", "spec.clusterEndpoint"),
    ("podSubnets", "10.244.0.0/16", "spec.podSubnets"),
    ("podSubnets", ["10.244.0.0"], "spec.podSubnets"),
    ("podSubnets", ["10.244.0.0/33"], "spec.podSubnets"),
    ("podSubnets", ["10.256.0.0/16"], "spec.podSubnets"),
    ("podSubnets", ["10.010.0.0/16"], "spec.podSubnets"),
    ("podSubnets", ["FD00::/56"], "spec.podSubnets"),
    ("serviceSubnets", ["fd00::/129"], "spec.serviceSubnets"),
    ("serviceSubnets", ["anything"], "spec.serviceSubnets"),
    ("controlPlane", MISSING, "spec.controlPlane"),
    ("controlPlane.replicas", MISSING, "spec.controlPlane.replicas"),
    ("controlPlane.replicas", 0, "spec.controlPlane.replicas"),
    ("controlPlane.replicas", 2, "spec.controlPlane.replicas"),
    ("controlPlane.replicas", 9, "spec.controlPlane.replicas"),
    ("controlPlane.replicas", -1, "spec.controlPlane.replicas"),
    ("controlPlane.replicas", "3", "spec.controlPlane.replicas"),
    ("controlPlane.machineTemplate.metadata.labels", {"a": "b c"}, "metadata.labels"),
    ("controlPlane.machineTemplate.metadata.annotations", {"a": 1}, "metadata.annotations"),
    ("controlPlane.machineTemplate.spec", "text", "machineTemplate.spec"),
    ("workers", [{"replicas": 1}], "spec.workers.name"),
    ("workers", [{"name": "workers"}], "spec.workers.replicas"),
    ("workers", [{"name": "cp", "replicas": 1}], "spec.workers.name"),
    ("workers", [{"name": "A", "replicas": 1}], "spec.workers.name"),
    ("workers", [{"name": "a" * 64, "replicas": 0}], "spec.workers.name"),
    ("workers", [{"name": "workers", "replicas": -1}], "spec.workers.replicas"),
    ("workers", [{"name": "workers", "replicas": 1.5}], "spec.workers.replicas"),
    ("workers", [GROUP, GROUP], "Duplicate value"),
    ("workers", [{"name": "workers", "replicas": 1001}], "spec.workers.replicas"),
    ("talosConfig.machine.type", "init", "spec.talosConfig.machine.type"),
    ("talosConfig.machine.token", "", "spec.talosConfig.machine.token"),
    ("talosConfig.machine.ca.key", MISSING, "spec.talosConfig.machine.ca.key"),
    ("talosConfig.machine.kubelet.extraArgs", {"max-pods": 200}, "kubelet.extraArgs"),
    ("talosConfig.cluster.controlPlane.endpoint", "https://host", "controlPlane.endpoint"),
    ("talosConfig.cluster.network.dnsDomain", "under_score", "network.dnsDomain"),
    ("talosConfig.cluster.network.podSubnets", ["x"], "network.podSubnets"),
    ("talosConfig.install.disk", "sda", "spec.talosConfig.install.disk"),
    ("talosConfig.install.wipe", "no", "spec.talosConfig.install.wipe"),
    ("management", "config", "spec.management"),
    ("management", "", "spec.management"),
    ("rollout", "Auto", "spec.rollout"),
    ("rollout.approval", "auto", "spec.rollout.approval"),
    ("rollout.mode", "Restart", "spec.rollout.mode"),
    ("rollout.maxUnavailable", 0, "spec.rollout.maxUnavailable"),
    ("rollout.maxUnavailable", 5001, "spec.rollout.maxUnavailable"),
    ("rollout.maxUnavailable", "20", "spec.rollout.maxUnavailable"),
    ("rollout.maxUnavailable", "0%", "spec.rollout.maxUnavailable"),
    ("rollout.maxUnavailable", "101%", "spec.rollout.maxUnavailable"),
    ("rollout.maxUnavailable", 1.5, "spec.rollout.maxUnavailable"),
    ("rollout.drain.enabled", "yes", "spec.rollout.drain.enabled"),
    ("rollout.drain.timeout", "5 minutes", "spec.rollout.drain.timeout"),
    ("rollout.drain.timeout", 300, "spec.rollout.drain.timeout"),
    ("rollout.drain.onTimeout", "Delete", "spec.rollout.drain.onTimeout"),
    ("rollout.settle", "half a minute", "spec.rollout.settle"),
    ("driftPolicy", "Ignore", "spec.driftPolicy"),
    ("upgrade.rebootMode", "Kexec", "spec.upgrade.rebootMode"),
    ("upgrade.stage", "yes", "spec.upgrade.stage"),
    ("upgrade.snapshot", 1, "spec.upgrade.snapshot"),
    ("upgrade.hops", ["v1.12.7"], "spec.upgrade.hops"),
    ("upgrade.hops", {"v1.12": "v1.12"}, "spec.upgrade.hops"),
    ("upgrade.windows", "Sun 02:00 4h", "spec.upgrade.windows"),
    ("upgrade.windows", [""], "spec.upgrade.windows"),
    ("upgrade.windows", ["03:00 1h"] * 33, "spec.upgrade.windows"),
    ("deletion.reset", "Yes", "spec.deletion.reset"),
    ("deletion.wipe", "Disk", "spec.deletion.wipe"),
    ("deletion.retainSecrets", "no", "spec.deletion.retainSecrets"),
    ("paused", "yes", "spec.paused"),
    ("patches", {"machine": {}}, "spec.patches"),
    ("patches", "machine: {}", "spec.patches"),
    ("patches", ["x"] * 65, "spec.patches"),
    ("controlPlane.patches", {}, "spec.controlPlane.patches"),
    ("controlPlane.patches", ["x"] * 65, "spec.controlPlane.patches"),
    ("workers", [{**GROUP, "patches": "x"}], "spec.workers.patches"),
    ("machinePatches", [], "spec.machinePatches"),
    ("machinePatches", {"a-cp-0": "x"}, "spec.machinePatches.a-cp-0"),
    ("machinePatches", {"a-cp-0": ["x"] * 65}, "spec.machinePatches.a-cp-0"),
    ("data", [], "spec.data"),
    ("machineData", [], "spec.machineData"),
    ("machineData", {"a-cp-0": "x"}, "spec.machineData.a-cp-0"),
    ("validationMode", "Metal", "spec.validationMode"),
    ("schematic", "x", "spec.schematic"),
    ("schematic", {"id": "376567"}, "spec.schematic.id"),
    ("schematic", {"id": "A" * 64}, "spec.schematic.id"),
    ("schematic", {"factory": "https://factory.talos.dev"}, "spec.schematic.factory"),
    ("schematic", {"factory": "factory.talos.dev/"}, "spec.schematic.factory"),
    ("schematic", {"platform": "metal installer"}, "spec.schematic.platform"),
    ("schematic", {"extensions": "siderolabs/iscsi-tools"}, "spec.schematic.extensions"),
    ("schematic", {"extensions": [""]}, "spec.schematic.extensions"),
    ("schematic", {"extraKernelArgs": [1]}, "spec.schematic.extraKernelArgs"),
    ("schematic", {"meta": [{"key": 10}]}, "spec.schematic.meta.value"),
    ("schematic", {"meta": [{"key": 256, "value": ""}]}, "spec.schematic.meta.key"),
    ("schematic", {"owner": ""}, "spec.schematic.owner"),
    ("schematic", {"overlay": "rpi_generic"}, "spec.schematic.overlay"),
    ("schematic", {"customization": {"meta": {}}}, "spec.schematic.customization.meta"),
    ("schematic", {"customization": {"systemExtensions": []}}, "customization.systemExtensions"),
]
# Refused from 1.25 on, where the rules of x-kubernetes-validations count.
BAD_WITH_RULES = [
    ("workers", [{"name": "a" * 50, "replicas": 1}], "at most 63 characters"),
    ("workers", [{"name": "a" * 47, "replicas": 1}, {"name": "a" * 48, "replicas": 11}], "at most 63 characters"),
    ("talosConfig.cluster.name", "another", "must be the same as clusterName"),
    ("clusterName", "another", "must be the same as clusterName"),
    ("talosConfig.cluster.controlPlane.endpoint", "https://another:6443", "must be the same as clusterEndpoint"),
    ("schematic", {"id": "0" * 64, "extensions": []}, "registered already"),
    ("schematic", {"id": "0" * 64, "customization": {}}, "registered already"),
    ("schematic", {"id": "0" * 64, "overlay": {}}, "registered already"),
]
# Paths and values in turn.
GOOD = [
    ("clusterName", "a" * 50, "talosConfig.cluster.name", MISSING),
    ("clusterName", "a" * 50, "talosConfig.cluster.name", "a" * 50),
    ("clusterEndpoint", "https://[fd00::1]:65535", "talosConfig.cluster.controlPlane", MISSING),
    ("workers", [{"name": "a" * 48, "replicas": 10}]),
    ("talosConfig.cluster.name", MISSING),
    ("talosConfig.cluster.controlPlane", {}),
    ("talosConfig.cluster.controlPlane", MISSING),
    ("talosConfig.cluster", MISSING),
    ("podSubnets", []),
    ("podSubnets", ["0.0.0.0/0", "fd00:10:244::/56", "2001:db8::/128"]),
    ("workers", MISSING),
    ("workers", None),
    ("controlPlane.machineTemplate", None),
    ("controlPlane.machineTemplate.spec", None),
    ("workers", [{"name": "a" * 63, "replicas": 0}]),
    ("workers", [{"name": "c-p", "replicas": 0}]),
    ("talosConfig", MISSING),
    ("talosConfig.machine", {}),
    ("talosConfig.install", {}),
    ("management", MISSING),
    ("management", "Machines"),
    ("management", "Full"),
    ("rollout", {}),
    ("rollout", MISSING),
    ("rollout.maxUnavailable", "100%"),
    ("rollout.maxUnavailable", 5000),
    ("rollout.drain.timeout", "1h2m3.5s"),
    ("upgrade", {}),
    ("upgrade.windows", []),
    ("deletion", {"reset": "Graceful"}),
    ("paused", None),
    ("patches", []),
    ("patches", ["machine: {}", {"machine": {"sysctls": {"a": "b"}}}, [{"op": "remove", "path": "/machine/sysctls"}]]),
    ("patches", [{"configMapRef": {"name": "ntp"}}, {"secretRef": {"name": "wifi", "optional": True}}]),
    ("controlPlane.patches", [{"inline": "machine: {}", "name": "nothing"}]),
    ("workers", [{**GROUP, "patches": [{"inline": {"machine": {}}}]}]),
    ("machinePatches", {"full-cluster-cp-0": ["x"], "no-such-machine": []}),
    ("data", {"list": [1, {"a": None}], "text": "x"}),
    ("machineData", {"full-cluster-cp-0": {"rack": 7}}),
    ("validationMode", "container"),
    ("schematic", MISSING),
    ("schematic", {}),
    ("schematic", {"id": "0" * 64, "platform": "nocloud", "factory": "factory.example.com:8443/talos", "secureboot": True}),
    ("schematic", {"secureboot": {"includeWellKnownCertificates": True}}),
    ("schematic", {"owner": "me", "extensions": ["a/b"], "meta": [{"key": 10, "value": "x"}]}),
]


def kubectl(*arguments, text=None):
    """Runs kubectl; returns (exit code, standard output, standard error)."""
    done = subprocess.run([KUBECTL, *arguments], input=text, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def changed(base, name, *changes):
    """`base` under another name, with each value at the path below spec that stands before it."""
    result = copy.deepcopy(base)
    result["metadata"] = {"name": name}
    for path, value in zip(changes[::2], changes[1::2]):
        *parents, last = path.split(".")
        node = result["spec"]
        for key in parents:
            node = node[key]
        if value is MISSING:
            del node[last]
        else:
            node[last] = value
    return result


def documents(text):
    """The JSON documents that stand one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        yield document
        at += len(text[at:]) - len(text[at:].lstrip())


class Rules:
    """The x-kubernetes-validations of the CRDs, evaluated here."""

    def __init__(self, schema):
        # Here, because a server of 1.25 or later needs it not.
        import celpy
        self.celpy = celpy
        self.all = list(self._find(schema, ()))

    def _find(self, schema, path):
        for rule in schema.get("x-kubernetes-validations", []):
            environment = self.celpy.Environment()
            yield path, environment.program(environment.compile(rule["rule"])), " ".join(rule["message"].split())
        for key, child in schema.get("properties", {}).items():
            yield from self._find(child, (*path, key))
        if "x-kubernetes-validations" in json.dumps(schema.get("items", {})):
            sys.exit(f"{'.'.join(path)}[]: rules of elements are not evaluated here")

    def refusals(self, document):
        """The messages of the rules that a document breaks."""
        for path, program, message in self.all:
            value = document
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None and not program.evaluate({"self": self.celpy.json_to_cel(value)}):
                yield message


def install():
    """Puts the CRDs there; returns the example that rows change, the schema of clusters, and whether rules count."""
    crd = "crd/kubernetesclusters.vitistack.io"
    code, _, error = kubectl("apply", "--validate=false", "-f", str(ROOT / "config/crd"))
    if code == 0:
        code, _, error = kubectl(
            "wait", "--for=condition=Established", "--timeout=30s", crd, "crd/machines.vitistack.io")
    if code == 0:
        code, base, error = kubectl(
            "create", "--dry-run=client", "--validate=false", "-o", "json", "-f",
            str(ROOT / "examples/full-cluster.yaml"))
    if code == 0:
        # Read by kubectl, which keeps what the server would drop.
        code, definition, error = kubectl(
            "create", "--dry-run=client", "--validate=false", "-o", "json", "-f",
            str(ROOT / "config/crd/vitistack.io_kubernetesclusters.yaml"))
    if code != 0:
        sys.exit(error)
    _, version, _ = kubectl("version", "-o", "json")
    has_rules = int(re.sub(r"\D", "", json.loads(version)["serverVersion"]["minor"])) >= 25
    schema = json.loads(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return json.loads(base), schema, has_rules


def main():
    base, schema, has_rules = install()
    bad = BAD + BAD_WITH_RULES
    items = [changed(base, f"bad-{i}", *row[:2]) for i, row in enumerate(bad)]
    items += [changed(base, f"good-{i}", *row) for i, row in enumerate(GOOD)]
    bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    _, output, refused = kubectl(
        "create", "--dry-run=server", "--validate=false", "-o", "json", "-f", "-", text=bundle)
    accepted = {document["metadata"]["name"]: document for document in documents(output)}
    messages = dict(re.findall(r'"(\w+-\d+)" is invalid: (.*?)(?=\nThe |\nError |\Z)', refused, re.DOTALL))
    unused = set()
    if not has_rules:
        rules = Rules(schema)
        unused = {message for _, _, message in rules.all}
        for name in list(accepted):
            if broken := list(rules.refusals(accepted[name])):
                messages[name] = "; ".join(broken)
                unused -= set(broken)
                del accepted[name]

    problems = [f"no row breaks the rule: {message}" for message in unused]
    for index, (path, value, named) in enumerate(bad):
        message = re.sub(r"\[\d+\]", "", messages.get(f"bad-{index}", ""))  # old servers give no index
        if f"bad-{index}" in accepted or named not in message:
            problems.append(f"spec.{path} = {value!r} was not refused for {named}: {message or 'accepted'}")
    for index, row in enumerate(GOOD):
        if f"good-{index}" not in accepted:
            problems.append(f"{row} was refused: {messages.get(f'good-{index}', refused)}")
    print("\n".join(problems) if problems else f"check-crds: {len(bad)} refused and {len(GOOD)} accepted, as they should")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
