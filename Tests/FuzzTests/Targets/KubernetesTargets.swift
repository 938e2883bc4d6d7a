// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ControllerRuntime
import HTTP
import StructuredData

@testable import Kubernetes
@testable import Platform

extension FuzzTarget {
    private static let eventWords = [
        #"{"type":"ADDED","object":"#, #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}"#,
        #"{"type":"ERROR","object":{"kind":"Status","code":410}}"#, "}", "]", "\\\"", "\n",
    ]
    private static let objectWords = [
        "metadata", "name", "labels", "ownerReferences", "status", "conditions", "Ready",
        "lastTransitionTime",
        "2024-01-01T00:00:00Z", "1677-01-01T00:00:00Z", "leaseDurationSeconds", "leaseTransitions",
        "retryAfterSeconds", "9223372036854775807", "-9223372036854775808", "1e18", "null",
    ]
    private static let configurationWords = [
        "clusters:", "users:", "contexts:", "current-context: ", "server: ", "token: ", "exec:", "- name: ",
        "client-certificate-data: ", "LS0t", "https://", "{", "}", "\n  ",
    ]

    static let kubernetes = [
        FuzzTarget("watch", words: eventWords, watch),
        FuzzTarget("api-objects", words: objectWords, objects),
        FuzzTarget("kubeconfig", words: configurationWords, kubeconfig),
        FuzzTarget(
            "in-cluster", words: ["-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"], inCluster),
        FuzzTarget(waiting: "exec-plugin", words: objectWords, plugin),
        FuzzTarget("resource-version", words: ["0", "9223372036854775808"], resourceVersion),
    ]

    /// The events of a watch do not depend on where its bytes are cut.
    private static func watch(_ bytes: [UInt8]) throws {
        let whole = values([bytes])
        try require(whole == values(bytes.pieces), "as cut: \(values(bytes.pieces)), whole: \(whole)")
        var parser = JSONParser(dropping: [.managedFields])
        for value in whole.values {
            guard case .success(let event) = Result(catching: { try parser.parse(value) }) else { continue }
            _ = WatchEvent<KubernetesCluster>(event)
            _ = WatchEvent<Machine>(event)
        }
    }

    private struct Cut: Equatable {
        var values: [[UInt8]] = []
        var failure: WatchFramer.Failure?
        var pending = 0
    }

    private static func values(_ pieces: [[UInt8]]) -> Cut {
        var framer = WatchFramer(limit: 256)
        var cut = Cut()
        do throws(WatchFramer.Failure) {
            for piece in pieces {
                framer.append(piece)
                while let value = try framer.next({ Array($0) }) { cut.values.append(value) }
            }
            cut.pending = framer.pendingByteCount
        } catch {
            cut.failure = error
        }
        return cut
    }

    /// Objects are read or refused; what we write of a status reads back as the same.
    private static func objects(_ bytes: [UInt8]) throws {
        guard let document = try parsedJSON(bytes) else { return }
        _ = Result { try Machine(document) }
        _ = Result { try ServerVersion(document) }
        _ = ObjectIdentity(of: document)
        _ = APIStatus(document)?.description
        if case .success(let lease) = Result(catching: { try Lease(document) }) {
            try require(lease.duration >= .zero, "a lease lasts \(lease.duration)")
        }
        guard case .success(let cluster) = Result(catching: { try KubernetesCluster(document) }) else {
            return
        }
        let status = cluster.status.json
        try require(ClusterStatus(status).json == status, "the status reads back: \(status)")
        for nanoseconds in [Int64.min / 2, 0, .max] {
            let now = Timestamp(nanosecondsSince1970: nanoseconds)
            let report = StatusReport(cluster, ClusterOutcome(), at: now)
            _ = report.patch(at: now)?.encoded()
        }
    }

    /// A kubeconfig is read, or refused with the name of the file; what it names can be used or is refused.
    private static func kubeconfig(_ bytes: [UInt8]) throws {
        let read = FileReader { path throws(FileError) in
            guard path == "/k" else { throw FileError(.read, path, .notRegularFile) }
            return bytes
        }
        do throws(ConfigurationError) {
            let (configuration, _) = try Kubeconfig(contentsOf: "/k", read: read).resolve()
            try? require(!configuration.endpoint.host.isEmpty, "a host")
            _ = Result { try configuration.tlsConfiguration(with: .none, read: read) }
        } catch {
            try require("\(error)".contains("/k"), "names the file: \(error)")
        }
    }

    private static func inCluster(_ bytes: [UInt8]) throws {
        let parts = bytes.parts
        @Sendable func part(_ index: Int) -> [UInt8] { index < parts.count ? parts[index] : [] }
        let read = FileReader { path throws(FileError) in
            path.hasSuffix("token") ? part(2) : path.hasSuffix("ca.crt") ? part(3) : part(4)
        }
        let environment = [
            "KUBERNETES_SERVICE_HOST": part(0).text, "KUBERNETES_SERVICE_PORT": part(1).text,
        ]
        guard
            case .success(let configuration) = Result(catching: {
                try ClusterConfiguration.inCluster(environment: environment, read: read)
            })
        else { return }
        let clock = SystemClock()
        let source = TokenFileCredential(path: "token", read: read, clock: clock)
        let authorization = try source.credential().authorization ?? ""
        let start = "Bearer ".utf8
        try require(
            authorization.utf8.starts(with: start) && authorization.utf8.count > start.count,
            "there is a token")
        try require(configuration.endpoint.port > 0, "there is a port")
    }

    /// Whatever a plugin prints is a credential or an error, and is kept no longer than it says.
    private static func plugin(_ bytes: [UInt8]) async throws {
        let configuration = PluginConfiguration(
            apiVersion: "client.authentication.k8s.io/v1", command: "get", arguments: [], environment: [:],
            installHint: "", needsTerminal: false)
        let read = FileReader { path throws(FileError) in throw FileError(.read, path, .notRegularFile) }
        let runner = PluginRunner { _ throws(ChildProcessError) in
            ChildProcess.Output(standardOutput: bytes, standardError: bytes)
        }
        let source = PluginCredential(
            configuration, environment: [:], read: read, clock: SystemClock(), runner: runner)
        do throws(APIError) {
            let credential = try await source.credential()
            guard credential.authorization != nil || credential.identity != nil else {
                throw APIError.fenced
            }
            _ = try await source.credential()
        } catch {
            guard case .credentials = error else {
                throw Violation(description: "a plugin's fault: \(error)")
            }
        }
    }

    /// Versions have one order, whatever their length.
    private static func resourceVersion(_ bytes: [UInt8]) throws {
        let parts = bytes.parts.map { ResourceVersion($0.text) }
        guard parts.count >= 2 else { return }
        let (left, right) = (parts[0], parts[1])
        guard let newer = left.isNewer(than: right), let older = right.isNewer(than: left) else { return }
        try require(!(newer && older), "\(left) and \(right) cannot both be newer")
        try require(newer || older || left == right, "one of \(left) and \(right) is newer")
        guard let first = UInt64(left.text), let second = UInt64(right.text) else { return }
        try require(newer == (first > second), "\(left) and \(right) compare as numbers")
    }
}
