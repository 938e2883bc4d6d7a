// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import Platform
import StructuredData

/// The built program as a child process, with a results directory of its own.
package final class OperatorProcess: Sendable {
    package let process: Subprocess
    package let resultsPath: String
    package let metricsPort: UInt16
    package let probePort: UInt16

    /// Starts it against `controlPlane` as the restricted user; it watches `namespace` alone, or all if that is nil.
    ///
    /// `flags` come last, so they beat those that are set here. `wrapper` is a command that takes ours as its last
    /// arguments and becomes it, as `nice` does.
    package init(
        _ controlPlane: ControlPlane, namespace: String?, flags: [String] = [],
        environment: [String: String] = [:], resultsPath: String? = nil, wrapper: [String] = []
    ) throws {
        let directory = try resultsPath ?? TemporaryDirectory.make(in: controlPlane.stateDirectory)
        let (metricsPort, probePort) = (try FreePort.find(), try FreePort.find())
        process = try Subprocess(
            wrapper + [
                Repository.operatorBinary, "run", "--kubeconfig", controlPlane.operatorKubeconfig,
                "--metrics-bind-address", "127.0.0.1:\(metricsPort)",
                "--health-probe-bind-address", "127.0.0.1:\(probePort)", "--results-path", directory,
                "--log-format", "json", "--log-level", "debug",
            ] + (namespace.map { ["--watch-namespace", $0] } ?? []) + flags,
            environment: Repository.environment.merging(environment) { $1 })
        self.resultsPath = directory
        self.metricsPort = metricsPort
        self.probePort = probePort
    }

    /// Waits for the log line with this message; nil if the program ends without it.
    @discardableResult
    package func logLine(_ message: String) async -> String? {
        await process.line { $0.contains("\"message\":\"\(message)\"") }
    }

    /// Waits until there are `count` log lines with this message, the `start`th line or later.
    ///
    /// - Returns: The number of the line after the last of them; nil if the program ends before.
    @discardableResult
    package func logLines(_ message: String, count: Int, from start: Int = 0) async -> Int? {
        var next = start
        for _ in 0..<count {
            let index = await process.index(from: next) { $0.contains("\"message\":\"\(message)\"") }
            guard let index else { return nil }
            next = index + 1
        }
        return next
    }

    /// Asks it to stop and returns how it ended.
    @discardableResult
    package func stop() async -> Subprocess.Ending {
        process.signal(SIGTERM)
        return await process.ending()
    }

    /// Ends it without a chance to tidy up.
    package func kill() async {
        process.signal(SIGKILL)
        _ = await process.ending()
    }

    /// The page of metrics.
    package func metrics() async throws -> String {
        String(decoding: try await Loopback.get("/metrics", port: metricsPort).body, as: UTF8.self)
    }

    /// The value of a series, as in `workqueue_depth{name="x"}`; nil if there is none.
    package func metric(_ series: String) async throws -> Double? {
        let line = try await metrics().split(separator: "\n").first { $0.hasPrefix("\(series) ") }
        return line.flatMap { Double($0.dropFirst(series.count + 1)) }
    }

    /// The answer to a probe: status and text.
    package func probe(_ path: String) async throws -> (status: Int, text: String) {
        let response = try await Loopback.get(path, port: probePort)
        return (response.head.status, String(decoding: response.body, as: UTF8.self))
    }
}

/// Servers on this machine.
enum Loopback {
    /// The answer to a GET of a server on 127.0.0.1.
    static func get(_ path: String, port: UInt16) async throws -> HTTPResponse {
        let transport = try CurlTransport(
            TransportConfiguration(
                endpoint: Endpoint(scheme: .http, host: "127.0.0.1", port: port), userAgent: "tests"))
        defer { transport.shutdown() }
        return try await transport.send(HTTPRequest(method: .get, target: path, timeout: .seconds(60)))
    }
}

/// Ports for servers that a test starts.
package enum FreePort {
    /// Every port of the range was taken.
    package struct NoPort: Error {}

    /// Below the system's ephemeral ports, which any connection may get, and the control plane's own.
    private static let range: Range<UInt16> = 10_000..<20_000
    /// Where the search goes on: no two calls find the same port, used or not, for a long time.
    private static let next = Locked(UInt16.random(in: range))

    /// A port of 127.0.0.1 that nobody listens on.
    package static func find() throws -> UInt16 {
        for _ in range {
            let port = next.withLock { next in
                defer { next = next + 1 < range.upperBound ? next + 1 : range.lowerBound }
                return next
            }
            if isFree(port) { return port }
        }
        throw NoPort()
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
