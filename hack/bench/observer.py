# SPDX-License-Identifier: Apache-2.0
"""What the API server says happened, and when."""
import json
import re
import threading
import time
from collections import Counter

from errors import BenchError
from workload import API, MACHINES


class Observer:
    """Watches clusters and machines on one connection each and knows when all are there, and when all are gone."""

    CLUSTER_LABEL = re.compile(rb'"cluster\.vitistack\.io/cluster-name":"([^"]*)"')

    def __init__(self, plane, clusters):
        self.clusters = clusters
        self.lock = threading.Lock()
        self.created, self.last_machine = {}, {}
        self.machines, self.machine_count, self.reported, self.present = Counter(), 0, set(), set()
        self.converged_at = self.gone_at = None
        self.changed = threading.Event()
        self.failure = None
        for resource, handle in (("kubernetesclusters", self._cluster), ("machines", self._machine)):
            arguments = (plane, f"{API}/{resource}", plane.version(f"{API}/{resource}"), handle)
            threading.Thread(target=self._follow, args=arguments, daemon=True).start()

    def _follow(self, plane, path, version, handle):
        try:
            while True:  # the server ends watches that it finds too slow
                last = self._read(plane.watch(path, version), handle)
                event = json.loads(last)
                if event["type"] == "ERROR":
                    raise BenchError(event["object"]["message"])
                version = event["object"]["metadata"]["resourceVersion"]
        except (OSError, ValueError, LookupError, BenchError) as error:
            self.failure = f"the watch of {path} failed: {error!r}"

    def _read(self, stream, handle):
        """Handles the events of a stream until it ends; returns the last one."""
        rest = last = b""
        with stream:
            while data := stream.recv(1 << 18):
                now = time.monotonic()
                *lines, rest = (rest + data).split(b"\n")
                with self.lock:
                    for line in lines:
                        if line.startswith(b'{"type":"'):
                            handle(line[9:line.index(b'"', 9)], line)
                            last = line
                    self._check(now)
        return last

    def _machine(self, kind, line):
        if kind in (b"ADDED", b"DELETED"):
            name = self.CLUSTER_LABEL.search(line)[1].decode()
            change = 1 if kind == b"ADDED" else -1
            self.machines[name] += change
            self.machine_count += change
            if self.machines[name] == MACHINES:
                self.last_machine.setdefault(name, time.monotonic())

    def _cluster(self, kind, line):
        item = json.loads(line)["object"]
        name, status = item["metadata"]["name"], item.get("status", {})
        (self.present.discard if kind == b"DELETED" else self.present.add)(name)
        complete = status.get("observedGeneration") == item["metadata"]["generation"]
        if complete and status.get("machineCount") == MACHINES:
            self.reported.add(name)

    def _check(self, now):
        complete = len(self.reported) == self.clusters and self.machine_count == self.clusters * MACHINES
        if not self.converged_at and complete:
            self.converged_at = now
            self.changed.set()
        elif self.converged_at and not self.gone_at and not self.machine_count and not self.present:
            self.gone_at = now
            self.changed.set()

    def wait(self, operator, timeout, progress):
        """Returns when all is there, or gone again; tells progress(text) every 5 seconds until then."""
        start = told = time.monotonic()
        while not self.changed.wait(0.5):
            now = time.monotonic()
            if self.failure or now > start + timeout:
                raise BenchError(f"{self.failure or f'not done after {timeout} s'}: {self._state()}")
            operator.check()
            if now > told + 5:
                progress(self._state())
                told = now
        self.changed.clear()

    def _state(self):
        with self.lock:
            return f"{len(self.present)} clusters, {len(self.reported)} reported, {self.machine_count} machines"

    def latencies(self, start=None):
        """Milliseconds from each cluster's creation, or from start, to its last Machine; smallest first."""
        return sorted((last - (start or self.created[name])) * 1000 for name, last in self.last_machine.items())
