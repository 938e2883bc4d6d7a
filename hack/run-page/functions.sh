# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What a page's script starts with; hack/run-page.py names it in BASH_ENV. Line numbers are those of the page.
unset BASH_ENV # other scripts are themselves
set -Eeuo pipefail
PS4='+ line $LINENO: '
trap 'report "$?" "$LINENO" "$BASH_COMMAND"' ERR

report() {
    { set +x; } 2>/dev/null
    printf '%s:%s: exit code %s: %s\n' "$0" "$2" "$1" "$3" >&2
    # A page of ours has no more than one in the background as a rule: its last words.
    tail -n 20 "$PAGE_SCRATCH"/background.*.log >&2 2>/dev/null || true
    exit "$1"
}

# Starts the command of the other arguments; waits until it has printed $1. It ends with this shell.
start_until() {
    local - text=$1 log pid
    { set +x; } 2>/dev/null
    shift
    log=$(mktemp "$PAGE_SCRATCH/background.XXXXXX.log")
    setpriv --pdeathsig KILL -- "$@" >"$log" 2>&1 &
    pid=$!
    until grep -qF -- "$text" "$log"; do
        kill -0 "$pid" 2>/dev/null || { printf 'it ended without "%s"\n' "$text" >&2 && return 1; }
        sleep 0.1
    done
}

# Each line of standard input, with those it goes on in, is a command that goes on in the background once it has printed $1. Several operators do
# not listen on the same ports: unless their flags say otherwise, on none.
in_background() {
    local - line more
    { set +x; } 2>/dev/null
    while IFS= read -r line; do
        while [[ $line == *\\ ]] && IFS= read -r more; do line=${line%\\}$more; done
        [[ -z ${line%%#*} ]] || start_until "$1" env METRICS_BIND_ADDRESS=0 HEALTH_PROBE_BIND_ADDRESS=0 \
            "RESULTS_PATH=$PAGE_SCRATCH/results" bash -c "exec $line" </dev/null
    done
}

# Standard input is commands that must fail and print $1.
must_fail() {
    local - output
    { set +x; } 2>/dev/null
    if output=$(bash -Eeuo pipefail 2>&1); then
        printf '%s\nthis was to fail\n' "$output" >&2
        return 1
    fi
    printf '%s\n' "$output"
    grep -qF -- "$1" <<<"$output" || { printf 'the output lacks "%s"\n' "$1" >&2 && return 1; }
}

setup_crds() {
    local -
    { set +x; } 2>/dev/null
    kubectl apply --validate=false -k config/crd
    kubectl wait --for=condition=Established --timeout=60s crd --all
}

setup_operator() {
    local -
    { set +x; } 2>/dev/null
    setup_crds
    kubectl apply -k config/rbac
    start_until 'Caches are filled' talos-operator run "--kubeconfig=$PAGE_OPERATOR_KUBECONFIG" \
        "--results-path=$PAGE_SCRATCH/results" --log-format=json "$@"
}

setup_config_operator() {
    local -
    { set +x; } 2>/dev/null
    kubectl apply -f config/rbac/account.yaml -f config/rbac/config-management/role.yaml
    setup_operator --config-management --layer-namespace=talos-operator-system
}

setup_nodes() { hack/pod-root.sh "$PAGE_BINARY" "$PAGE_SCRATCH/nodes"; }

set -x
