#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Checks on a real API server that the CRDs refuse bad input and accept good input.

usage: check-crds.py           (KUBECONFIG names the server; nothing but the CRDs is stored there)

Each row of BAD changes one thing in examples/full-cluster.yaml and says what the refusal must name. Everything is sent
with --dry-run=server and without validation by kubectl, so it is the server's schema alone that decides.
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
]
# Refused from 1.25 on, where the rules of x-kubernetes-validations count.
BAD_WITH_RULES = [("workers", [{"name": "a" * 50, "replicas": 1}], "at most 63 characters")]
GOOD = [
    ("clusterName", "a" * 50),
    ("clusterEndpoint", "https://[fd00::1]:65535"),
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
]


def kubectl(*arguments, text=None):
    """Runs kubectl; returns (exit code, standard output, standard error)."""
    done = subprocess.run([KUBECTL, *arguments], input=text, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def changed(base, name, path, value):
    """`base` under another name, with `value` at `path` below spec."""
    result = copy.deepcopy(base)
    result["metadata"] = {"name": name}
    *parents, last = path.split(".")
    node = result["spec"]
    for key in parents:
        node = node[key]
    if value is MISSING:
        del node[last]
    else:
        node[last] = value
    return result


def main():
    code, _, error = kubectl("apply", "--validate=false", "-f", str(ROOT / "config/crd"))
    if code == 0:
        code, _, error = kubectl(
            "wait", "--for=condition=Established", "--timeout=30s", "crd/kubernetesclusters.vitistack.io",
            "crd/machines.vitistack.io")
    if code == 0:
        code, text, error = kubectl(
            "create", "--dry-run=client", "--validate=false", "-o", "json", "-f",
            str(ROOT / "examples/full-cluster.yaml"))
    if code != 0:
        sys.exit(error)
    base = json.loads(text)
    _, version, _ = kubectl("version", "-o", "json")
    has_rules = int(re.sub(r"\D", "", json.loads(version)["serverVersion"]["minor"])) >= 25
    bad = BAD + (BAD_WITH_RULES if has_rules else [])
    items = [changed(base, f"bad-{i}", *row[:2]) for i, row in enumerate(bad)]
    items += [changed(base, f"good-{i}", *row) for i, row in enumerate(GOOD)]
    bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    _, accepted, refused = kubectl("create", "--dry-run=server", "--validate=false", "-f", "-", text=bundle)
    accepted = set(re.findall(r"/((?:good|bad)-\d+) created", accepted))
    messages = dict(re.findall(r'"(\w+-\d+)" is invalid: (.*?)(?=\nThe |\nError |\Z)', refused, re.DOTALL))

    problems = []
    for index, (path, value, named) in enumerate(bad):
        message = re.sub(r"\[\d+\]", "", messages.get(f"bad-{index}", ""))  # old servers give no index
        if f"bad-{index}" in accepted or named not in message:
            problems.append(f"spec.{path} = {value!r} was not refused for {named}: {message or 'accepted'}")
    for index, (path, value) in enumerate(GOOD):
        if f"good-{index}" not in accepted:
            problems.append(f"spec.{path} = {value!r} was refused: {messages.get(f'good-{index}', refused)}")
    print("\n".join(problems) if problems else f"check-crds: {len(bad)} refused and {len(GOOD)} accepted, as they should")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
