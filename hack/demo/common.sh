# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What both parts of hack/demo.sh use: it shows what it does, and ends at the first thing that is not as it should be.

OPERATOR_PID=
BOLD='' PLAIN=''
[[ ! -t 1 ]] || BOLD=$'\e[1m' PLAIN=$'\e[0m'

step() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN"; }

fail() {
    printf '\ndemo: %s\n' "$*" >&2
    if [[ -s ${LOG:-} ]]; then
        printf 'the last lines of the operator:\n' >&2
        tail -n 20 "$LOG" >&2
    fi
    exit 1
}

# Shows a command and runs it.
run() {
    printf '%s$ %s%s\n' "$BOLD" "$*" "$PLAIN"
    "$@"
}

# kubectl as the administrator of the demo; shown by its plain name.
kubectl() { "$KUBECTL" --kubeconfig="$ADMIN_KUBECONFIG" "$@"; }

# Waits up to $1 seconds until the command that follows $2, what it means, succeeds.
wait_for() {
    local end=$((SECONDS + $1)) meaning=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || fail "waited in vain for: $meaning"
        operator_runs || [[ -z $OPERATOR_PID ]] || fail "the operator ended by itself"
        sleep 0.2
    done
}

operator_runs() { [[ -n $OPERATOR_PID ]] && kill -0 "$OPERATOR_PID" 2>/dev/null; }

expect() { [[ $2 == "$3" ]] || fail "$1: expected '$3', found '$2'"; }

is_ready() { fetch "$HEALTH/readyz"; }

# GETs a URL; without curl, which a bare Debian has not.
fetch() { python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode(), end="")' "$1"; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Starts the operator, with more flags than it always has, and waits until it is ready.
start_operator() {
    step "The operator"
    METRICS=http://127.0.0.1:$(free_port) HEALTH=http://127.0.0.1:$(free_port) LOG=$SCRATCH/operator.log
    local command=("$BINARY" run "--kubeconfig=$OPERATOR_KUBECONFIG" "--metrics-bind-address=${METRICS#http://}"
        "--health-probe-bind-address=${HEALTH#http://}" "--results-path=$RESULTS" --log-format=text "$@")
    printf '%s$ %s &%s\n' "$BOLD" "${command[*]}" "$PLAIN"
    "${command[@]}" >"$LOG" 2>&1 &
    OPERATOR_PID=$!
    wait_for 30 "the operator is ready" is_ready
    run fetch "$HEALTH/readyz?verbose"
}

stop_operator() {
    local code=0 pid=$OPERATOR_PID
    step "The operator ends when it is asked to"
    run kill -TERM "$pid"
    OPERATOR_PID=
    wait "$pid" || code=$?
    expect "exit code of the operator" "$code" 0
    tail -n 5 "$LOG"
}
