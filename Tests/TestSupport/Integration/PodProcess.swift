// SPDX-License-Identifier: Apache-2.0
package import Glibc
import HTTP
import Platform
package import StructuredData

/// A container of a Pod, run by `hack/pod.py` in namespaces of its own as a kubelet would.
///
/// Needs root. It ends with this process, however that ends.
package final class PodProcess: Sendable {
    /// The container did not start, or has no such port.
    package struct PodError: Error, CustomStringConvertible {
        package var description: String
    }

    /// The file system that a container sees below its volumes.
    package struct Root: Sendable {
        /// The flags of `hack/pod.py` for it.
        var flags: [String]

        /// The image, made by `make image-root`.
        package static let image = Root(flags: ["--root", Image.root])
        /// This system's, with the program under test in the place that it has in the image.
        package static let host = Root(
            flags: [
                "--root", "/", "--image-config", Image.configuration,
                "--copy", "\(Repository.operatorBinary)=\(Image.program)",
            ])
    }

    /// `hack/pod.py`: signals sent to it reach the container, and the lines are the container's.
    package let process: Subprocess
    /// The container's first process, as the host counts.
    package let containerPID: pid_t
    /// What the Pod asks for and does not get here, as in `resources.limits.cpu`.
    package let notEnforced: [String]
    /// Host ports by the name of the container's.
    private let ports: [String: UInt16]

    /// Starts the container of a Pod, which need not be one that the API server has, and returns when it runs.
    ///
    /// - `flags`: more flags of `hack/pod.py`, such as `--probe` for a Pod that the API server has.
    package init(
        _ pod: JSONValue, on controlPlane: ControlPlane, root: Root = .image, flags: [String] = []
    ) async throws {
        let file = try "\(TemporaryDirectory.make(in: controlPlane.stateDirectory))/pod.json"
        try FileSystem.replace(file, with: pod.encoded())
        let process = try Subprocess(
            ["\(Repository.root)/hack/pod.py", "--kubeconfig", controlPlane.adminKubeconfig]
                + root.flags + flags + [file],
            environment: Repository.environment.merging(["KUBECTL": controlPlane.kubectlPath]) { $1 })
        let line = await process.line { $0.hasPrefix("{\"pid\":") }
        guard let line, let start = Self.start(line) else {
            process.signal(SIGKILL)
            throw PodError(description: process.lines.joined(separator: "\n"))
        }
        self.process = process
        (containerPID, ports, notEnforced) = start
    }

    private static func start(_ line: String) -> (pid_t, [String: UInt16], [String])? {
        guard case .success(let document) = Result(catching: { try JSONValue(json: Array(line.utf8)) }),
            let pid = document["pid"]?.integer
        else { return nil }
        var ports: [String: UInt16] = [:]
        for member in document["ports"]?.object?.members ?? [] {
            ports[member.key] = member.value.integer.map { UInt16(clamping: $0) }
        }
        return (pid_t(clamping: pid), ports, document["notEnforced"]?.array?.compactMap(\.string) ?? [])
    }

    /// Waits for the container's log line with this message; nil if it ends without it.
    @discardableResult
    package func logLine(_ message: String) async -> String? {
        await process.line { $0.contains("\"message\":\"\(message)\"") }
    }

    /// Asks the container to stop, as a kubelet does, and returns how it ended: 128 + n if signal n ended it.
    @discardableResult
    package func stop() async -> Subprocess.Ending {
        process.signal(SIGTERM)
        return await process.ending()
    }

    /// Ends everything at once.
    package func kill() async {
        process.signal(SIGKILL)
        _ = await process.ending()
    }

    /// A file of the container, by the path without links that it has there.
    package func path(_ path: String) -> String { "/proc/\(containerPID)/root\(path)" }

    /// The port of 127.0.0.1 behind which the container's port of this name is.
    package func port(_ name: String) throws -> UInt16 {
        guard let port = ports[name] else { throw PodError(description: "no port \(name): \(ports)") }
        return port
    }

    /// The answer of a port of the container: status and text.
    package func get(_ path: String, port name: String) async throws -> (status: Int, text: String) {
        let response = try await Loopback.get(path, port: port(name))
        return (response.head.status, String(decoding: response.body, as: UTF8.self))
    }

    /// The page of metrics.
    package func metrics() async throws -> String { try await get("/metrics", port: "metrics").text }

    /// The answer to a probe: status and text.
    package func probe(_ path: String) async throws -> (status: Int, text: String) {
        try await get(path, port: "health")
    }
}

/// What `make image-root` has made.
package enum Image {
    /// Its root directory.
    package static let root = "\(Repository.root)/dist/image/rootfs"
    /// The path of the program in it.
    package static let program = "/usr/local/bin/talos-operator"
    static let configuration = "\(Repository.root)/dist/image/config.json"

    /// Whether Pods can be run here.
    package static let canRun = geteuid() == 0

    /// User, entrypoint, variables, labels and packages of the image.
    package static func config() throws -> JSONValue {
        try JSONValue(json: FileSystem.read(configuration, limit: 1 << 20))
    }
}
