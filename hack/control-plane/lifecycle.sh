# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# How one control plane comes to be in the directory STATE, and how it goes.

ETCD_DIRECTORY=/dev/shm/talos-operator-control-plane.$UID

create() {
    local attempt
    touch "$MARK"
    mkdir "$STATE/logs"
    start_watchdog
    make_etcd_directory
    make_certificates
    make_tokens
    write_lines "$STATE/apiserver.extra" "${EXTRA_APISERVER[@]}"
    write_lines "$STATE/controller-manager.extra" "${EXTRA_MANAGER[@]}"
    for attempt in 1 2 3 4 5; do
        try_to_start && return
        grep -qs 'address already in use' "$STATE/logs/etcd.log" "$STATE/logs/apiserver.log" || break
        say "attempt $attempt: a port was taken meanwhile"
        stop_components
        find "$STATE/etcd/" "$STATE/logs" -mindepth 1 -delete
    done
    tail -n 15 "$STATE"/logs/*.log >&2
    die "the control plane did not start"
}

try_to_start() {
    local etcd_port apiserver_port
    pick_port && etcd_port=$PORT
    pick_port && apiserver_port=$PORT
    say "starting etcd on port $etcd_port, kube-apiserver on port $apiserver_port in $STATE"
    write_arguments "$etcd_port" "$apiserver_port"
    make_kubeconfigs "https://127.0.0.1:$apiserver_port"
    write_state "$etcd_port" "$apiserver_port"
    start_etcd "$etcd_port" && start_apiserver && start_controller_manager
}

# etcd's data goes to memory if there is enough of it: an abandoned disk flush would not matter, but waiting would.
make_etcd_directory() {
    local free=0
    [[ ! -w /dev/shm ]] || free=$(df --output=avail -m /dev/shm | tail -n 1)
    if ((free >= 1024)); then
        ln -s "$(mktemp -d "$ETCD_DIRECTORY.XXXXXX")" "$STATE/etcd"
    else
        mkdir "$STATE/etcd"
    fi
}

write_state() {
    printf '%s\n' "STATE_DIR=$STATE" "KUBECONFIG=$STATE/admin.kubeconfig" \
        "OPERATOR_KUBECONFIG=$STATE/operator.kubeconfig" "SERVER=https://127.0.0.1:$2" \
        "CA_FILE=$STATE/pki/ca.crt" "CA_KEY_FILE=$STATE/pki/ca.key" "AUDIT_LOG=$STATE/audit.log" \
        "TOKEN_AUTH_FILE=$STATE/tokens.csv" "OPERATOR_TOKEN_FILE=$STATE/operator.token" \
        "OPERATOR_NEXT_TOKEN_FILE=$STATE/operator.next-token" "ETCD_URL=http://127.0.0.1:$1" \
        "LOG_DIR=$STATE/logs" "KUBECTL=$KUBECTL" "VERSION=$("$KUBE_APISERVER" --version | sed 's/.* //')" \
        >"$STATE/state"
}

print_state() {
    cat "$STATE/state"
    printf '%s=%s\n' ETCD_PID "$(pid_of etcd)" APISERVER_PID "$(pid_of apiserver)" \
        CONTROLLER_MANAGER_PID "$(pid_of controller-manager)"
}

# Starts a process that ends the control plane when CONTROL_PLANE_PARENT_PID is gone.
start_watchdog() {
    local parent=${CONTROL_PLANE_PARENT_PID:-}
    [[ -n $parent ]] || return 0
    start_detached watchdog bash "$HACK/control-plane.sh" watch "$STATE/" "$parent" "$(birth_of "$parent")"
}

# Prints when process $1 was started: a reused pid has another time. Nothing if there is none, or only its remains.
birth_of() {
    local line
    line=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -r -a line <<<"${line##*) }"
    [[ ${line[0]} == Z ]] || printf '%s\n' "${line[19]}"
}

stop_components() {
    local component pid
    for component in "${COMPONENTS[@]}"; do
        ! pid=$(pid_of "$component") || kill "$pid" 2>/dev/null || true
    done
    stop_process controller-manager TERM 2
    stop_process apiserver-2 KILL 1 # a second one, if a test has started it
    stop_process apiserver TERM 3
    stop_process etcd TERM 2
}

stop_all() {
    stop_process watchdog TERM 1
    stop_components
    [[ ! -L $STATE/etcd || $(readlink "$STATE/etcd") != "$ETCD_DIRECTORY".* ]] ||
        rm -rf "$(readlink "$STATE/etcd")"
}

remove_state() {
    stop_all
    rm -rf "$STATE"
    rmdir "$ROOT" 2>/dev/null || true
}
