#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real etcd, kube-apiserver and kube-controller-manager on this machine's loopback, for tests.
set -euo pipefail
HACK=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=hack/control-plane/common.sh
source "$HACK/control-plane/common.sh"
# shellcheck source=hack/control-plane/install.sh
source "$HACK/control-plane/install.sh"
# shellcheck source=hack/control-plane/credentials.sh
source "$HACK/control-plane/credentials.sh"
# shellcheck source=hack/control-plane/processes.sh
source "$HACK/control-plane/processes.sh"
# shellcheck source=hack/control-plane/lifecycle.sh
source "$HACK/control-plane/lifecycle.sh"

ROOT=${TMPDIR:-/tmp}/talos-operator-control-plane.$UID

usage() {
    cat <<'EOF'
usage: hack/control-plane.sh VERB [ARGUMENT...]

  install                      find the programs, or get them into the cache; print their paths
  up [NAME] [FLAG...]          start one, or find it running; print KEY=value lines
  down [NAME | --all]          end it, or every named one of this user, and remove all it left
  status                       list the named ones; exit code 1 when there is none
  restart-apiserver [NAME] [--kill] [FLAG...]
                               start the API server again (same port, certificates and etcd) and wait until it is
                               ready; --kill: end the old one with SIGKILL at once, not after 3 seconds (open watches
                               would hold it for a minute). Flags replace the earlier ones
  restart-controller-manager [NAME] [--kill] [FLAG...]
                               the same; it then knows new custom resources at once
  pid [NAME] COMPONENT         print the pid of etcd, apiserver or controller-manager; exit code 1 when it is down

NAME (also --name NAME) is "default" unless given; several run side by side. --dir DIR instead keeps the state in DIR.
FLAG is --apiserver-flag=--FLAG=VALUE or --controller-manager-flag=--FLAG=VALUE, for that program, as often as needed;
an empty one (--apiserver-flag=) stands for none.

Environment:
  KUBEBUILDER_ASSETS        where programs are looked for first; then PATH, then the cache
  TALOS_OPERATOR_CACHE      the cache, instead of ~/.cache/talos-operator
  CONTROL_PLANE_PARENT_PID  "up" ends the control plane by itself when this process is gone

OPERATOR_KUBECONFIG is the operator's ServiceAccount of config/rbac, with no rights until somebody applies that. The API
server reads TOKEN_AUTH_FILE at its start only; OPERATOR_NEXT_TOKEN_FILE holds a second token that is valid already.
The controllers are garbage collection, namespace deletion and role aggregation: nobody makes service accounts or pods.
Garbage collection of 1.20 looks for new custom resources every 30 seconds, and when it starts; the first object of a
new kind can take 45 seconds to go. Deleting a namespace takes 5 seconds at least.
EOF
}

# Reads the arguments that follow the verb into STATE, KILL, ALL, COMPONENT and the lists of extra flags.
parse() {
    local name=default dir=""
    KILL="" ALL="" COMPONENT="" EXTRA_APISERVER=() EXTRA_MANAGER=()
    while (($#)); do
        case $1 in
            --name) name=${2:?--name needs a value} && shift ;;
            --name=*) name=${1#*=} ;;
            --dir) dir=${2:?--dir needs a value} && shift ;;
            --dir=*) dir=${1#*=} ;;
            --apiserver-flag=*) EXTRA_APISERVER+=("${1#*=}") ;;
            --controller-manager-flag=*) EXTRA_MANAGER+=("${1#*=}") ;;
            --kill) KILL=yes ;;
            --all) ALL=yes ;;
            etcd | apiserver | apiserver-2 | controller-manager) COMPONENT=$1 ;;
            -*) die "unknown option '$1' (see --help)" ;;
            */*) dir=$1 ;;
            *) name=$1 ;;
        esac
        shift
    done
    [[ $name =~ ^[a-z0-9][a-z0-9.-]*$ ]] || die "'$name' is no name: use small letters, digits, '.' and '-'"
    STATE=$(realpath -m "${dir:-$ROOT/$name}")
    MARK=$STATE/.talos-operator-control-plane
}

# Takes the lock on STATE: the directory itself, so that no lock file outlives it. With "existing" it fails if there is
# no such directory, or no longer.
lock() {
    while true; do
        [[ $1 == existing ]] || mkdir -p "$STATE"
        { exec 9<"$STATE"; } 2>/dev/null || return 1
        flock 9
        [[ ! $STATE -ef /proc/self/fd/9 ]] || return 0
        exec 9<&-
    done
}

up() {
    parse "$@"
    if ! find_tools; then install_tools >/dev/null; fi
    require openssl flock setsid awk
    umask 077
    mkdir -p "$STATE"
    [[ -O $STATE ]] || die "$STATE belongs to somebody else"
    lock new
    if [[ -e $MARK ]]; then
        if all_run && get_raw /readyz; then
            print_state
            return
        fi
        say "replacing the remains of an earlier one in $STATE"
        stop_all
        find "$STATE" -mindepth 1 -delete
    elif [[ -n $(ls -A "$STATE") ]]; then
        die "$STATE is not empty and not ours"
    fi
    trap remove_state EXIT
    create
    trap - EXIT
    print_state
}

all_run() { runs etcd && runs apiserver && runs controller-manager; }

down() {
    local dir
    parse "$@"
    if [[ -n $ALL ]]; then
        for dir in "$ROOT"/*/; do
            [[ ! -d $dir ]] || down "$dir"
        done
        return
    fi
    if [[ ! -e $MARK ]] || ! lock existing; then
        say "no control plane at $STATE"
        return
    fi
    remove_state
    exec 9<&-
}

status() {
    local dir found=1 format='%-20s %-28s %-8s %-10s %-18s\n' component pids
    for dir in "$ROOT"/*/; do
        [[ -e $dir/state ]] || continue
        parse "$dir"
        pids=()
        for component in "${COMPONENTS[@]}"; do pids+=("$(pid_of "$component" || echo down)"); done
        # shellcheck disable=SC2059
        ((!found)) || printf "$format" NAME SERVER ETCD APISERVER CONTROLLER-MANAGER
        # shellcheck disable=SC2059
        printf "$format" "${STATE##*/}" "$(sed -n 's/^SERVER=//p' "$STATE/state")" "${pids[@]}"
        found=0
    done
    return "$found"
}

watch() {
    while [[ -n $3 && $(birth_of "$2") == "$3" ]]; do sleep 0.5; done
    rm -f "$1/watchdog.pid" # we go on to end the others, not ourselves
    exec bash "$HACK/control-plane.sh" down --dir "$1"
}

# Starts COMPONENT $1 again; the arguments that follow are those of the command line.
restart() {
    local component=$1
    shift
    parse "$@"
    find_tools || die "programs are missing: run install"
    if [[ ! -e $MARK ]] || ! lock existing; then die "no control plane at $STATE"; fi
    if [[ $component == apiserver ]]; then
        ((!${#EXTRA_APISERVER[@]})) || write_lines "$STATE/apiserver.extra" "${EXTRA_APISERVER[@]}"
    else
        ((!${#EXTRA_MANAGER[@]})) || write_lines "$STATE/controller-manager.extra" "${EXTRA_MANAGER[@]}"
    fi
    stop_process "$component" "$([[ -n $KILL ]] && echo KILL || echo TERM)" 3
    if ! "start_${component//-/_}"; then
        tail -n 15 "$STATE/logs/$component.log" >&2
        die "the $component did not start"
    fi
    print_state
}

main() {
    local verb=${1:-}
    shift || true
    case $verb in
        install) install_tools ;;
        up) up "$@" ;;
        down) down "$@" ;;
        status) status ;;
        watch) watch "$@" ;;
        restart-apiserver | restart-controller-manager) restart "${verb#restart-}" "$@" ;;
        pid) parse "$@" && pid_of "${COMPONENT:?which component?}" ;;
        -h | --help | help) usage ;;
        *) usage >&2 && exit 2 ;;
    esac
}

main "$@"; exit # this file may change while it runs: read no further
