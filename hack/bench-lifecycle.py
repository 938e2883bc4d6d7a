#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the lives of clusters: a real API server, simulated Talos nodes, and the operator as it is shipped.

Prints one JSON line on standard output and progress on standard error. The operator has the settings that it is shipped
with (`settings`) and the rights of config/rbac. Clusters and their Machines are made first, with their secrets; then the
simulator begins to play the provider, so that all Machines become ready at once. Keys, in the order of the run:

  prepare_*   until every cluster has its Machines and configurations; most of it are keys of RSA 4096
  run_*       from the first Machine that is ready until every cluster is Running and healthy; per cluster, from its own
              last Machine that is ready: p50 and max
  bound_s     what the simulator's steps take one after the other on the longest way of one cluster, `bound_steps` times
              `step_s`: no operator can be faster
  overhead    of all clusters: what the run took beyond the bound, divided by the bound; p50 and max of single clusters
  apply_wait  how long machines waited in maintenance mode for their configuration; workers wait for a control plane
  rest_*      the time after that in which nothing happens: CPU of one core in percent, memory, requests to the API
              server and calls to nodes per minute, writes of the operator in the whole time (of which there should be none)

simulator_cpu is the share of a core that the simulator took meanwhile: near 1 it is the simulator that is measured.
"""
import argparse
import ast
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "bench"))

from control_plane import ROOT, AuditLog, ControlPlane, call  # noqa: E402
from errors import BenchError, end_well  # noqa: E402
from process import Operator, cpu_seconds, machine_cpu_seconds  # noqa: E402
from workload import API, CLUSTERS, on_each  # noqa: E402

WRITES = ("create", "update", "patch", "delete")
# What the simulator's nodes do one after the other, as Tests/TalosSimulator/talos_simulator/world.py names it.
INSTALLED = ["firmware", "apid", "install", "firmware", "boot", "apid", "cri", "kubelet"]
FIRST_MEMBER = ["etcd"]
NEXT_MEMBER = ["join", "etcd", "promote"]  # one learner at a time
SERVING = ["static-pods", "node-ready"]


def say(text):
    print(f"[bench-lifecycle.py] {text}", file=sys.stderr, flush=True)


def bound(steps, control_planes):
    """How many units of the simulator's delay a cluster takes at least."""
    def length(names):
        return sum(steps[name] for name in names)

    etcd = length(FIRST_MEMBER) + (control_planes - 1) * length(NEXT_MEMBER)
    return length(INSTALLED) + max(etcd, length(FIRST_MEMBER) + length(SERVING))


class Simulator:
    """Tests/TalosSimulator, as a process."""

    def __init__(self, delay):
        command = [ROOT / "hack/talos-simulator.sh", "--delay", str(delay), "--until-input-ends"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        values = {}
        while "PID" not in values:
            line = self.process.stdout.readline()
            if not line:
                raise BenchError("the simulator did not start")
            key, _, value = line.strip().partition("=")
            values[key] = value
        self.url, self.prefix, self.pid = values["CONTROL"], values["PREFIX"], int(values["PID"])

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=120) as response:
            return json.load(response)

    def journal(self, since=0, kinds="request,change"):
        return self.request(f"/journal?since={since}&kind={kinds}")

    def cpu(self):
        return cpu_seconds(self.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=30)


class Follower:
    """Watches clusters and Machines: when each Machine was ready, and when each cluster ran."""

    def __init__(self, plane, clusters, nodes):
        self.clusters, self.nodes = clusters, nodes
        self.machines, self.configured, self.ready, self.running = set(), set(), {}, {}
        self.failure, self.changed = None, threading.Condition()
        for resource, handle in (("kubernetesclusters", self.cluster), ("machines", self.machine)):
            path = f"{API}/{resource}"
            threading.Thread(target=self.follow, args=(plane, path, handle), daemon=True).start()

    def follow(self, plane, path, handle):
        try:
            version = plane.version(path)
            while True:
                with plane.watch(path, version).makefile("rb") as stream:
                    for line in stream:
                        if line.startswith(b'{"type":"'):
                            version = self.take(json.loads(line), handle)
        except (OSError, ValueError, LookupError, BenchError) as error:
            self.failure = f"the watch of {path} failed: {error!r}"

    def take(self, event, handle):
        item = event["object"]
        if event["type"] == "ERROR":
            raise BenchError(item["message"])
        with self.changed:
            handle(item["metadata"]["name"], item, item.get("status", {}))
            self.changed.notify_all()
        return item["metadata"]["resourceVersion"]

    def machine(self, name, _, status):
        self.machines.add(name)
        if status.get("phase") == "Running":
            self.ready.setdefault(name, time.monotonic())

    def cluster(self, name, item, status):
        verdicts = {each["type"]: each["status"] for each in status.get("conditions", [])}
        if verdicts.get("ConfigGenerated") == "True" and status.get("machineCount") == self.nodes:
            self.configured.add(name)
        if status.get("lifecycle", {}).get("halt"):
            raise BenchError(f"{name} halted: {status['lifecycle']['halt']}")
        if status.get("phase") == "Running" and verdicts.get("Healthy") == verdicts.get("Ready") == "True" \
                and status.get("observedGeneration") == item["metadata"]["generation"]:
            self.running.setdefault(name, time.monotonic())

    def wait(self, condition, what, operator, timeout):
        """Waits until `condition()` gives as many as there are to be."""
        deadline, told = time.monotonic() + timeout, 0
        with self.changed:
            while True:
                done, all_of_them = condition()
                if done == all_of_them:
                    return
                operator.check()
                if self.failure:
                    raise BenchError(self.failure)
                if time.monotonic() > deadline:
                    raise BenchError(f"{done} of {all_of_them} {what} after {timeout} s")
                if time.monotonic() > told + 10:
                    told = time.monotonic()
                    say(f"{done} of {all_of_them} {what}")
                self.changed.wait(1)


class Run:
    """The whole of it, on one control plane."""

    def __init__(self, plane, simulator, directory, options):
        self.plane, self.simulator, self.options = plane, simulator, options
        self.audit = AuditLog(plane.state["AUDIT_LOG"])
        self.flags = ["--config-management", *options.flag]
        self.operator = Operator([str(ROOT / options.operator), "run"], plane, directory, self.flags)
        self.nodes = options.control_planes + options.workers
        self.names = [f"life-{number:03}" for number in range(options.clusters)]
        self.follower = Follower(plane, options.clusters, self.nodes)
        self.result = {"name": "lifecycle", "clusters": options.clusters, "control_planes": options.control_planes,
                       "workers": options.workers, "nodes": options.clusters * self.nodes, "talos": options.talos,
                       "step_s": options.step, "settings": " ".join(self.flags) + ", else as shipped",
                       "server": plane.state["VERSION"]}

    def record(self, **values):
        self.result |= {key: round(value, 3) if isinstance(value, float) else value for key, value in values.items()}

    def measure(self):
        try:
            self.operator.start()
            self.operator.wait_ready()
            self.record(empty_rss_mib=self.operator.memory("VmRSS"))
            self.prepare()
            self.run()
            self.rest()
            violations = self.simulator.request("/violations")
            self.record(violations=len(violations))
        finally:
            self.operator.kill()
        return self.result

    def manifest(self, number, name):
        template = {"spec": {"provider": "kubevirt"}}
        return json.dumps({
            "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster", "metadata": {"name": name},
            "spec": {"clusterName": name, "management": "Full", "kubernetesVersion": self.options.kubernetes,
                     "talosVersion": self.options.talos,
                     "clusterEndpoint": f"https://{self.simulator.prefix}.{number % 250 + 1}.254:6443",
                     "controlPlane": {"replicas": self.options.control_planes, "machineTemplate": template},
                     "workers": [{"name": "w", "replicas": self.options.workers, "machineTemplate": template}]
                     if self.options.workers else []}}).encode()

    def prepare(self):
        say(f"creating {len(self.names)} clusters of {self.nodes} nodes")
        numbers = {name: number for number, name in enumerate(self.names)}
        start, cpu = time.monotonic(), self.operator.cpu()
        on_each(self.plane, self.names,
                lambda connection, name: call(connection, "POST", CLUSTERS, self.manifest(numbers[name], name)))
        follower = self.follower
        follower.wait(lambda: (len(follower.configured), self.options.clusters), "clusters have their Machines",
                      self.operator, self.options.timeout)
        time.sleep(3)
        self.record(prepare_s=time.monotonic() - start, prepare_cpu_s=self.operator.cpu() - cpu,
                    prepare_rss_mib=self.operator.memory("VmRSS"))

    def run(self):
        follower = self.follower
        self.audit.take()
        cpu, theirs, machine = self.operator.cpu(), self.simulator.cpu(), machine_cpu_seconds()
        self.simulator.request("/provider", {
            "kubeconfig": self.plane.state["KUBECONFIG"], "version": self.options.talos, "kubernetes": "model"})
        follower.wait(lambda: (len(follower.running), self.options.clusters), "clusters run", self.operator,
                      self.options.timeout)
        first, last = min(follower.ready.values()), max(follower.running.values())
        took = last - first
        requests = self.audit.take()
        self.record(machines_ready_s=max(follower.ready.values()) - first, run_s=took,
                    run_cpu_s=self.operator.cpu() - cpu,
                    run_cpu_per_cluster_s=(self.operator.cpu() - cpu) / self.options.clusters,
                    simulator_cpu=(self.simulator.cpu() - theirs) / took,
                    machine_cpu=(machine_cpu_seconds() - machine) / took,
                    run_rss_mib=self.operator.memory("VmRSS"), peak_rss_mib=self.operator.memory("VmHWM"),
                    run_requests=dict(requests))
        self.overhead(took)
        say(f"all run after {took:.1f} s, {self.result['overhead']:.1%} more than the bound")

    def overhead(self, took):
        steps = bound(self.steps(), self.options.control_planes)
        limit = steps * self.options.step
        singles = sorted(self.follower.running[name] - max(when for machine, when in self.follower.ready.items()
                                                           if machine.startswith(f"{name}-")) for name in self.names)
        journal = self.simulator.journal()["entries"]
        if self.options.journal:
            self.options.journal.write_text("".join(json.dumps(entry) + "\n" for entry in journal))
        self.record(bound_steps=steps, bound_s=limit, overhead=took / limit - 1,
                    run_cluster_p50_s=statistics.median(singles), run_cluster_max_s=singles[-1],
                    overhead_p50=statistics.median(singles) / limit - 1, overhead_max=singles[-1] / limit - 1,
                    run_calls=sum(entry["kind"] == "request" for entry in journal),
                    **self.apply_waits(journal))

    @staticmethod
    def steps():
        """The simulator's own table of what a step takes."""
        text = (ROOT / "Tests/TalosSimulator/talos_simulator/world.py").read_text()
        table = text[text.index("STEPS = {") + len("STEPS = "):]
        return ast.literal_eval(table[:table.index("}") + 1])

    @staticmethod
    def apply_waits(journal):
        """How long machines waited in maintenance mode for their configuration, in seconds."""
        since, waits = {}, []
        for entry in journal:
            place, at = (entry.get("cluster"), entry.get("node")), entry["at_ms"] / 1000
            if entry.get("stage") == "maintenance":
                since[place] = at
            elif entry["kind"] == "request" and entry["method"].endswith("/ApplyConfiguration") and place in since:
                waits.append(at - since.pop(place))
        return {"apply_wait_p50_s": statistics.median(waits), "apply_wait_max_s": max(waits)}

    def rest(self):
        time.sleep(self.options.settle)
        late = self.audit.take()
        say(f"at rest for {self.options.rest} s")
        last = self.simulator.request("/journal?since=999999999")["last"]
        cpu, theirs, start = self.operator.cpu(), self.simulator.cpu(), time.monotonic()
        time.sleep(self.options.rest)
        took, requests = time.monotonic() - start, self.audit.take()
        calls = self.simulator.journal(last, "request")["entries"]
        minutes = took / 60
        self.record(
            settle_s=self.options.settle, settle_writes=writes(late), settle_requests=dict(late), rest_s=took,
            rest_cpu_percent=(self.operator.cpu() - cpu) / took * 100,
            rest_rss_mib=self.operator.memory("VmRSS"), rest_peak_rss_mib=self.operator.memory("VmHWM"),
            rest_requests_per_minute=sum(requests.values()) / minutes, rest_calls_per_minute=len(calls) / minutes,
            rest_writes=writes(requests), rest_requests=dict(requests),
            rest_simulator_cpu=(self.simulator.cpu() - theirs) / took)


def writes(requests):
    """What was written but for the Lease."""
    return sum(count for what, count in requests.items() if what.split()[0] in WRITES and "leases" not in what)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operator", default="dist/talos-operator", help="the program")
    parser.add_argument("--clusters", metavar="N", type=int, default=20)
    parser.add_argument("--control-planes", metavar="N", type=int, default=3)
    parser.add_argument("--workers", metavar="N", type=int, default=2)
    parser.add_argument("--talos", metavar="VERSION", default="v1.12.3", help="before v1.7 clusters have no RSA keys")
    parser.add_argument("--kubernetes", metavar="VERSION", default="v1.34.1", help="one that goes with it")
    parser.add_argument("--step", metavar="SECONDS", type=float, default=5, help="what a step of the simulator takes")
    parser.add_argument("--settle", metavar="SECONDS", type=int, default=45, help="before the rest is measured")
    parser.add_argument("--rest", metavar="SECONDS", type=int, default=120, help="how long the rest is measured")
    parser.add_argument("--flag", action="append", default=[], help="another flag for the operator, as in --flag=--a=b")
    parser.add_argument("--journal", metavar="FILE", type=Path, help="where the simulator's journal of the run is put")
    parser.add_argument("--timeout", metavar="SECONDS", type=int, default=900, help="for each step")
    return parser.parse_args()


def main():
    options = parse()
    # In memory, so that the disk and what others write to it is not measured.
    if os.access("/dev/shm", os.W_OK):
        os.environ["TMPDIR"] = tempfile.tempdir = "/dev/shm"
    grants = ["config/rbac/config-management/role.yaml", "config/rbac/leader-election.yaml"]
    with ControlPlane(grants) as plane, tempfile.TemporaryDirectory(prefix="talos-operator-bench.") as directory, \
            Simulator(options.step) as simulator:
        result = Run(plane, simulator, Path(directory), options).measure()
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    end_well(main, say)
