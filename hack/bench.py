#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures operators on a real control plane.

Prints one JSON line for each run on standard output and progress on standard error. Each run has a control plane of its
own, and the operator has the rights of its account in config/rbac and no others. A cluster has 3 control planes and 5
workers. Keys of the JSON line, in the order of the run:

  empty_*    the operator before there is any cluster
  converge_* from the first cluster created (with --precreate: from the operator's start) until every cluster has its 8
             Machines and a status that says so. latency: from a cluster's creation to its last Machine. requests: of
             the operator's user alone, from the audit log; server_requests: everybody's, from the server's metrics
  settled_*  in the 5 seconds after that: there should be no write
  idle_*     in 60 seconds in which nothing happens
  restart_*  SIGTERM, start again, until /readyz is 200; its requests until there was none for 2 seconds
  delete_*   all clusters deleted at once, until the last object is gone

The machine is shared: apiserver_cpu_s, etcd_cpu_s and driver_cpu_s say what these used while clusters converged, and
machine_cpu_s what all processes did. If that is much more than the sum, the wall clock times mean nothing.
"""
import argparse
import contextlib
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "bench"))

from control_plane import AuditLog, ControlPlane, call  # noqa: E402
from errors import BenchError, end_well  # noqa: E402
from observer import Observer  # noqa: E402
from process import Operator, cpu_seconds, machine_cpu_seconds  # noqa: E402
from workload import CLUSTERS, cluster_manifest, on_each  # noqa: E402

WRITES = {"create", "update", "patch", "delete", "deletecollection"}
RATIOS = ["converge_cpu_s", "converge_s", "peak_rss_mib", "idle_rss_mib", "empty_rss_mib", "idle_cpu_s",
          "latency_p50_ms", "latency_p99_ms", "restart_ready_s", "delete_s", "delete_cpu_s"]


def say(text):
    print(f"[bench.py] {text}", file=sys.stderr, flush=True)


class Run:
    """One operator on one control plane; every step adds to the result."""

    def __init__(self, name, command, plane, directory, options):
        self.plane, self.options = plane, options
        self.audit = AuditLog(plane.state["AUDIT_LOG"])
        self.operator = Operator(command, plane, directory)
        self.observer = Observer(plane, options.clusters)
        self.names = [f"bench-{i:05}" for i in range(options.clusters)]
        self.result = {"name": name, "n": options.clusters, "mode": "precreate" if options.precreate else "live",
                       "server": plane.state["VERSION"]}

    def measure(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.operator.kill)
            if self.options.precreate:
                self.create()
                self.audit.take()
                self.converge(self.start)
            else:
                self.start()
                self.empty()
                self.converge(self.create)
            self.settle()
            if not self.options.no_idle:
                self.idle()
            self.record(idle_rss_mib=self.operator.memory("VmRSS"), peak_rss_mib=self.operator.memory("VmHWM"))
            self.restart()
            self.delete()
            self.record(restart_peak_rss_mib=self.operator.memory("VmHWM"))
            self.record(second_stop_code=self.operator.stop())
            self.result["restart_requests"] += self.take_watches()
        return self.result

    def record(self, **values):
        self.result |= {key: round(value, 3) if isinstance(value, float) else value for key, value in values.items()}

    def take_watches(self):
        """The watches that a process which just ended had open: they are logged when they end."""
        time.sleep(0.5)
        return Counter({what: count for what, count in self.audit.take().items() if what.startswith("watch ")})

    def start(self):
        self.operator.start()
        self.operator.wait_ready()

    def empty(self):
        time.sleep(3)
        self.record(empty_rss_mib=self.operator.memory("VmRSS"), empty_requests=self.audit.take())

    def create(self):
        def create(connection, name):
            self.observer.created[name] = time.monotonic()
            call(connection, "POST", CLUSTERS, cluster_manifest(name))

        say(f"creating {len(self.names)} clusters")
        start = time.monotonic()
        on_each(self.plane, self.names, create)
        self.record(create_s=time.monotonic() - start)

    def converge(self, action):
        before, everybody, start = self.others(), self.plane.requests_of_everybody(), time.monotonic()
        cpu = 0 if self.options.precreate else self.operator.cpu()
        action()
        self.observer.wait(self.operator, self.options.timeout, say)
        cpu = self.operator.cpu() - cpu
        others = {f"{name}_cpu_s": after - before[name] for name, after in self.others().items()}
        begin = start if self.options.precreate else min(self.observer.created.values())
        latencies = self.observer.latencies(start if self.options.precreate else None)
        self.record(converge_s=self.observer.converged_at - begin, converge_cpu_s=cpu,
                    latency_p50_ms=percentile(latencies, 50), latency_p99_ms=percentile(latencies, 99),
                    converge_rss_mib=self.operator.memory("VmRSS"), **others)
        requests = self.audit.take()
        self.record(requests=requests, requests_total=sum(requests.values()),
                    server_requests=self.plane.requests_of_everybody() - everybody,
                    manifests=len(list(self.operator.results.glob("**/*.yaml"))))
        say(f"converged in {self.result['converge_s']} s with {self.result['converge_cpu_s']} s of CPU")

    def others(self):
        pids = {"apiserver": self.plane.state["APISERVER_PID"], "etcd": self.plane.state["ETCD_PID"]}
        used = {name: cpu_seconds(pid) for name, pid in pids.items()} | {"driver": time.process_time()}
        return used | {"machine": machine_cpu_seconds()}

    def settle(self):
        time.sleep(5)
        requests = self.audit.take()
        self.record(settled_writes=writes(requests), settled_requests=requests)

    def idle(self):
        say("idle for 60 s")
        cpu = self.operator.cpu()
        time.sleep(60)
        requests = self.audit.take()
        self.record(idle_cpu_s=self.operator.cpu() - cpu, idle_requests=requests, idle_writes=writes(requests))

    def restart(self):
        begin = time.monotonic()
        code = self.operator.stop()
        self.record(stop_s=time.monotonic() - begin, stop_code=code, watches=self.take_watches())
        start = time.monotonic()
        self.start()
        ready = time.monotonic()
        requests = self.audit.take()
        quiet_since = last = ready
        while time.monotonic() < quiet_since + 2:
            time.sleep(0.1)
            if more := self.audit.take():
                requests += more
                quiet_since = last = time.monotonic()
            if last > ready + self.options.timeout:
                raise BenchError("it does not become quiet after a restart")
        self.record(restart_ready_s=ready - start, restart_quiet_s=last - start,
                    restart_cpu_s=self.operator.cpu(), restart_requests=requests, restart_writes=writes(requests))

    def delete(self):
        say(f"deleting {len(self.names)} clusters")
        start, cpu = time.monotonic(), self.operator.cpu()
        on_each(self.plane, self.names, lambda connection, name: call(connection, "DELETE", f"{CLUSTERS}/{name}"))
        self.observer.wait(self.operator, self.options.timeout, say)
        requests = self.audit.take()
        self.record(delete_s=self.observer.gone_at - start, delete_cpu_s=self.operator.cpu() - cpu,
                    delete_requests=requests,
                    delete_manifests_left=len(list(self.operator.results.glob("**/*.yaml"))))


def writes(requests):
    return sum(count for what, count in requests.items() if what.split()[0] in WRITES)


def percentile(ordered, percent):
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def scratch():
    """Where results go: in memory, so that neither the disk nor what was deleted from it lately is measured."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run(name, command, options):
    say(f"{name}: {options.clusters} clusters")
    with ControlPlane() as plane, tempfile.TemporaryDirectory(prefix="talos-operator-bench.", dir=scratch()) as directory:
        result = Run(name, shlex.split(command), plane, Path(directory), options).measure()
    print(json.dumps(result), flush=True)
    return result


def run_bare(options):
    """Prints how fast a client that does nothing else creates as many Machines, in both ways."""
    for way in ("post", "ssa"):
        say(f"bare client, {way}: {options.clusters} x 8 Machines")
        with ControlPlane() as plane:
            before = cpu_seconds(plane.state["APISERVER_PID"])
            command = [*shlex.split(options.peer), f"--bare-{way}", str(options.clusters),
                       "--kubeconfig", plane.state["KUBECONFIG"]]  # it creates a cluster, too
            result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            apiserver = cpu_seconds(plane.state["APISERVER_PID"]) - before
        print(json.dumps(result | {"apiserver_cpu_s": round(apiserver, 3)}), flush=True)


def compare(ours, peers):
    """Prints ours divided by the peer's, of the medians over all rounds."""
    line = {"name": "ratio", "n": ours[0]["n"], "rounds": len(ours)}
    for key in RATIOS:
        if all(key in result for result in ours + peers):
            own, other = (statistics.median(result[key] for result in group) for group in (ours, peers))
            line[key] = round(own / other, 3) if other else None
    print(json.dumps(line), flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operator", metavar="COMMAND", help="the operator, with arguments of its own if need be")
    parser.add_argument("--peer", metavar="COMMAND", help="another one to compare with (hack/bench/build-peer.sh)")
    parser.add_argument("--clusters", metavar="N", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1, help="with --peer: operator, peer, peer, operator ...")
    parser.add_argument("--precreate", action="store_true", help="the clusters are there before the operator starts")
    parser.add_argument("--no-idle", action="store_true", help="leave out the idle minute")
    parser.add_argument("--bare", action="store_true", help="only the API server's ceiling, with the peer as client")
    parser.add_argument("--json-only", action="store_true", help="no progress on standard error")
    parser.add_argument("--timeout", metavar="SECONDS", type=int, default=300, help="for each step")
    options = parser.parse_args()
    if options.bare and not options.peer:
        parser.error("--bare needs --peer")
    if not (options.bare or options.operator or options.peer):
        parser.error("--operator or --peer is needed")
    if options.clusters < 1 or options.rounds < 1:
        parser.error("--clusters and --rounds must be 1 at least")
    return options


def main():
    options = parse()
    if options.json_only:
        # For the scripts that we start, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    if options.bare:
        run_bare(options)
        return
    candidates = [(name, command) for name in ("operator", "peer") if (command := getattr(options, name))]
    results = {name: [] for name, _ in candidates}
    for number in range(options.rounds):
        for name, command in candidates if number % 2 == 0 else reversed(candidates):
            results[name].append(run(name, command, options))
    if len(candidates) == 2:
        compare(results["operator"], results["peer"])


if __name__ == "__main__":
    end_well(main, say)
