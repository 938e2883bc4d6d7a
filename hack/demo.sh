#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The life of two clusters, from kubectl apply to kubectl delete, on a control plane of its own: of one whose machines
# are somebody else's business, and of one that is installed, upgraded and reset. It fails if anything is not as it should
# be.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'EOT'
usage: hack/demo.sh

Runs .build/debug/talos-operator, or what TALOS_OPERATOR names, on a control plane called "demo". `make demo` builds
both first. Everything it started or wrote is gone when it ends.
EOT
}

BINARY=${TALOS_OPERATOR:-.build/debug/talos-operator}
EXAMPLE=examples/simple-cluster.yaml
RESULTS=hack/results
CLUSTER=simple-cluster
# shellcheck source=hack/demo/common.sh
source hack/demo/common.sh
# shellcheck source=hack/demo/talos.sh
source hack/demo/talos.sh

machines() { kubectl get machines -l "cluster.vitistack.io/cluster-name=$CLUSTER" -o name | wc -l; }
has_machines() { (($(machines) == $1)); }
manifests() { find "$RESULTS/$CLUSTER" -name '*.yaml' 2>/dev/null | wc -l; }
has_manifests() { (($(manifests) == $1)); }
condition() { kubectl get kc "$CLUSTER" -o "jsonpath={.status.conditions[?(@.type==\"$1\")].status}"; }
has_condition() { [[ $(condition "$1") == True ]]; }
has_count() { [[ $(kubectl get kc "$CLUSTER" -o 'jsonpath={.status.machineCount}') == "$1" ]]; }

clean_up() {
    local code=$?
    trap - EXIT
    if operator_runs; then
        kill -KILL "$OPERATOR_PID" 2>/dev/null
        wait "$OPERATOR_PID" 2>/dev/null || true
    fi
    stop_machines
    hack/control-plane.sh down demo >/dev/null 2>&1 || true
    rm -rf "${RESULTS:?}/$CLUSTER" "${SCRATCH:-}"
    rmdir "$RESULTS" 2>/dev/null || true
    exit "$code"
}

start_control_plane() {
    local state
    step "A control plane: etcd, kube-apiserver, kube-controller-manager"
    state=$(CONTROL_PLANE_PARENT_PID=$$ run hack/control-plane.sh up demo) || fail "there is no control plane"
    printf '%s\n' "$state"
    KUBECTL=$(sed -n 's/^KUBECTL=//p' <<<"$state")
    ADMIN_KUBECONFIG=$(sed -n 's/^KUBECONFIG=//p' <<<"$state")
    OPERATOR_KUBECONFIG=$(sed -n 's/^OPERATOR_KUBECONFIG=//p' <<<"$state")
}

prepare_cluster() {
    step "The resources, and the operator's account with no more rights than are shipped"
    run kubectl apply --validate=false -f config/crd
    run kubectl wait --for=condition=Established --timeout=30s crd/kubernetesclusters.vitistack.io \
        crd/machines.vitistack.io
    run kubectl apply -f config/rbac/account.yaml -f config/rbac/role.yaml -f config/rbac/role-binding.yaml
}

create_cluster() {
    step "A cluster: three control plane machines, two workers"
    run kubectl apply -f "$EXAMPLE"
    wait_for 30 "five Machines" has_machines 5
    wait_for 30 "five manifests" has_manifests 5
    wait_for 30 "MachinesCreated" has_condition MachinesCreated
    wait_for 30 "FilesGenerated" has_condition FilesGenerated
    wait_for 30 "a status that counts them" has_count 5
    run kubectl get kc,machines
    run kubectl get machine "$CLUSTER-workers-0" -o yaml
    run ls "$RESULTS/$CLUSTER"
    run cat "$RESULTS/$CLUSTER/$CLUSTER-cp-0.yaml"
    run kubectl get kc "$CLUSTER" -o yaml
    expect "TopologyValid" "$(condition TopologyValid)" True
    expect "machines with this cluster as their controller" "$(kubectl get machines -o \
        'jsonpath={range .items[*]}{.metadata.ownerReferences[?(@.controller==true)].name}{"\n"}{end}' |
        grep -cx "$CLUSTER")" 5
}

pretend_to_be_a_provider() {
    step "A provider reports every machine as running: nobody makes real ones here"
    local name
    for name in $(kubectl get machines -o name); do
        put_status "$name" '{"status":{"phase":"Running"}}'
    done
    wait_for 30 "Ready" has_condition Ready
    run kubectl get kc "$CLUSTER"
}

# Merge-patches the status of machine $1 with $2.
put_status() { kubectl patch "$1" --subresource=status --type=merge -p "$2" >/dev/null; }

show_metrics() {
    step "Metrics"
    printf '%s$ curl %s/metrics | grep ^talos_operator%s\n' "$BOLD" "$METRICS" "$PLAIN"
    fetch "$METRICS/metrics" >"$SCRATCH/metrics"
    grep '^talos_operator' "$SCRATCH/metrics" | grep -v '_bucket{'
    grep -q '^talos_operator_machines_generated.*cluster="'"$CLUSTER"'",role="controlplane".* 3$' "$SCRATCH/metrics" ||
        fail "talos_operator_machines_generated does not count three control plane machines"
}

scale_up() {
    step "Two more workers"
    run kubectl patch kc "$CLUSTER" --type=json -p '[{"op":"replace","path":"/spec/workers/0/replicas","value":4}]'
    wait_for 30 "seven Machines" has_machines 7
    wait_for 30 "seven manifests" has_manifests 7
    wait_for 30 "a status that counts them" has_count 7
    run kubectl get kc,machines
}

refuse() {
    step "Bad input is refused at once"
    local answer patch='{"spec":{"controlPlane":{"replicas":2}}}'
    printf "%s\$ kubectl patch kc %s --type=merge -p '%s'%s\n" "$BOLD" "$CLUSTER" "$patch" "$PLAIN"
    ! answer=$(kubectl patch kc "$CLUSTER" --type=merge -p "$patch" 2>&1) || fail "two control plane machines went through"
    printf '%s\n' "$answer"
}

delete_cluster() {
    step "And away with it"
    run kubectl delete kc "$CLUSTER" --timeout=60s
    expect "machines that are left" "$(kubectl get machines -o name | wc -l)" 0
    expect "manifests that are left" "$(manifests)" 0
    [[ ! -e $RESULTS/$CLUSTER ]] || fail "$RESULTS/$CLUSTER is still there"
    run kubectl get kc,machines
}

main() {
    case ${1:-} in
        "") ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && exit 2 ;;
    esac
    [[ -x $BINARY ]] || fail "there is no $BINARY: run make build"
    SCRATCH=$(mktemp -d)
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    rm -rf "${RESULTS:?}/$CLUSTER"
    start_control_plane
    prepare_cluster
    start_operator
    create_cluster
    pretend_to_be_a_provider
    show_metrics
    scale_up
    refuse
    delete_cluster
    stop_operator
    demonstrate_talos
    step "Nothing is left. See README.md for how to run it against your own cluster."
}

main "$@"
