# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Certificates, tokens and kubeconfigs of one control plane, below STATE.

# The API server sees the shipped ServiceAccount, so the shipped bindings are its rights.
OPERATOR_NAMESPACE=talos-operator-system
OPERATOR_USER=system:serviceaccount:$OPERATOR_NAMESPACE:talos-operator-controller-manager
OPERATOR_GROUPS=system:serviceaccounts,system:serviceaccounts:$OPERATOR_NAMESPACE

# Writes the authority, everyone's certificate, and the key that signs service account tokens.
make_certificates() {
    local pki=$STATE/pki
    mkdir -p "$pki"
    new_key "$pki/ca.key"
    # Every authority has a name of its own: no client can take one control plane for another.
    openssl req -x509 -new -config "$HACK/control-plane/openssl.cnf" -extensions authority -key "$pki/ca.key" \
        -days 30 -subj "/CN=control-plane-ca-$(openssl rand -hex 4)" -out "$pki/ca.crt"
    issue server server /CN=kube-apiserver
    issue admin client /O=system:masters/CN=admin
    # One identity for all controllers: they need to delete objects of every kind.
    issue controller-manager client /O=system:masters/CN=system:kube-controller-manager
    new_key "$pki/service-account.key"
    openssl ec -in "$pki/service-account.key" -pubout -out "$pki/service-account.pub" 2>/dev/null
}

new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

# Issues $1.crt and $1.key of kind $2 for subject $3.
issue() {
    local pki=$STATE/pki config=$HACK/control-plane/openssl.cnf
    new_key "$pki/$1.key"
    openssl req -new -config "$config" -key "$pki/$1.key" -subj "$3" |
        openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial "0x$(openssl rand -hex 8)" -days 30 \
            -extfile "$config" -extensions "$2" -out "$pki/$1.crt" 2>/dev/null
}

# The operator's user has two valid tokens, so that a test can replace the one in its file by the other.
make_tokens() {
    local name token
    for name in token next-token; do
        token=$(openssl rand -hex 16)
        printf '%s' "$token" >"$STATE/operator.$name"
        printf '%s,%s,%s-uid,"%s"\n' "$token" "$OPERATOR_USER" "$OPERATOR_USER" "$OPERATOR_GROUPS"
    done >"$STATE/tokens.csv"
}

# Writes the kubeconfigs for the server at URL $1.
make_kubeconfigs() {
    kubeconfig "$1" admin "$(certificate_user admin)" >"$STATE/admin.kubeconfig"
    kubeconfig "$1" controller-manager "$(certificate_user controller-manager)" >"$STATE/controller-manager.kubeconfig"
    kubeconfig "$1" operator "tokenFile: $STATE/operator.token" >"$STATE/operator.kubeconfig"
}

base64_of() { base64 -w 0 "$1"; }

certificate_user() {
    printf 'client-certificate-data: %s\n' "$(base64_of "$STATE/pki/$1.crt")"
    printf '      client-key-data: %s\n' "$(base64_of "$STATE/pki/$1.key")"
}

# Prints a kubeconfig for server $1 and user $2, whose credentials are $3.
kubeconfig() {
    cat <<EOF
apiVersion: v1
kind: Config
clusters:
  - name: local
    cluster:
      server: $1
      certificate-authority-data: $(base64_of "$STATE/pki/ca.crt")
contexts:
  - name: $2
    context: {cluster: local, user: $2}
current-context: $2
users:
  - name: $2
    user:
      $3
EOF
}
