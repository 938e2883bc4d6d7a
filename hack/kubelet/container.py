# SPDX-License-Identifier: Apache-2.0
"""A process in namespaces of its own that sees a root file system, volumes, and nothing else."""
import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path

from . import linux, seccomp
from .problem import Problem

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
READ_ONLY_PROC = ("sys", "sysrq-trigger", "irq", "bus")


class Container:
    """Everything that is decided before it starts; `scratch` is memory that is gone when we are."""

    def __init__(self, root, scratch, hostname):
        self.root, self.scratch, self.hostname = Path(root).resolve(), Path(scratch), hostname
        self.copies = {}
        self.mounts = []
        self.security = None
        self.filter = None
        self.argv, self.environment, self.directory = [], {}, "/"
        self.pid = None

    def start(self):
        """Forks the container's first process and returns when it has its namespaces and file system.

        It waits for `release`.
        """
        ready, self._go = os.pipe(), os.pipe()
        self._failure = os.pipe()
        own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        linux.unshare(linux.CLONE_NEWPID)  # for the children alone
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(ready[1])
        linux.setns(own_pids, linux.CLONE_NEWPID)
        for descriptor in (own_pids, ready[1], self._go[0], self._failure[1]):
            os.close(descriptor)
        is_ready = os.read(ready[0], 1)
        os.close(ready[0])
        if not is_ready:
            self._report()

    def release(self):
        """Returns when the container's program runs."""
        os.write(self._go[1], b"!")
        self._report()

    def _report(self):
        """Waits for the program, or for the reason why it does not run."""
        with os.fdopen(self._failure[0], "rb") as stream:
            message = stream.read().decode()
        if message:
            os.waitpid(self.pid, 0)
            raise Problem(message)

    # What follows runs in the child.

    def _become(self, ready):
        try:
            for descriptor in (self._go[1], self._failure[0]):
                os.close(descriptor)
            os.setsid()  # a signal to our group is not one to the container
            linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS)
            socket.sethostname(self.hostname)
            linux.bring_up_loopback()
            self._enter()
            os.write(ready, b"!")
            if not os.read(self._go[0], 1):
                os._exit(1)
            self._give_up_rights()
            for number in range(1, signal.NSIG):  # Python ignores some, and programs inherit that
                if number not in (signal.SIGKILL, signal.SIGSTOP) and not 32 <= number <= 33:
                    signal.signal(number, signal.SIG_DFL)
            os.execve(self._program(), self.argv, self.environment)
        except BaseException as error:  # whatever it is, the parent is to know
            os.write(self._failure[1], f"{type(error).__name__}: {error}".encode())
        os._exit(127)

    def _program(self):
        name = self.argv[0]
        if "/" not in name:
            name = shutil.which(name, path=self.environment.get("PATH", os.defpath)) or name
        return name

    def _enter(self):
        """Makes the container's file system of a layer over the root, and everything else disappear."""
        layer, work, root = (self.scratch / name for name in ("layer", "work", "root"))
        for path in (layer, work, root):
            path.mkdir()
        os.umask(0o022)
        linux.mount("root", root, "overlay", 0, f"lowerdir={self.root},upperdir={layer},workdir={work}")
        for source, target in self.copies.items():
            path = _inside(root, target)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, path)
        self._mount_system(root)
        for source, target, is_read_only in self.mounts:
            path = _inside(root, target)
            if Path(source).is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            linux.bind(source, path, is_read_only)
        flags = linux.MS_REMOUNT | linux.MS_BIND
        linux.mount(None, root, None, flags | (linux.MS_RDONLY if self.security.is_root_read_only else 0))
        linux.pivot_root(root)
        os.chdir(self.directory)

    def _mount_system(self, root):
        harmless = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
        for name in ("proc", "sys", "dev", "etc"):
            (root / name).mkdir(exist_ok=True)
        linux.mount("proc", root / "proc", "proc", harmless)
        for path in (root / "proc" / name for name in READ_ONLY_PROC):
            if path.exists():
                linux.bind(path, path, read_only=True)
        linux.mount("sysfs", root / "sys", "sysfs", harmless | linux.MS_RDONLY)
        linux.mount("dev", root / "dev", "tmpfs", linux.MS_NOSUID, "mode=755,size=64k")
        for name in DEVICES:
            (root / "dev" / name).touch()
            linux.mount(f"/dev/{name}", root / "dev" / name, None, linux.MS_BIND)
        for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            (root / "dev" / name).symlink_to(f"/proc/self/{target}")
        (root / "dev/shm").mkdir()
        linux.mount("shm", root / "dev/shm", "tmpfs", harmless, "mode=1777,size=64m")
        _replace(root / "etc/hostname", f"{self.hostname}\n")
        _replace(root / "etc/hosts", f"127.0.0.1 localhost\n127.0.0.1 {self.hostname}\n")
        _replace(root / "etc/resolv.conf", "")

    def _give_up_rights(self):
        security = self.security
        linux.limit_capabilities(security.capabilities)
        if self.filter:
            seccomp.install(self.filter)
        os.setgroups(security.groups)
        os.setresgid(security.gid, security.gid, security.gid)
        os.setresuid(security.uid, security.uid, security.uid)
        # Forgotten when the user changes, so it comes after; until then our parent may be gone already.
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        if select.select([self._go[0]], [], [], 0)[0]:
            os._exit(1)
        if not security.may_gain_rights:
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def _inside(root, target):
    """Where an absolute path of the container is, with its links followed as the container would."""
    path = root
    for part in Path(target).parts[1:]:
        path = path / part
        for _ in range(40):
            if not path.is_symlink():
                break
            link = os.readlink(path)
            path = _inside(root, link) if link.startswith("/") else path.parent / link
    return path


def _replace(path, text):
    path.unlink(missing_ok=True)
    path.write_text(text)
