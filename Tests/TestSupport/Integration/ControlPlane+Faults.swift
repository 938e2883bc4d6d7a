// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import Kubernetes
import StructuredData

/// What goes wrong with a real control plane, on demand.
extension ControlPlane {
    /// Sends a signal to `etcd`, `apiserver` or `controller-manager`.
    package func signal(_ component: String, _ signal: Int32) async throws {
        kill(try await pid(of: component), signal)
    }

    /// Ends etcd at once; the API server stays.
    package func stopEtcd() async throws {
        try await shell("stop_process etcd KILL 3")
    }

    /// Starts etcd again, with what it had stored.
    package func startEtcd() async throws {
        try await shell("start_etcd \"$1\"", String(etcdURL.split(separator: ":").last ?? ""))
    }

    /// Makes etcd forget all versions but the present one.
    package func compact() async throws {
        let range = try await etcd("/v3/kv/range", ["key": "AA=="])
        guard let revision = range["header"]?["revision"]?.string else {
            throw ScriptError(description: "etcd names no revision: \(range)")
        }
        _ = try await etcd("/v3/kv/compaction", ["revision": .string(revision), "physical": true])
    }

    /// Copies what etcd has stored, for `restoreBackup`.
    package func backUp() async throws {
        try await signal("etcd", SIGSTOP)
        try await shell("rm -rf \"$STATE/etcd.backup\"; cp -a \"$STATE/etcd/.\" \"$STATE/etcd.backup\"")
        try await signal("etcd", SIGCONT)
    }

    /// Starts etcd and the API server anew with what etcd had stored when it was backed up.
    package func restoreBackup() async throws {
        try await shell(
            """
            stop_process apiserver KILL 3; stop_process etcd KILL 3
            find "$STATE/etcd/" -mindepth 1 -delete
            cp -a "$STATE/etcd.backup/." "$STATE/etcd/"
            start_etcd "$1"
            """, String(etcdURL.split(separator: ":").last ?? ""))
        try await restartAPIServer(kill: true)
    }

    /// Posts to etcd's gateway from gRPC to JSON.
    private func etcd(_ path: String, _ body: JSONValue) async throws -> JSONValue {
        let transport = try etcdTransport()
        defer { transport.shutdown() }
        let response = try await transport.send(
            HTTPRequest(
                method: .post, target: path, headers: ["Content-Type": "application/json"],
                body: body.encoded(), timeout: .seconds(30)))
        return try JSONValue(json: response.body)
    }

    /// Carries requests to etcd's gateway from gRPC to JSON.
    func etcdTransport() throws(TransportError) -> CurlTransport {
        let port = etcdURL.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
        return try CurlTransport(
            TransportConfiguration(
                endpoint: Endpoint(scheme: .http, host: "127.0.0.1", port: port), userAgent: "tests"))
    }
}
