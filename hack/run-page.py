#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a documentation page as a reader would: every ```sh block, from top to bottom.

usage: hack/run-page.py [--list] [--no-cluster] [--binary FILE] PAGE...

Each page gets a control plane of its own, in a network of its own: the ports of the documentation are free, and nothing
can be downloaded. The working directory is a copy of the repository; `kubectl`, `helm` (hack/helm.py) and the built
`talos-operator` are on the PATH, KUBECONFIG names an administrator. The first command that fails is reported with page,
line and output. What a page needs besides stands in HTML comments on lines of their own:

  <!-- not run: WHY -->       above a block: it is left out. The targets of its `make` lines must exist all the same
  <!-- fails: TEXT -->        above a block: it must fail, and print TEXT
  <!-- background: TEXT -->   above a block: each command is started, and must print TEXT; all end with the page
  <!-- setup: crds -->        from here on the CRDs are installed
  <!-- setup: operator -->    from here on the CRDs are installed and the built operator runs, with the shipped role,
                              on its own ports
  <!-- setup: config-operator -->  the same, with --config-management and the rights that it takes
  <!-- setup: nodes -->       from here on every Pod is run by hack/pod.py, with the built program for its image, which
                              needs root

--no-cluster is for pages that use nothing of a control plane: there is none, nor kubectl, and they run in seconds.
--list tells what would be run. --binary (or OPERATOR_BINARY) is the program, .build/debug/talos-operator if not given.
"""
import argparse
import collections
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETUPS = ("crds", "operator", "config-operator", "nodes")
# The controllers that make ReplicaSets and Pods of a Deployment, besides those that tests usually run.
CONTROLLERS = "garbagecollector,namespace,clusterrole-aggregation,deployment,replicaset,disruption,endpoint"
DIRECTIVE = re.compile(r"<!--\s*(not run|fails|background|setup):\s*(.*?)\s*-->\s*$")
# Seconds for a page: far more than any needs.
LIMIT = int(os.environ.get("PAGE_LIMIT", "1100"))

# `line` is that of the opening fence. `directive` is "" for an ordinary block.
Block = collections.namedtuple("Block", "line commands directive argument")
Setup = collections.namedtuple("Setup", "line name")


class PageError(Exception):
    """The page itself is wrong: the message says where and why."""


# --- reading ----------------------------------------------------------------

def read_page(text):
    """The blocks and setups of a page in their order."""
    steps, pending, fence = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            if line.strip() == "```":
                if fence.commands is not None:
                    steps.append(fence)
                fence = None
            elif fence.commands is not None:
                fence.commands.append(line)
            continue
        if line.lstrip().startswith("```"):
            directive, argument = pending or ("", "")
            language = line.strip()[3:].strip()
            if language in ("bash", "shell", "console"):
                raise PageError(f"{number}: a block of {language}: write sh, so that it is run")
            is_commands = language == "sh"
            if pending and not is_commands:
                raise PageError(f"{number}: '{directive}' stands above a block that is not sh")
            fence = Block(number, [] if is_commands else None, directive, argument)
            pending = None
            continue
        match = DIRECTIVE.match(line.strip())
        if match:
            pending = read_directive(number, *match.groups(), steps, pending)
        elif pending and line.strip():
            raise PageError(f"{number}: '{pending[0]}' must stand directly above an sh block")
        elif line.strip().startswith("<!--") and re.search(r"not run|fails:|background:|setup:", line):
            raise PageError(f"{number}: what does this comment mean? {line.strip()}")
    if fence is not None or pending:
        raise PageError("the page ends too early: an open block, or a comment about one that does not follow")
    return steps


def read_directive(number, directive, argument, steps, pending):
    if directive == "setup":
        if argument not in SETUPS:
            raise PageError(f"{number}: no setup '{argument}', only {', '.join(SETUPS)}")
        steps.append(Setup(number, argument))
        return pending
    if not argument:
        raise PageError(f"{number}: '{directive}:' says nothing")
    return directive, argument


def script_of(steps):
    """A bash script whose line numbers are those of the page."""
    lines = {}
    for step in steps:
        if isinstance(step, Setup):
            lines[step.line] = f"setup_{step.name.replace('-', '_')}"
        elif step.directive == "not run":
            targets = make_targets(step.commands)
            if targets:
                lines[step.line] = f"make -n {shlex.join(targets)} >/dev/null"
        else:
            for offset, command in enumerate(step.commands, 1):
                lines[step.line + offset] = command
            if step.directive:
                function = {"fails": "must_fail", "background": "in_background"}[step.directive]
                lines[step.line] = f"{function} {shlex.quote(step.argument)} <<'END_OF_BLOCK'"
                lines[step.line + len(step.commands) + 1] = "END_OF_BLOCK"
    return "\n".join(lines.get(number, "") for number in range(1, max(lines, default=0) + 1)) + "\n"


def make_targets(commands):
    """The words after `make` that are neither options nor variables."""
    targets = []
    for command in commands:
        words = shlex.split(command, comments=True)
        if words[:1] == ["make"]:
            targets += [word for word in words[1:] if "=" not in word and not word.startswith("-")]
    return targets


# --- running ----------------------------------------------------------------

def own_network():
    """Puts this process and all it starts into a network with nothing but loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_user, new_net = 0x10000000, 0x40000000
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(new_net if uid == 0 else new_user | new_net) != 0:
        raise OSError(ctypes.get_errno(), "a network of its own needs root, or user namespaces")
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            pathlib.Path(f"/proc/self/{name}").write_text(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        siocsifflags, up_and_running = 0x8914, 0x41
        fcntl.ioctl(control, siocsifflags, struct.pack("16sh14x", b"lo", up_and_running))


def cache_directory():
    given = os.environ.get("TALOS_OPERATOR_CACHE")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return given or os.path.join(cache, "talos-operator")


class ControlPlane:
    """One for one page; it ends with this process, however that ends."""

    def __init__(self):
        self.name = f"page-{os.getpid()}"
        command = [ROOT / "hack/control-plane.sh", "up", self.name,
                   f"--controller-manager-flag=--controllers={CONTROLLERS}"]
        answer = subprocess.run(
            command, env={**os.environ, "CONTROL_PLANE_PARENT_PID": str(os.getpid())}, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, check=True)
        self.values = dict(line.split("=", 1) for line in answer.stdout.splitlines())

    def down(self):
        subprocess.run([ROOT / "hack/control-plane.sh", "down", self.name], stderr=subprocess.DEVNULL, check=True)


class Nodes:
    """Runs every Pod in a container of its own by hack/pod.py, once `directory` has what hack/pod-root.sh makes."""

    def __init__(self, kubectl, kubeconfig, directory):
        self.kubectl, self.kubeconfig, self.directory = kubectl, kubeconfig, directory
        self.containers, self.stopped = {}, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(0.5):
            if not (self.directory / "config.json").exists():
                continue
            command = [self.kubectl, "--kubeconfig", self.kubeconfig, "get", "pods", "-A", "-o", "json"]
            listed = subprocess.run(command, capture_output=True, text=True)
            for pod in json.loads(listed.stdout or '{"items": []}')["items"]:
                if pod["metadata"]["uid"] not in self.containers and "deletionTimestamp" not in pod["metadata"]:
                    self.containers[pod["metadata"]["uid"]] = self.start(pod)

    def start(self, pod):
        path = self.directory / f"{pod['metadata']['name']}.json"
        path.write_text(json.dumps(pod))
        command = [ROOT / "hack/pod.py", "--root", self.directory / "root", "--kubeconfig", self.kubeconfig, "--kubectl",
                   self.kubectl, "--probe", path]
        with open(path.with_suffix(".log"), "wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self):
        """Ends them all, and returns their last words."""
        self.stopped.set()
        self.thread.join()
        for container in self.containers.values():
            container.kill()
            container.wait()
        logs = sorted(self.directory.glob("*.log"))
        return "".join("\n".join([f"--- {log.stem}", *log.read_text().splitlines()[-10:], ""]) for log in logs)


def prepare(scratch, control_plane, binary):
    """Fills the scratch directory and returns the environment for the page."""
    tree, programs = scratch / "talos-operator", scratch / "bin"
    skipped = shutil.ignore_patterns(".git", ".build", "dist", "__pycache__")
    shutil.copytree(ROOT, tree, symlinks=True, ignore=skipped)
    for directory in (programs, scratch / "home"):
        directory.mkdir()
    links = {"helm": ROOT / "hack/helm.py", "talos-operator": binary}
    environment = {}
    if control_plane:
        links["kubectl"] = control_plane.values["KUBECTL"]
        environment = {"KUBECONFIG": control_plane.values["KUBECONFIG"],
                       "PAGE_OPERATOR_KUBECONFIG": control_plane.values["OPERATOR_KUBECONFIG"]}
    for name, target in links.items():
        (programs / name).symlink_to(target)
    return {
        **environment,
        **{key: os.environ[key] for key in ("LANG", "LC_ALL", "TMPDIR", "USER") if key in os.environ},
        "HOME": str(scratch / "home"), "PATH": f"{programs}:{os.environ['PATH']}",
        "TALOS_OPERATOR_CACHE": cache_directory(),
        "BASH_ENV": str(ROOT / "hack/run-page/functions.sh"), "PAGE_SCRATCH": str(scratch),
        "PAGE_BINARY": str(binary),
    }


def run_script(script, name, environment, tree):
    """Runs it, and returns its exit code and what it printed."""
    with subprocess.Popen(
        ["bash", "-c", script, name], cwd=tree, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    ) as shell:
        lines = []
        # What goes on in the background holds the pipe open: it ends with the shell, by its session.
        watch = threading.Timer(LIMIT, os.killpg, (shell.pid, signal.SIGKILL))
        watch.start()
        reader = threading.Thread(target=lambda: lines.extend(shell.stdout))
        reader.start()
        code = shell.wait()
        watch.cancel()
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        reader.join()
        return code, "".join(lines)


def run_page(path, steps, binary, has_cluster):
    """Runs a page; returns nothing if it went well, otherwise what to tell."""
    if not has_cluster:
        setup = next((step for step in steps if isinstance(step, Setup)), None)
        if setup:
            return f"{path}:{setup.line}: setup {setup.name} needs a control plane"
        with tempfile.TemporaryDirectory(prefix="talos-operator-page.") as directory:
            scratch = pathlib.Path(directory)
            environment = prepare(scratch, None, binary)
            code, output = run_script(script_of(steps), str(path), environment, scratch / "talos-operator")
        return f"{output}\n{path}: failed with exit code {code}" if code else None
    control_plane = ControlPlane()
    with tempfile.TemporaryDirectory(prefix="talos-operator-page.") as directory:
        scratch = pathlib.Path(directory)
        (scratch / "nodes").mkdir()
        nodes = Nodes(control_plane.values["KUBECTL"], control_plane.values["KUBECONFIG"], scratch / "nodes")
        try:
            environment = prepare(scratch, control_plane, binary)
            code, output = run_script(script_of(steps), str(path), environment, scratch / "talos-operator")
        finally:
            words = nodes.stop()
            control_plane.down()
    return f"{words}{output}\n{path}: failed with exit code {code}" if code else None


def list_steps(path, steps):
    for step in steps:
        if isinstance(step, Setup):
            print(f"{path}:{step.line}: setup {step.name}")
        else:
            print(f"{path}:{step.line}: {len(step.commands)} lines {step.directive} {step.argument}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-cluster", action="store_true")
    parser.add_argument("--binary", default=os.environ.get("OPERATOR_BINARY") or ROOT / ".build/debug/talos-operator")
    parser.add_argument("pages", nargs="+", metavar="PAGE")
    options = parser.parse_args()
    pages = []
    for page in options.pages:
        path = pathlib.Path(page).resolve()
        path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        try:
            pages.append((path, read_page((ROOT / path).read_text())))
        except PageError as error:
            sys.exit(f"{path}:{error}")
    if options.list:
        for page in pages:
            list_steps(*page)
        return
    binary = pathlib.Path(options.binary).resolve()
    if not os.access(binary, os.X_OK):
        sys.exit(f"there is no {binary}: run make build")
    own_network()
    for path, steps in pages:
        problem = run_page(path, steps, binary, not options.no_cluster)
        if problem:
            sys.exit(problem)
        blocks = [step for step in steps if isinstance(step, Block)]
        skipped = sum(block.directive == "not run" for block in blocks)
        print(f"{path}: {len(blocks) - skipped} blocks ran, {skipped} did not")


main()
