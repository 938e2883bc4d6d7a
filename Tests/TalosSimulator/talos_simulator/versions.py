# SPDX-License-Identifier: Apache-2.0
"""Versions of Talos and Kubernetes: how they are written, and which may follow which."""
import re
from typing import NamedTuple


class Version(NamedTuple):
    """Major, minor and patch; what comes after them does not count in comparisons."""
    major: int
    minor: int
    patch: int = 0

    @property
    def line(self):
        return (self.major, self.minor)

    def __str__(self):
        return f"v{self.major}.{self.minor}.{self.patch}"


def parse(text):
    """The version that a tag such as v1.12.3 names, or None."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?", text or "")
    return Version(*(int(part or 0) for part in found.groups())) if found else None


# For each version of Talos: from which version on one may upgrade to it, below which one may downgrade to it, and the
# first and last minor of Kubernetes it runs.
TALOS = {
    (1, 5): ((1, 2), (1, 7), 26, 28),
    (1, 6): ((1, 3), (1, 8), 24, 29),
    (1, 7): ((1, 4), (1, 9), 25, 30),
    (1, 8): ((1, 5), (1, 10), 26, 31),
    (1, 9): ((1, 8), (1, 11), 27, 32),
    (1, 10): ((1, 8), (1, 12), 28, 33),
    (1, 11): ((1, 9), (1, 13), 29, 34),
    (1, 12): ((1, 10), (1, 14), 30, 35),
    (1, 13): ((1, 11), (1, 15), 31, 36),
    (1, 14): ((1, 12), (1, 16), 32, 37),
}


def upgrade_problem(host, target):
    """Why the installer of `target` refuses a host that runs `host`, or None."""
    if target.line not in TALOS:
        return f"upgrades to Talos version {target} are not supported"
    lowest, below, _, _ = TALOS[target.line]
    if host.line < lowest:
        return f"host version {str(host)[1:]} is too old to upgrade to Talos {str(target)[1:]}"
    if host.line >= below:
        return f"host version {str(host)[1:]} is too new to downgrade to Talos {str(target)[1:]}"
    return None


def kubernetes_problem(talos, text):
    """Why this Talos does not run that version of Kubernetes, or None."""
    version = parse(text)
    if not version:
        return f"invalid Kubernetes version: {text!r}"
    _, _, first, last = TALOS.get(talos.line, TALOS[(1, 14)])
    if version.line < (1, first):
        return f"version of Kubernetes {str(version)[1:]} is too old to be used with Talos {str(talos)[1:]}"
    if version.line > (1, last):
        return f"version of Kubernetes {str(version)[1:]} is too new to be used with Talos {str(talos)[1:]}"
    return None


def image_tag(reference):
    """The tag of an image, None if it has none; a digest does not matter."""
    name = (reference or "").split("@")[0]
    _, colon, tag = name.rpartition(":")
    return tag if colon and "/" not in tag else None


class Installer(NamedTuple):
    """What an installer image puts onto the disk."""
    version: Version
    tag: str
    schematic: str


def installer(reference):
    """What the installer image of this name installs, or None if it is no image of an installer.

    Of Image Factory's images the last part of the name is the schematic; others have none.
    """
    tag = image_tag(reference)
    version = parse(tag)
    name = (reference or "").split("@")[0].removesuffix(f":{tag}")
    if not version or "installer" not in name:
        return None
    last = name.rsplit("/", 1)[-1]
    return Installer(version, tag, last if re.fullmatch(r"[0-9a-f]{64}", last) else "")
