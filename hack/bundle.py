#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Makes dist/bundle for Operator Lifecycle Manager out of config/manifests.

usage: bundle.py IMAGE [DIRECTORY]      KUBECTL names another kubectl than that on the PATH

The bundle is a directory of manifests and one of metadata, of the form registry+v1. What the ClusterServiceVersion has in
itself (Deployment, account, the operator's roles) is no manifest of its own, and there is no namespace.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INSIDE = {"Namespace", "ServiceAccount", "Deployment", "Role", "RoleBinding", "ClusterRoleBinding"}
LABELS = {
    "mediatype.v1": "registry+v1",
    "manifests.v1": "manifests/",
    "metadata.v1": "metadata/",
    "package.v1": "talos-operator",
    "channels.v1": "alpha",
    "channel.default.v1": "alpha",
}


def manifests(image):
    """File names and texts."""
    text = subprocess.run([ROOT / "hack/manifests.sh", image, "config/manifests"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    for document in re.split(r"^---\n", text, flags=re.MULTILINE):
        kind = re.search(r"^kind: (.+)$", document, re.MULTILINE)[1]
        name = re.search(r"^metadata:\n(?:  .*\n)*?  name: (.+)$", document, re.MULTILINE)[1]
        if kind in INSIDE or (kind, name) == ("ClusterRole", "talos-operator"):
            continue
        if kind == "ClusterServiceVersion":
            name, document = "talos-operator", re.sub(r"(containerImage: ).+", lambda m: m[1] + image, document)
        yield f"{name}.{kind.lower()}.yaml", document


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    bundle = pathlib.Path(arguments[1] if len(arguments) == 2 else ROOT / "dist/bundle")
    shutil.rmtree(bundle, ignore_errors=True)
    for folder in ("manifests", "metadata"):
        (bundle / folder).mkdir(parents=True)
    for name, text in manifests(arguments[0]):
        (bundle / "manifests" / name).write_text(text)
    labels = {f"operators.operatorframework.io.bundle.{key}": value for key, value in LABELS.items()}
    (bundle / "metadata/annotations.yaml").write_text(
        "annotations:\n" + "".join(f"  {key}: {value}\n" for key, value in labels.items()))
    (bundle / "bundle.Dockerfile").write_text(
        "FROM scratch\n" + "".join(f"LABEL {key}={value}\n" for key, value in labels.items())
        + "COPY manifests /manifests/\nCOPY metadata /metadata/\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
