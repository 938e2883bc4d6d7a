#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds hack/bench/peer, the Go operator that ours is measured beside, and prints the path of its program in the cache.
# It is built inside Debian's Kubernetes source package, whose client-go it uses, once: 3 minutes on two cores.
set -euo pipefail
HACK=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=hack/control-plane/common.sh
source "$HACK/control-plane/common.sh"
# shellcheck source=hack/control-plane/install.sh
source "$HACK/control-plane/install.sh"

PEER=$CACHE/bench/peer

# Prints what the cached program was built from.
fingerprint() { cat "$HACK"/bench/peer/*.go | sha256sum | cut -d ' ' -f 1; }

build_peer() {
    WORK=$(mktemp -d "$CACHE/bench/work.XXXXXX")
    trap 'rm -rf "$WORK"' EXIT
    "$HACK/install-deps.sh" control-plane
    say "getting the Kubernetes source package"
    private_apt "$WORK/apt"
    get_source
    mkdir "$SOURCE/cmd/talos-peer"
    cp "$HACK"/bench/peer/*.go "$SOURCE/cmd/talos-peer/"
    say "building"
    env -C "$SOURCE" -u GOFLAGS -u GOROOT GOPATH="$WORK/gopath" GO111MODULE=off GOCACHE="$WORK/go-build" \
        nice go build -trimpath -ldflags='-s -w' -o "$WORK/peer" k8s.io/kubernetes/cmd/talos-peer >&2
    publish "$WORK/peer" "$PEER"
    fingerprint >"$PEER.sha256"
}

main() {
    mkdir -p "$CACHE/bench"
    exec 8>"$CACHE/bench/.lock"
    flock 8
    if [[ ! -x $PEER || $(cat "$PEER.sha256" 2>/dev/null) != "$(fingerprint)" ]]; then
        rm -rf "$CACHE"/bench/work.* # an earlier build was killed; we hold the lock
        build_peer
    fi
    printf '%s\n' "$PEER"
}

main "$@"; exit # this file may change while it runs: read no further
