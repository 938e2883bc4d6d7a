# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Shared by hack/control-plane.sh and hack/install-deps.sh: messages, the cache, and a private view of apt.

# shellcheck disable=SC2034 # for the scripts that read this one
CACHE=${TALOS_OPERATOR_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/talos-operator}

# Progress goes to standard error: standard output is for machines.
say() { printf '[%s] %s\n' "${0##*/}" "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

require() {
    local command
    for command in "$@"; do
        type -P "$command" >/dev/null || die "$command is missing: run hack/install-deps.sh control-plane"
    done
}

# Sets APT to an apt-get that reads the system's own package sources, binary and source packages both, but keeps its
# lists and downloads in directory $1: no configuration is changed, no root is needed, and stale lists do not matter.
private_apt() {
    local dir=$1 file
    mkdir -p "$dir"/{parts,lists/partial,cache/archives/partial}
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -r $file ]] || continue
        sed -nE 's/^[[:space:]]*deb[[:space:]]+(.*)/deb \1\ndeb-src \1/p' "$file" >"$dir/parts/${file##*/}.list"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -r $file ]] || continue
        sed -E 's/^Types:.*/Types: deb deb-src/I' "$file" >"$dir/parts/${file##*/}"
    done
    APT=(apt-get -q
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$dir/parts"
        -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User="$(id -un)")
    # Other vendors' sources often have no source packages: the download that follows shows whether it was enough.
    "${APT[@]}" update >"$dir/update.log" 2>&1 || true
}

# Unpacks the binary package $1 into directory $2 without installing it, so that none of its services starts.
unpack_package() {
    local package=$1 dir=$2
    mkdir -p "$dir"
    (cd "$dir" && "${APT[@]}" download "$package" >download.log 2>&1) ||
        die "apt cannot download $package: $(tail -n 3 "$dir/download.log")"
    dpkg -x "$dir/$package"_*.deb "$dir"
}

# Puts file $1 into the cache as $2 in one step, so that a cached file is always a whole one.
publish() {
    mkdir -p "${2%/*}"
    install -m 755 "$1" "$2.new"
    mv -f "$2.new" "$2"
}
