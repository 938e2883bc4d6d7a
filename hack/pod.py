#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Runs a container of a Pod as a kubelet would, from a directory instead of an image. Needs root.

usage: hack/pod.py [flags] [POD.json]       the Pod as `kubectl get pod -o json` prints it; standard input if no file

  kubectl get pod -n talos-operator-system NAME -o json | hack/pod.py --root dist/image/rootfs --probe

What it does: namespaces of its own for files, processes and network; the root directory under a layer that is thrown
away; emptyDir, secret, configMap, projected, downwardAPI volumes and claims (--claim); the account's token; variables,
command and arguments; user, groups, capabilities, no_new_privs, read-only root, a seccomp filter; the memory limit. In
the container 127.0.0.1 is its own; port 443 there is the API server. Its declared ports are reached through ports of
our loopback, which the first line of standard output names, with what the Pod asks for and does not get here:

  {"pid": 123, "ports": {"metrics": 40001, "health": 40002}, "notEnforced": ["resources.limits.cpu"]}

Then the container's own output follows. SIGTERM is passed on; after the Pod's grace period comes SIGKILL. SIGHUP brings
volumes and token up to date. The exit status is the container's, 128 + n if signal n ended it; 125 if it could not be
started. However this program ends, the container, its mounts and its network end with it.

What it does not do: images, init containers, other containers of the Pod than one, liveness probes, restarts, hostPath.
"""
import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from kubelet import linux, network, seccomp, spec, status  # noqa: E402
from kubelet.api import APIError, APIServer  # noqa: E402
from kubelet.cgroup import MemoryGroup  # noqa: E402
from kubelet.container import Container  # noqa: E402
from kubelet.problem import Problem  # noqa: E402
from kubelet.volumes import Cluster, Volumes  # noqa: E402

API_PORT = 443
SCRATCH = "/mnt"


def arguments():
    parser = argparse.ArgumentParser(
        usage=__doc__.split("usage: ")[1].split("\n")[0], description=__doc__.split("\n")[0],
        epilog="The head of this file says more.")
    parser.add_argument("pod", nargs="?", metavar="POD.json", help="the Pod; standard input if not given")
    parser.add_argument("--root", required=True, metavar="DIR", help="the image's root directory, which stays as it is")
    parser.add_argument("--image-config", metavar="FILE", help="user, entrypoint, cmd, env, workdir of the image as "
                        "JSON; otherwise config.json beside the root, if there is one")
    parser.add_argument("--copy", action="append", default=[], metavar="FILE=PATH",
                        help="a file put into the container; may be repeated")
    parser.add_argument("--claim", action="append", default=[], metavar="NAME=DIR",
                        help="the directory of a claim; may be repeated")
    parser.add_argument("--container", metavar="NAME", help="which one; the first if not given")
    parser.add_argument("--kubeconfig", metavar="FILE", help="an administrator's; kubectl's own if not given")
    parser.add_argument("--kubectl", default=os.environ.get("KUBECTL") or "kubectl", metavar="FILE")
    parser.add_argument("--probe", action="store_true", help="poll the readiness probe and keep the Pod's status; end "
                        "when the Pod is deleted")
    parser.add_argument("--node", default="pod-py", metavar="NAME", help="the node a Pod is assigned to with --probe")
    return parser.parse_args()


def pairs(texts):
    return dict(text.split("=", 1) for text in texts)


def image_config(options):
    path = Path(options.image_config or Path(options.root).resolve().parent / "config.json")
    return json.loads(path.read_text()) if options.image_config or path.exists() else {}


def private_scratch():
    """Memory that only we see, and that is gone when we are, even if we are killed."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount(None, "/", None, linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("pod", SCRATCH, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=711")
    for name in ("volumes", "container"):
        Path(SCRATCH, name).mkdir(mode=0o711)
    return Path(SCRATCH)


class Pod:
    """One container of a Pod, from its document to its exit status."""

    def __init__(self, options, pod):
        self.pod, self.options = pod, options
        root = Path(options.root).resolve()
        if not root.is_dir() or SCRATCH in map(str, (root, *root.parents)):
            raise Problem(f"--root {options.root}: not a directory outside of {SCRATCH}")
        image = image_config(options)
        self.spec = spec.container_of(pod, options.container)
        self.security = spec.Security(pod, self.spec, image)
        scratch = private_scratch()
        self.api = APIServer(options.kubectl, options.kubeconfig, scratch)
        cluster = Cluster(self.api, pod)
        self.volumes = Volumes(scratch / "volumes", cluster, self.security, pairs(options.claim))
        self.ports = spec.ports(self.spec)
        limit = self.spec.get("resources", {}).get("limits", {}).get("memory")
        self.memory = MemoryGroup(int(spec.quantity(limit)) if limit else None)
        self.reporter = status.Reporter(self.api, pod, self.spec, options.node) if options.probe else None
        self.container = Container(root, scratch / "container", pod["metadata"]["name"])
        service = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(API_PORT)}
        self.container.environment = spec.environment(pod, self.spec, image, service, cluster.read)
        self.container.argv = spec.command(self.spec, image, self.container.environment)
        self.container.directory = self.spec.get("workingDir") or image.get("workdir") or "/"
        self.container.mounts = self.volumes.make(self.spec)
        self.container.copies = pairs(options.copy)
        self.container.security = self.security
        self.container.filter = seccomp.program() if self.security.seccomp == "RuntimeDefault" else None
        self.grace = pod["spec"].get("terminationGracePeriodSeconds", 30)

    def not_enforced(self):
        """What the Pod asks for and does not get here."""
        limits = self.spec.get("resources", {}).get("limits", {})
        return ([f"resources.limits.{name}" for name in limits if name != "memory"]
                + (["resources.limits.memory"] if "memory" in limits and not self.memory.is_enforced else [])
                + (["seccompProfile"] if self.security.seccomp != "Unconfined" and not self.container.filter else []))

    async def run(self):
        """Runs the container to its end and returns its exit status; whatever happens, a Pod that is to go can go."""
        code = 125
        if self.reporter:
            self.reporter.assign()  # not before all that it needs is there: a Pod without a node goes by itself
        try:
            code = await self.run_container()
        finally:
            if self.reporter:
                self.reporter.finish(code)
        return code

    async def run_container(self):
        loop = asyncio.get_running_loop()
        self.container.start()
        self.memory.add(self.container.pid)
        namespace = linux.NetworkNamespace(self.container.pid)
        ended = loop.create_future()
        descriptor = os.pidfd_open(self.container.pid)
        loop.add_reader(descriptor, lambda: ended.done() or ended.set_result(None))
        published = await self.connect(namespace)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, None)
        loop.add_signal_handler(signal.SIGHUP, self.refresh)
        print(json.dumps({"pid": self.container.pid, "ports": published, "notEnforced": self.not_enforced()}),
              flush=True)  # before the container can print anything
        self.container.release()
        keeper = None
        if self.reporter:
            probe = status.Probe(self.spec.get("readinessProbe", {}), self.ports, published)
            keeper = asyncio.create_task(status.keep(self.reporter, probe, self.stop))
        await ended
        loop.remove_reader(descriptor)
        if keeper:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        code = os.waitstatus_to_exitcode(os.waitpid(self.container.pid, 0)[1])
        return code if code >= 0 else 128 - code

    async def connect(self, namespace):
        """The API server for the container, and the container's ports for us."""
        await network.relay(
            network.listener(namespace.socket, API_PORT), network.own_socket, self.api.host, self.api.port)
        published = {}
        for name, port in self.ports.items():
            listening = network.listener(network.own_socket, 0)
            published[name] = listening.getsockname()[1]
            await network.relay(listening, namespace.socket, "127.0.0.1", port)
        return published

    def stop(self, seconds):
        """Asks the container to stop, and makes it after its grace period."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.container.pid, signal.SIGTERM)
        asyncio.get_running_loop().call_later(self.grace if seconds is None else seconds, self.kill)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.container.pid, signal.SIGKILL)

    def refresh(self):
        try:
            self.volumes.refresh()
            print("pod.py: volumes are up to date", file=sys.stderr, flush=True)
        except (Problem, APIError, OSError) as error:
            print(f"pod.py: volumes stay as they are: {error}", file=sys.stderr, flush=True)


def main():
    options = arguments()
    pod = None
    try:
        if os.geteuid() != 0:
            raise Problem("this needs root: it makes mounts, namespaces and changes users")
        with open(options.pod) if options.pod else sys.stdin as stream:
            pod = Pod(options, json.load(stream))
        return asyncio.run(pod.run())
    except (Problem, APIError, OSError, ValueError) as error:
        print(f"pod.py: {error}", file=sys.stderr)
        return 125
    finally:
        if pod:
            pod.memory.remove()


if __name__ == "__main__":
    sys.exit(main())
