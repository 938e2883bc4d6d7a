// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform

/// A second API server on the same etcd, and other certificates.
extension ControlPlane {
    /// The port of the API server.
    package var serverPort: UInt16 { server.split(separator: ":").last.flatMap { UInt16($0) } ?? 0 }

    /// Starts a second API server with the arguments of the first, `flags` last, and returns its port.
    ///
    /// One that runs already is ended before. It ends with the control plane at the latest.
    package func startSecondServer(flags: [String] = []) async throws -> UInt16 {
        let port = try await shell(
            """
            stop_process apiserver-2 KILL 3
            pick_port
            sed -e "s|^--secure-port=.*|--secure-port=$PORT|" \
                -e "s|^--audit-log-path=.*|--audit-log-path=$STATE/audit-2.log|" \
                "$STATE/apiserver.args" >"$STATE/apiserver-2.args"
            printf '%s\\n' "$1" >"$STATE/apiserver-2.extra"
            start_component apiserver-2
            find_tools
            until "$KUBECTL" --kubeconfig=/dev/null --cache-dir="$STATE/kubectl" --request-timeout=5s \
                --server="https://127.0.0.1:$PORT" --insecure-skip-tls-verify=true \
                --token="$(<"$STATE/operator.token")" get --raw=/readyz >/dev/null 2>&1
            do
                runs apiserver-2 || die "$(tail -n 5 "$STATE/logs/apiserver-2.log")"
                sleep 0.1
            done
            echo "$PORT"
            """, flags.joined(separator: "\n"))
        guard let port = port.last.flatMap({ UInt16($0) }) else {
            throw ScriptError(description: "no port: \(port)")
        }
        return port
    }

    /// The audit log of the second API server.
    package var secondAuditLog: String { "\(stateDirectory)/audit-2.log" }

    /// Ends the second API server at once.
    package func stopSecondServer() async throws {
        try await shell("stop_process apiserver-2 KILL 3")
    }

    /// Makes another authority, `ca-2.crt`, in the directory of certificates, which issues `server-2` for the API
    /// server and `NAME-2` for a user.
    ///
    /// - Returns: The directory.
    @discardableResult
    package func makeSecondAuthority(user: String) async throws -> String {
        try await shell(
            """
            pki=$STATE/pki
            new_key "$pki/ca-2.key"
            openssl req -x509 -new -config "$HACK/control-plane/openssl.cnf" -extensions authority \
                -key "$pki/ca-2.key" -days 30 -subj /CN=second-authority -out "$pki/ca-2.crt"
            mkdir -p "$STATE/second/pki"
            cp "$pki/ca-2.crt" "$STATE/second/pki/ca.crt"
            cp "$pki/ca-2.key" "$STATE/second/pki/ca.key"
            (STATE=$STATE/second; issue server-2 server /CN=kube-apiserver; issue "$1-2" client "/CN=$1")
            mv "$STATE"/second/pki/*-2.* "$pki/"
            """, user)
        return "\(stateDirectory)/pki"
    }
}
