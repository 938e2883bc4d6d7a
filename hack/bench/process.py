# SPDX-License-Identifier: Apache-2.0
"""The operator as a process."""
import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import time

from errors import BenchError


# What a comparison with another operator takes.
FLAGS = ("--max-concurrent-reconciles", "8", "--log-level", "warn", "--log-format", "json", "--leader-elect=false")


class Operator:
    """The process that is measured."""

    def __init__(self, command, plane, directory, flags=FLAGS):
        self.ports = [free_port(), free_port()]
        self.log = directory / "operator.log"
        self.results = directory / "results"
        self.process = None
        self.command = command + [
            "--kubeconfig", plane.state["OPERATOR_KUBECONFIG"], "--results-path", str(self.results),
            "--metrics-bind-address", f"127.0.0.1:{self.ports[0]}",
            "--health-probe-bind-address", f"127.0.0.1:{self.ports[1]}", *flags]

    def start(self):
        with open(self.log, "ab") as log:
            # PR_SET_PDEATHSIG = 1: it ends with us, whatever happens.
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))

    def wait_ready(self, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            self.check()
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.ports[1], timeout=2)
                with contextlib.closing(connection):
                    connection.request("GET", "/readyz")
                    if connection.getresponse().status == 200:
                        return
            if time.monotonic() > deadline:
                raise BenchError(f"not ready after {timeout} s{self._tail()}")
            time.sleep(0.01)

    def check(self):
        if self.process.poll() is not None:
            raise BenchError(f"the operator ended with code {self.process.returncode}{self._tail()}")

    def _tail(self):
        return "".join("\n    " + line for line in self.log.read_text(errors="replace").splitlines()[-10:])

    def stop(self):
        """Ends it as Kubernetes would, and returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            return "killed after 30 s"

    def kill(self):
        """Ends it at once if it still runs."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def memory(self, field):
        """VmRSS (now) or VmHWM (the most there was), in MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return round(next(int(line.split()[1]) for line in status if line.startswith(field + ":")) / 1024, 1)


def cpu_seconds(pid):
    """User and system time of a process so far; the kernel's clock ticks make it 10 ms exact."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_cpu_seconds():
    """The time that all CPUs were busy so far."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # without idle and iowait


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
