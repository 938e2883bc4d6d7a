# SPDX-License-Identifier: Apache-2.0
"""A real control plane for one run, and what it knows about who asked it for what."""
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from errors import BenchError

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "hack" / "control-plane.sh"
USER = "system:serviceaccount:talos-operator-system:talos-operator-controller-manager"


class ControlPlane:
    """A fresh etcd, kube-apiserver and kube-controller-manager with the operator's resources and rights."""

    def __init__(self, grants=()):
        """`grants` are files with rights that the operator has besides its own."""
        self.name, self.grants = f"bench-{os.getpid()}", grants

    def __enter__(self):
        try:
            # It ends by itself should this process be killed.
            output = self._run("up", env=os.environ | {"CONTROL_PLANE_PARENT_PID": str(os.getpid())})
            self.state = dict(line.split("=", 1) for line in output.splitlines())
            self._load_credentials()
            self._install()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._run("down")

    def _run(self, verb, env=None):
        command = [SCRIPT, verb, self.name]
        # A session of its own: Ctrl-C is for us, and we take it down in order.
        return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True,
                              start_new_session=True).stdout

    def _load_credentials(self):
        url = urlsplit(self.state["SERVER"])
        self.address = (url.hostname, url.port)
        pki = Path(self.state["STATE_DIR"]) / "pki"
        self.tls = ssl.create_default_context(cafile=self.state["CA_FILE"])
        self.tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def _install(self):
        kubectl = [self.state["KUBECTL"], f"--kubeconfig={self.state['KUBECONFIG']}",
                   f"--cache-dir={self.state['STATE_DIR']}/kubectl"]
        for command in (
            ["apply", "--validate=false", "-f", ROOT / "config/crd"],
            ["apply", *(f"-f={ROOT}/config/rbac/{name}.yaml" for name in ("account", "role", "role-binding")),
             *(f"-f={ROOT}/{path}" for path in self.grants)],
            ["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"],
        ):
            subprocess.run(kubectl + command, check=True, stdout=subprocess.DEVNULL)
        # The garbage collector looks for new kinds only now and then: not in the middle of a measurement.
        self._run("restart-controller-manager")

    def connect(self):
        return http.client.HTTPSConnection(*self.address, context=self.tls, timeout=60)

    def get(self, path):
        with contextlib.closing(self.connect()) as connection:
            return call(connection, "GET", path)

    def version(self, path):
        """The resource version from which a watch sees everything that happens from now on."""
        return json.loads(self.get(path))["metadata"]["resourceVersion"]

    def watch(self, path, version):
        """Returns the socket of a watch. HTTP/1.0, so that lines are whole: nothing is chunked."""
        stream = self.tls.wrap_socket(socket.create_connection(self.address), server_hostname=self.address[0])
        stream.sendall(f"GET {path}?watch=1&resourceVersion={version}&timeoutSeconds=86400 HTTP/1.0\r\n"
                       f"Host: {self.address[0]}\r\nAccept: application/json\r\n\r\n".encode())
        return stream

    def requests_of_everybody(self):
        """How many requests for our resources the API server has answered, by verb and resource."""
        counts = Counter()
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith("apiserver_request_total{") and 'group="vitistack.io"' in line:
                labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
                resource = "/".join(filter(None, (labels["resource"], labels["subresource"])))
                counts[f"{labels['verb'].lower()} {resource}"] += int(float(line.rsplit(" ", 1)[1]))
        return counts


class AuditLog:
    """The requests of the operator's user that were answered since the last call, from the server's audit log."""

    def __init__(self, path):
        self.path, self.offset = path, 0

    def take(self):
        counts = Counter()
        with open(self.path, "rb") as log:
            if os.fstat(log.fileno()).st_size < self.offset:
                raise BenchError("the audit log was rotated")
            log.seek(self.offset)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self.offset += len(line)
                if f'"user":{{"username":"{USER}"'.encode() in line:
                    self._count(json.loads(line), counts)
        return counts

    @staticmethod
    def _count(event, counts):
        # A watch is logged when it starts, too, by some servers: it counts when it ends.
        if event["stage"] == "ResponseComplete":
            ref = event.get("objectRef")
            what = "/".join(filter(None, (ref.get("resource"), ref.get("subresource")))) if ref else event["requestURI"]
            code = event.get("responseStatus", {}).get("code", 0)
            counts[f"{event['verb']} {what.split('?')[0]}" + (f" {code}" if code >= 400 else "")] += 1


def call(connection, method, path, body=None):
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    data = response.read()
    if response.status >= 300:
        raise BenchError(f"{method} {path}: {response.status} {data[:300].decode(errors='replace')}")
    return data
