#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Makes the image's root directory without a container engine, from the last stage of the Dockerfile. Needs root.

usage: hack/image-root.py [DIR]     makes DIR/rootfs and DIR/config.json and prints DIR; dist/image if not given
       hack/image-root.py --config  prints what the Dockerfile alone says of config.json; needs no root

Debian's packages come from mmdebstrap and this system's own package sources: what the base image has, and those that
the Dockerfile installs, no others. Its other commands run in there as they are; what it copies from the build stage is
taken from dist, where `make release` has put it. config.json has what the image's configuration would: user,
entrypoint, cmd, env, workdir, labels, ports, and the packages with their versions.

The Debian part is kept in the cache and used again while the Dockerfile wants the same of it; TALOS_OPERATOR_CACHE names
another cache. Nothing at all is done when DIR is up to date.
"""
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("TALOS_OPERATOR_CACHE") or Path(
    os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "talos-operator"))
# What the slim base image leaves out, so that packages of ours leave it out too.
SLIM = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/groff/*",
        "/usr/share/lintian/*", "/usr/share/linda/*")


class Problem(Exception):
    """What keeps the root from being made, for the user."""


def say(text):
    print(f"[image-root] {text}", file=sys.stderr, flush=True)


class Dockerfile:
    """The last stage: what it is based on and its instructions, with the arguments' defaults filled in."""

    def __init__(self, text):
        self.base, self.instructions = "", []
        arguments, are_global = {}, True
        text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
        for line in re.sub(r"\\\n", " ", text).splitlines():
            name, _, rest = line.strip().partition(" ")
            name, rest = name.upper(), rest.strip()
            if name == "ARG":
                key, _, default = rest.partition("=")
                arguments[key] = os.environ.get(key) or default.strip('"')
                if not are_global:
                    continue
            elif name == "FROM":
                are_global = False
                self.base, self.instructions = self.fill(rest.split()[0], arguments), []
            elif name:
                self.instructions.append((name, rest if name == "RUN" else self.fill(rest, arguments)))

    @staticmethod
    def fill(text, arguments):
        return re.sub(r"\$\{(\w+)\}", lambda match: arguments.get(match[1], ""), text)

    @property
    def release(self):
        match = re.fullmatch(r"debian:(\w+)-slim", self.base)
        if not match:
            raise Problem(f"Dockerfile: the last stage is based on {self.base}, not on debian:RELEASE-slim")
        return match[1]

    def commands(self):
        return [command.strip() for name, rest in self.instructions if name == "RUN" for command in rest.split("&&")]

    def packages(self):
        """What `apt-get install` is given."""
        return sorted(word for command in self.commands() if command.startswith("apt-get install ")
                      for word in shlex.split(command)[2:] if not word.startswith("-"))

    def other_commands(self):
        return [command for command in self.commands() if not command.startswith("apt-get ")]

    def copies(self):
        """(file in dist, target) of each file taken from the build stage."""
        for rest in (rest for name, rest in self.instructions if name == "COPY"):
            flag, *sources, target = rest.split()
            for source in sources:
                if flag != "--from=build" or not source.startswith("/src/dist/"):
                    raise Problem(f"Dockerfile: COPY {rest}: only from dist of the build stage")
                name = source.removeprefix("/src/dist/")
                yield name, target + name if target.endswith("/") else target

    def config(self):
        config = {"user": "", "entrypoint": [], "cmd": [], "workdir": "/", "env": {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, "labels": {}, "ports": []}
        config |= {"base": self.base, "requested": self.packages()}
        for name, rest in self.instructions:
            if name in ("ENV", "LABEL"):
                key = {"ENV": "env", "LABEL": "labels"}[name]
                config[key] |= dict(word.split("=", 1) for word in shlex.split(rest))
            elif name in ("ENTRYPOINT", "CMD"):
                config[name.lower()] = json.loads(rest)
            elif name in ("USER", "WORKDIR"):
                config[name.lower()] = rest
            elif name == "EXPOSE":
                config["ports"] += [int(port) for port in rest.split()]
            elif name not in ("RUN", "COPY"):
                raise Problem(f"Dockerfile: {name} is not understood here")
        return config


def digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part if isinstance(part, bytes) else str(part).encode()).digest())
    return total.hexdigest()[:16]


def debian(file):
    """The root with Debian's packages as a tar file in the cache."""
    path = CACHE / "image" / f"debian-{digest(file.release, file.packages(), SLIM)}.tar"
    if path.exists():
        return path
    if not shutil.which("mmdebstrap"):
        raise Problem("mmdebstrap is missing: run hack/install-deps.sh image")
    say(f"Debian {file.release} with {' '.join(file.packages())}")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tar")
    # Without the hook the root would be merged by a package that needs Perl, which the base image does not have.
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
               f"--include={','.join(['usr-is-merged', *file.packages()])}",
               *(f"--dpkgopt=path-exclude={pattern}" for pattern in SLIM),
               "--dpkgopt=path-include=/usr/share/doc/*/copyright", file.release, str(partial), *sources(file.release)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        partial.unlink(missing_ok=True)
        raise Problem("\n".join(["mmdebstrap failed", *done.stderr.splitlines()[-15:]]))
    partial.rename(path)
    return path


def sources(release):
    """This system's files of package sources that have the release."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    found = [str(path) for path in files if path.suffix in (".list", ".sources") and path.exists()
             and re.search(rf"\b{release}-security\b|\s{release}\s", path.read_text())]
    if not found:
        raise Problem(f"this system has no package sources of Debian {release}")
    return found


def enter(root, *command):
    """The output of a command that has `root` as its root directory."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(["chroot", root, *command], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise Problem(f"in {root}: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def make(target):
    file = Dockerfile((TOP / "Dockerfile").read_text())
    copies = [(TOP / "dist" / name, path) for name, path in file.copies()]
    for source, _ in copies:
        if not source.exists():
            raise Problem(f"there is no {source.relative_to(TOP)}: run make release")
    base = debian(file)
    state = digest((TOP / "Dockerfile").read_bytes(), Path(__file__).read_bytes(), base.name,
                   *(source.read_bytes() for source, _ in copies))
    if (target / "state").exists() and (target / "state").read_text() == state:
        return
    shutil.rmtree(target, ignore_errors=True)
    root = target / "rootfs"
    root.mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--file", base, "--directory", root, "--numeric-owner", "--exclude=./dev/*"],
                   check=True)
    for command in file.other_commands():
        enter(root, "/bin/sh", "-c", command)
    for source, path in copies:
        shutil.copy2(source, root / path[1:])
    packages = enter(root, "dpkg-query", "-W", "-f", "${Package} ${Version}\n")
    config = file.config() | {"packages": dict(line.split() for line in packages.splitlines())}
    (target / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    (target / "state").write_text(state)
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    say(f"{target}: {size / 1e6:.1f} MB, {len(config['packages'])} packages")


def main(arguments):
    if len(arguments) > 1 or arguments and arguments[0].startswith("-") and arguments != ["--config"]:
        print(__doc__, end="")
        return 0 if arguments[0] in ("-h", "--help") else 2
    target = Path(arguments[0] if arguments else TOP / "dist/image").resolve()
    try:
        if arguments == ["--config"]:
            print(json.dumps(Dockerfile((TOP / "Dockerfile").read_text()).config(), indent=1, sort_keys=True))
            return 0
        if os.geteuid() != 0:
            raise Problem("this needs root: it makes files of other users")
        make(target)
    except (Problem, OSError, subprocess.CalledProcessError) as error:
        say(f"error: {error}")
        return 1
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
