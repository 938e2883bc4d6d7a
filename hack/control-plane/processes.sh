# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The processes of one control plane. COMPONENT runs with the arguments in STATE/COMPONENT.args, one a line, the
# program first, and those in STATE/COMPONENT.extra; it writes STATE/logs/COMPONENT.log and STATE/COMPONENT.pid.

# shellcheck disable=SC2034 # for the script that reads this one
COMPONENTS=(etcd apiserver controller-manager)

# Starts COMPONENT $1 in a session of its own that holds none of our files, pipes of our caller's least of all.
start_component() {
    local arguments=() extra=()
    mapfile -t arguments <"$STATE/$1.args"
    [[ ! -e $STATE/$1.extra ]] || mapfile -t extra < <(grep . "$STATE/$1.extra")
    start_detached "$1" "${arguments[@]}" "${extra[@]}"
}

# Starts the command that follows name $1, detached from us.
start_detached() {
    local name=$1 pid
    shift
    (
        exec </dev/null >>"$STATE/logs/$name.log" 2>&1
        for file in /proc/"$BASHPID"/fd/*; do
            file=${file##*/}
            ((file <= 2)) || eval "exec $file>&-"
        done
        exec setsid "$@"
    ) &
    pid=$!
    printf '%s\n' "$pid" >"$STATE/$name.pid"
    # Until it has become the program, it is not known as ours.
    while kill -0 "$pid" 2>/dev/null && ! runs "$name"; do sleep 0.01; done
}

# Writes the arguments after the first to file $1, one a line.
write_lines() { (($# == 1)) || printf '%s\n' "${@:2}"; } >"$1"

# Prints the pid of process $1 if it runs. A pid that now belongs to another program is nobody's.
pid_of() {
    local pid tries=100
    [[ -s $STATE/$1.pid ]] && pid=$(<"$STATE/$1.pid") || return 1
    until grep -qsaF "$STATE/" "/proc/$pid/cmdline"; do
        # It has no command line for a moment while one program becomes another.
        [[ -z $(tr -d '\0' 2>/dev/null <"/proc/$pid/cmdline") ]] && ! ended "$pid" && ((tries-- > 0)) || return 1
        sleep 0.01
    done
    printf '%s\n' "$pid"
}

runs() { pid_of "$1" >/dev/null; }

# Whether every thread of process $1 has ended. Its command line is gone before its sockets are closed, so until then
# its port is still taken.
ended() { ! grep -qsvE '\) [ZX] ' "/proc/$1/task"/*/stat; }

# Sends signal $2 to process $1 and waits at most $3 seconds before it kills it.
stop_process() {
    local pid twentieths=$(($3 * 20))
    pid=$(pid_of "$1") || return 0
    kill "-$2" -- "-$pid" 2>/dev/null || true # its session
    while runs "$1" || ! ended "$pid"; do
        ((twentieths-- > 0)) || ! runs "$1" || kill -KILL -- "-$pid" 2>/dev/null || true
        sleep 0.05
    done
    rm -f "$STATE/$1.pid"
}

# Prints the inodes of the sockets that listen on TCP port $1.
listeners() {
    awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && $2 ~ port "$" { print $10 }' \
        /proc/net/tcp{,6} 2>/dev/null || true # IPv6 may be off
}

# Sets PORT to one that nobody listens on, below the range the kernel gives to clients, and that no other control plane
# has: its server may be about to start again. Somebody may still be quicker: then the server that is to listen on it
# ends.
pick_port() {
    PORT=$((20000 + RANDOM % 12000))
    while [[ -n $(listeners "$PORT") ]] || grep -qsE "^(SERVER|ETCD_URL)=.*:$PORT\$" "$ROOT"/*/state; do
        PORT=$((20000 + RANDOM % 12000))
    done
}

# Starts etcd and waits until it listens on port $1: it itself, for the port may belong to somebody else's etcd.
start_etcd() {
    local pid inode twentieths=2400
    start_component etcd
    while pid=$(pid_of etcd) && ((twentieths-- > 0)); do
        for inode in $(listeners "$1"); do
            [[ -z $(find "/proc/$pid/fd" -lname "socket:\[$inode\]" 2>/dev/null) ]] || return 0
        done
        sleep 0.05
    done
    return 1
}

# Asks the API server for path $1 as the administrator.
get_raw() {
    "$KUBECTL" --kubeconfig="$STATE/admin.kubeconfig" --cache-dir="$STATE/kubectl" --request-timeout=5s \
        get --raw="$1" >/dev/null 2>&1
}

# Starts the API server and waits until it is ready and has its default namespace. No other server can answer in its
# place: it would need a certificate of our authority.
start_apiserver() {
    local fifths=600
    start_component apiserver
    until get_raw /readyz && get_raw /api/v1/namespaces/default; do
        runs apiserver && ((fifths-- > 0)) || return 1
        sleep 0.2
    done
}

# Starts the controller manager and waits until its garbage collector has seen every kind there is.
start_controller_manager() {
    local log=$STATE/logs/controller-manager.log tenths=1200 size=0
    [[ ! -e $log ]] || size=$(stat -c %s "$log")
    start_component controller-manager
    until grep -qi 'all resource monitors have synced' < <(tail -c "+$((size + 1))" "$log"); do
        runs controller-manager && ((tenths-- > 0)) || return 1
        sleep 0.1
    done
}

# Writes the arguments of all components, with the programs find_tools found: etcd on port $1, kube-apiserver on $2.
# shellcheck disable=SC2153
write_arguments() {
    local etcd=http://127.0.0.1:$1 pki=$STATE/pki sync=() port=()
    ! "$ETCD" --unsafe-no-fsync --version >/dev/null 2>&1 || sync=(--unsafe-no-fsync)
    printf '%s\n' "$ETCD" --name=default "--data-dir=$STATE/etcd" "${sync[@]}" \
        "--listen-client-urls=$etcd" "--advertise-client-urls=$etcd" \
        --listen-peer-urls=http://127.0.0.1:0 --initial-advertise-peer-urls=http://127.0.0.1:0 \
        --initial-cluster=default=http://127.0.0.1:0 --heartbeat-interval=20 --election-timeout=200 \
        --logger=zap --log-outputs=stderr >"$STATE/etcd.args"
    # Nobody runs pods here, so service accounts need not exist and the service needs no endpoints.
    printf '%s\n' "$KUBE_APISERVER" "--etcd-servers=$etcd" \
        --bind-address=127.0.0.1 --advertise-address=127.0.0.1 "--secure-port=$2" --endpoint-reconciler-type=none \
        "--tls-cert-file=$pki/server.crt" "--tls-private-key-file=$pki/server.key" "--cert-dir=$pki" \
        "--client-ca-file=$pki/ca.crt" "--token-auth-file=$STATE/tokens.csv" --authorization-mode=RBAC \
        --service-account-issuer=https://kubernetes.default.svc \
        "--service-account-key-file=$pki/service-account.pub" \
        "--service-account-signing-key-file=$pki/service-account.key" --disable-admission-plugins=ServiceAccount \
        --service-cluster-ip-range=10.0.0.0/24 --allow-privileged=true --profiling=false \
        "--audit-policy-file=$HACK/control-plane/audit-policy.yaml" "--audit-log-path=$STATE/audit.log" \
        --audit-log-maxsize=100000 \
        >"$STATE/apiserver.args"
    # Up to 1.23 there was a second port, without TLS, on all interfaces.
    [[ $("$KUBE_CONTROLLER_MANAGER" --help) != *" --port int"* ]] || port=(--port=0)
    printf '%s\n' "$KUBE_CONTROLLER_MANAGER" "--kubeconfig=$STATE/controller-manager.kubeconfig" \
        --controllers=garbagecollector,namespace,clusterrole-aggregation --leader-elect=false \
        --secure-port=0 "${port[@]}" --kube-api-qps=200 --kube-api-burst=400 >"$STATE/controller-manager.args"
}
