# SPDX-License-Identifier: Apache-2.0
"""The memory limit of a container, as a control group of either version."""
import contextlib
import os
from pathlib import Path

PREFIX = "talos-operator-pod-"


class MemoryGroup:
    """A group with a limit of so many bytes; `is_enforced` is false where none can be made."""

    def __init__(self, limit):
        self.path = None
        root = Path("/sys/fs/cgroup")
        unified = (root / "cgroup.controllers").exists()
        parent = root if unified else root / "memory"
        _sweep(parent)
        if limit is None:
            return
        with contextlib.suppress(OSError):
            path = parent / f"{PREFIX}{os.getpid()}"
            path.mkdir()
            self.path = path
            if unified and "memory" not in (path / "cgroup.controllers").read_text():
                (root / "cgroup.subtree_control").write_text("+memory")
            (path / ("memory.max" if unified else "memory.limit_in_bytes")).write_text(str(limit))
            return
        self.remove()

    @property
    def is_enforced(self):
        return self.path is not None

    def add(self, pid):
        if self.path:
            (self.path / "cgroup.procs").write_text(str(pid))

    def remove(self):
        if self.path:
            with contextlib.suppress(OSError):
                self.path.rmdir()
            self.path = None


def _sweep(parent):
    """Removes what those of us left who were killed: a group that is in use cannot be removed."""
    for path in parent.glob(f"{PREFIX}*"):
        if not Path("/proc", path.name.removeprefix(PREFIX)).exists():
            with contextlib.suppress(OSError):
                path.rmdir()
