#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a root directory for hack/pod.py with a program as it was built here and the libraries that it names: what runs
# is what was built, also where it has the sanitizers' libraries, and no package is needed.
#
# usage: hack/pod-root.sh PROGRAM DIR      DIR/root and DIR/config.json are made
set -euo pipefail

PROGRAM=${1:?usage: hack/pod-root.sh PROGRAM DIR}
DIR=${2:?usage: hack/pod-root.sh PROGRAM DIR}

install -D "$PROGRAM" "$DIR/root/usr/local/bin/talos-operator"
ldd "$PROGRAM" | grep -oE '/[^ ]+' | while read -r file; do install -D "$file" "$DIR/root$file"; done
mkdir -p "$DIR"/root/{dev,etc,proc,tmp,var/lib,var/run}
printf '{"entrypoint": ["/usr/local/bin/talos-operator"]}\n' >"$DIR/config.json"
