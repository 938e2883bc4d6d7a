#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Validates machine configurations against Talos' own JSON schemas.

usage: hack/check-talos-configs.py --schemas DIR --operator PROGRAM...
       hack/check-talos-configs.py --schemas DIR CONFIGS

The first renders each Talos version, role and set of OPTIONS with `PROGRAM render` and validates what comes out, the
second validates CONFIGS/VERSION/*.yaml, with VERSION as in v1.12. DIR has a schema VERSION.json for some versions; one
without takes that of the next older, the oldest take the oldest there is. Without --schemas, DIR is
$TALOS_REFERENCE/schema.

It needs jsonschema and ruamel.yaml: `$(hack/install-deps.sh talos)` is a Python that has them.
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

VERSIONS = [f"v1.{minor}" for minor in range(3, 14)]
# Kubernetes versions that each Talos version runs.
KUBERNETES = {3: 26, 4: 27, 5: 28, 6: 29, 7: 30, 8: 31, 9: 32, 10: 33, 11: 34, 12: 35, 13: 36}

DEPRECATED = "read and written by Talos, left out of the schema since it is deprecated"
NOT_LISTED = "an object of another project, whose fields the schema does not list"
# Fields that Talos' own golden files have, and the schemas of some versions lack:
# definition, property, the first and the last such version, why.
HIDDEN = [
    ("v1alpha1.Config", "persist", "v1.6", "v1.13", DEPRECATED),
    ("v1alpha1.InstallConfig", "extraKernelArgs", "v1.10", "v1.13", DEPRECATED),
    ("v1alpha1.ExtraMount", "destination", "v1.3", "v1.6", NOT_LISTED),
    ("v1alpha1.ExtraMount", "type", "v1.3", "v1.6", NOT_LISTED),
    ("v1alpha1.ExtraMount", "source", "v1.3", "v1.6", NOT_LISTED),
    ("v1alpha1.ExtraMount", "options", "v1.3", "v1.6", NOT_LISTED),
]

# What a cluster's specification says beyond the least.
OPTIONS = {
    "least": {},
    "networks": {"podSubnets": ["10.1.0.0/16", "fd00:1::/56"], "serviceSubnets": ["10.2.0.0/16", "fd00:2::/112"]},
    "settings": {
        "talosConfig": {
            "machine": {"certSANs": ["api.example.com", "192.0.2.1"]},
            "cluster": {"network": {"dnsDomain": "example.com"}},
            "install": {"disk": "/dev/vda", "wipe": True},
        }
    },
    "schematic": {"schematic": {"extensions": ["siderolabs/iscsi-tools"]}},
    "patches": {
        "patches": [
            {"machine": {"sysctls": {"net.core.somaxconn": "65535"},
                         "kubelet": {"extraMounts": [{"source": "/var/opt", "destination": "/var/opt",
                                                      "type": "bind", "options": ["rshared"]}]}}},
            {"cluster": {"network": {"cni": {"name": "custom", "urls": ["https://example.com/cni.yaml"]}}}},
        ],
        "controlPlane": {"patches": [{"cluster": {"allowSchedulingOnControlPlanes": True}}]},
    },
    "documents": {
        "patches": [
            {"apiVersion": "v1alpha1", "kind": "HostnameConfig", "hostname": "${machine.name}", "auto": "off"},
            {"apiVersion": "v1alpha1", "kind": "RegistryMirrorConfig", "name": "ghcr.io",
             "endpoints": [{"url": "https://mirror.example.com"}]},
            {"apiVersion": "v1alpha1", "kind": "TimeSyncConfig", "ntp": {"servers": ["ntp.example.com"]}},
        ]
    },
}
# Options that older versions cannot have.
SINCE = {"documents": "v1.12"}


def number(version):
    return tuple(int(part) for part in re.findall(r"\d+", version))


def merged(value, other):
    both = isinstance(value, dict) and isinstance(other, dict)
    return {**value, **{key: merged(value.get(key), other[key]) for key in other}} if both else other


def cluster(version, options):
    """A KubernetesCluster of both roles, with OPTIONS on top."""
    spec = {
        "management": "Config", "clusterName": "matrix", "clusterEndpoint": "https://192.0.2.10:6443",
        "kubernetesVersion": f"v1.{KUBERNETES[number(version)[1]]}.0", "talosVersion": f"{version}.0",
        "controlPlane": {"replicas": 1}, "workers": [{"name": "workers", "replicas": 1}],
    }
    return {"apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster",
            "metadata": {"name": "matrix", "namespace": "default"}, "spec": merged(spec, OPTIONS[options])}


class Schema:
    """The schema of one version, by kind: its `oneOf` alone would say that nothing fits, and not why."""

    def __init__(self, path):
        schema = json.loads(path.read_text())
        self.definitions = schema["$defs"]
        for name, key, first, last, _ in HIDDEN:
            if number(first) <= number(path.stem) <= number(last):
                # Before 1.7 names had no package.
                definition = self.definitions.get(name) or self.definitions[name.split(".")[-1]]
                definition["properties"].setdefault(key, {})
        references = [part["$ref"] for part in schema.get("oneOf", [schema])]
        self.kinds = {}
        for name in (reference.split("/")[-1] for reference in references):
            kinds = self.definitions[name]["properties"].get("kind", {}).get("enum", [None])
            self.kinds.update({kind: name for kind in kinds})

    def errors(self, document):
        kind = document.get("kind")
        if kind not in self.kinds:
            yield f"the schema has no kind {kind}"
            return
        schema = {"$ref": f"#/$defs/{self.kinds[kind]}", "$defs": self.definitions}
        for error in Draft202012Validator(schema).iter_errors(document):
            yield f"{'.'.join(map(str, error.absolute_path)) or '(document)'}: {error.message[:300]}"


class Schemas:
    def __init__(self, directory):
        self.paths = sorted(directory.glob("v1.*.json"), key=lambda path: number(path.stem))
        self.loaded = {}
        if not self.paths:
            sys.exit(f"check-talos-configs.py: {directory} has no v1.*.json")

    def of(self, version):
        older = [path for path in self.paths if number(path.stem) <= number(version)]
        path = older[-1] if older else self.paths[0]
        if path not in self.loaded:
            self.loaded[path] = Schema(path)
        return self.loaded[path]


def rendered(program, directory):
    """Renders the matrix; yields version, what it is, and the file of each configuration."""
    for version in VERSIONS:
        secrets = directory / f"{version}-secrets.yaml"
        run([*program, "secrets", "generate", "--talos-version", version, "-o", str(secrets)])
        for options in (name for name in OPTIONS if number(version) >= number(SINCE.get(name, "v1.0"))):
            work = directory / version / options
            work.mkdir(parents=True)
            source = work / "cluster.json"
            source.write_text(json.dumps(cluster(version, options)))
            run([*program, "render", "-f", str(source), "--secrets", str(secrets), "-o", str(work)])
            files = sorted(work.glob("*/talos/*.yaml"))
            if len(files) != 2:
                sys.exit(f"check-talos-configs.py: {version} {options}: two configurations expected, not {files}")
            for path in files:
                yield version, f"{version} {options} {path.stem}", path


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"check-talos-configs.py: {shlex.join(command)}\n{done.stdout}{done.stderr}")


def given(directory):
    for version in sorted(directory.iterdir(), key=lambda path: number(path.name)):
        if re.fullmatch(r"v1\.\d+", version.name):
            for path in sorted(version.glob("*.yaml")):
                yield version.name, f"{version.name}/{path.name}", path


def check(configs, schemas):
    """Returns the number of documents that were looked at, and all problems."""
    yaml, count, problems = YAML(typ="safe", pure=True), 0, []
    for version, name, path in configs:
        for index, document in enumerate(yaml.load_all(path.read_text())):
            count += 1
            problems += [f"{name}, document {index + 1}: {error}"
                         for error in schemas.of(version).errors(document)]
    return count, problems


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1], add_help=True)
    reference = os.environ.get("TALOS_REFERENCE")
    parser.add_argument("--schemas", type=pathlib.Path, default=reference and pathlib.Path(reference) / "schema")
    parser.add_argument("--operator", type=shlex.split)
    parser.add_argument("configs", type=pathlib.Path, nargs="?")
    options = parser.parse_args()
    if not options.schemas or bool(options.operator) == bool(options.configs):
        parser.error("schemas, and either an operator or a directory of configurations are needed")
    schemas = Schemas(options.schemas)
    with tempfile.TemporaryDirectory() as directory:
        configs = given(options.configs) if options.configs else rendered(options.operator, pathlib.Path(directory))
        count, problems = check(configs, schemas)
    if not count:
        problems = ["there are no configurations"]
    print("\n".join(problems) if problems else f"check-talos-configs: {count} documents are valid")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
