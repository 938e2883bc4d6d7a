// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import StructuredData
import TestSupport
import Testing

/// A control plane with what is shipped, for Pods that run in the image.
enum ImagePods {
    static let namespace = "talos-operator-system"
    /// Where the Deployment mounts the volume of results.
    static let results = "/var/lib/talos-operator/results"
    private static let task = Task {
        let controlPlane = try await ControlPlane.start("image")
        try await controlPlane.kubectl("apply", "--validate=false", "-f", "\(Repository.root)/config/crd")
        try await controlPlane.kubectl(
            "wait", "--for=condition=Established", "--timeout=60s", "-f", "\(Repository.root)/config/crd")
        try await controlPlane.kubectl("apply", "-f", "\(Repository.root)/config/rbac")
        return controlPlane
    }

    static func controlPlane() async throws -> ControlPlane { try await task.value }

    /// The Pod that the shipped Deployment stands for, with this merged into its container; lists are replaced.
    static func pod(_ name: String = "operator", container patch: JSONValue = [:]) throws -> JSONValue {
        let bytes = try FileSystem.read("\(Repository.root)/config/manager/deployment.yaml", limit: 1 << 20)
        let template = try #require(try YAML.documents(bytes).first?["spec"]?["template"])
        let container = try #require(template["spec"]?["containers"]?.array?.first)
        let metadata: JSONValue = ["name": .string(name), "namespace": .string(namespace)]
        return template.mergePatched(with: [
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": ["containers": [container.mergePatched(with: patch)]],
        ])
    }

    /// A Pod alike whose container runs a line of shell.
    static func shell(_ line: String, container patch: JSONValue = [:]) throws -> JSONValue {
        let command: JSONValue = ["command": ["/bin/sh", "-c", .string(line)], "args": .null]
        return try pod("shell", container: command.mergePatched(with: patch))
    }

    /// Runs a Pod to its end and returns that, and what it printed.
    static func run(_ pod: JSONValue) async throws -> (ending: Subprocess.Ending, lines: [String]) {
        let process = try await PodProcess(pod, on: controlPlane())
        let ending = await process.process.ending()
        return (ending, Array(process.process.lines.dropFirst()))
    }

    /// Starts the operator, for all namespaces, and ends it after `body`, which has a new one.
    static func withOperator(
        container patch: JSONValue = [:],
        _ body: @escaping @Sendable (PodProcess, Scenario) async throws -> Void
    ) async throws {
        let controlPlane = try await controlPlane()
        try await Scenario.run("image", on: controlPlane) { scenario in
            let pod = try self.pod(container: patch)
            let process = try await PodProcess(pod, on: controlPlane)
            let outcome: Result<Void, any Error>
            do {
                try #require(await process.logLine("Leading") != nil)
                try await body(process, scenario)
                outcome = .success(())
            } catch {
                print(process.process.lines.suffix(30).joined(separator: "\n"))
                outcome = .failure(error)
            }
            await process.stop()
            try outcome.get()
        }
    }
}

extension PodProcess {
    /// A line of `/proc/PID/status`, without its name, as the kernel tells it of the container's first process.
    func status(_ name: String) throws -> String {
        let text = try FileSystem.read("/proc/\(containerPID)/status", limit: 1 << 16)
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("\(name):") })
        return line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
