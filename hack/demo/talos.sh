# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The second part of hack/demo.sh: the same operator with management Full and simulated machines, from nothing to a
# cluster that runs, to another Talos, to nothing.

MANAGED=managed-cluster
NEXT_TALOS=v1.13.0
SIMULATOR_PID=

field() { kubectl get kc "$MANAGED" -o "jsonpath={.status.$1}"; }
is_running() { [[ $(field lifecycle.state) == Running && $(field 'conditions[?(@.type=="Ready")].status') == True ]]; }
runs_on() { is_running && [[ $(field 'lifecycle.nodes[*].talos' | tr ' ' '\n' | sort -u) == "$1" ]]; }
simulator_answers() { grep -q '^PID=' "$SCRATCH/simulator"; }

# Sends a JSON document to the simulator's interface: post PATH JSON.
post() {
    python3 -c 'import sys, urllib.request as u
u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode(), {"Content-Type": "application/json"}), timeout=30)' \
        "$CONTROL$1" "$2"
}

start_machines() {
    step "Machines: each Machine becomes a simulated Talos node (Tests/TalosSimulator)"
    hack/talos-simulator.sh --delay 0.3 --parent-pid $$ >"$SCRATCH/simulator" 2>"$SCRATCH/simulator.log" &
    SIMULATOR_PID=$!
    wait_for 60 "the simulator answers" simulator_answers
    CONTROL=$(sed -n 's/^CONTROL=//p' "$SCRATCH/simulator")
    PREFIX=$(sed -n 's/^PREFIX=//p' "$SCRATCH/simulator")
    post /provider "{\"kubeconfig\": \"$ADMIN_KUBECONFIG\", \"version\": \"v1.12.3\", \"kubernetes\": \"model\"}"
}

# Ends the simulator: whatever it simulates goes with it.
stop_machines() {
    [[ -n $SIMULATOR_PID ]] || return 0
    kill "$SIMULATOR_PID" 2>/dev/null || true
    wait "$SIMULATOR_PID" 2>/dev/null || true
    SIMULATOR_PID=
}

# Shows each change of the cluster while it waits: watched WAIT_FOR's ARGUMENTS...
watched() {
    local watcher
    printf '%s$ kubectl get kc %s -w%s\n' "$BOLD" "$MANAGED" "$PLAIN"
    "$KUBECTL" --kubeconfig="$ADMIN_KUBECONFIG" get kc "$MANAGED" -w -o \
        'custom-columns=STATE:.status.lifecycle.state,NODES:.status.lifecycle.nodesReady,DOING:.status.lifecycle.message' \
        > >(awk '$0 != last { print; fflush(); last = $0 }') &
    watcher=$!
    wait_for "$@"
    kill "$watcher"
    wait "$watcher" 2>/dev/null || true
}

make_it_run() {
    step "A cluster with management Full: installed, etcd begun once, checked"
    printf '%s$ kubectl apply -f examples/%s.yaml%s\n' "$BOLD" "$MANAGED" "$PLAIN"
    sed -e "s|clusterEndpoint:.*|clusterEndpoint: https://$PREFIX.1.254:6443|" \
        -e 's|settle: 30s.*|settle: 1s|' -e '/windows:/d' -e 's|^  upgrade:$|  paused: false|' \
        "examples/$MANAGED.yaml" | kubectl apply -f -
    watched 180 "a cluster that runs" is_running
    run kubectl get kc,machines
    kubectl get secret "$MANAGED-kubeconfig" -o 'jsonpath={.data.value}' | base64 -d >"$SCRATCH/kubeconfig"
    printf '%s$ kubectl --kubeconfig=(the Secret %s-kubeconfig) get nodes%s\n' "$BOLD" "$MANAGED" "$PLAIN"
    "$KUBECTL" --kubeconfig="$SCRATCH/kubeconfig" get nodes
}

upgrade_talos() {
    step "Another Talos: one node after the other, the control plane first"
    run kubectl patch kc "$MANAGED" --type=merge -p "{\"spec\":{\"talosVersion\":\"$NEXT_TALOS\"}}"
    watched 300 "every node runs Talos $NEXT_TALOS" runs_on "$NEXT_TALOS"
    run kubectl get kc "$MANAGED" -o 'jsonpath={range .status.lifecycle.nodes[*]}{.name}{"\t"}{.talos}{"\n"}{end}'
    run kubectl get events --field-selector "involvedObject.name=$MANAGED"
}

take_it_down() {
    step "And away with it: nodes are reset, then their Machines, then the Secrets"
    run kubectl delete kc "$MANAGED" --timeout=180s
    expect "machines that are left" "$(kubectl get machines -o name | wc -l)" 0
    expect "what must never happen and did" "$(fetch "$CONTROL/violations")" "[]"
}

demonstrate_talos() {
    start_machines
    run kubectl apply -f config/rbac/config-management/role.yaml
    start_operator --config-management --reconcile-interval=2s
    make_it_run
    upgrade_talos
    take_it_down
    stop_operator
    stop_machines
}
