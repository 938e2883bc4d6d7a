// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport

/// Helm and kubectl, as `make test-deps` has put them there.
enum PackagingTool {
    /// A tool that failed, and what it said.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    static let chart = "\(Repository.root)/charts/talos-operator"
    static let release = "talos-operator"
    static let namespace = "talos-operator-system"

    /// Standard output and error of a program that runs in the repository.
    static func run(
        _ arguments: [String], input: [UInt8] = []
    ) async throws -> (succeeded: Bool, output: String, complaint: String) {
        let output = try await ChildProcess.run(
            ChildProcess.Command(
                arguments, environment: Repository.environment, input: input, timeout: .seconds(300),
                outputLimit: 16 << 20))
        return (
            output.status == .exited(0), String(decoding: output.standardOutput, as: UTF8.self),
            String(decoding: output.standardError, as: UTF8.self)
        )
    }

    /// The standard output of a program that succeeds.
    static func output(of arguments: [String], input: [UInt8] = []) async throws -> String {
        let result = try await run(arguments, input: input)
        guard result.succeeded else {
            throw Failure(description: "\(arguments.joined(separator: " "))\n\(result.complaint)")
        }
        return result.output
    }

    /// What the chart renders with these values on top of its own.
    static func template(
        _ values: JSONValue = [:], release: String = release, namespace: String = namespace,
        server: String = "1.34.0"
    ) async throws -> [RenderedObject] {
        let text = try await output(
            of: templateCommand(release, namespace) + ["--kube-version", server], input: values.encoded())
        return try objects(text)
    }

    /// Why the chart refuses these values; nil if it renders them.
    static func refusal(of values: JSONValue) async throws -> String? {
        let result = try await run(templateCommand(release, namespace), input: values.encoded())
        return result.succeeded ? nil : result.complaint
    }

    private static func templateCommand(_ release: String, _ namespace: String) -> [String] {
        ["\(Repository.root)/hack/helm.py", "template", release, chart, "-n", namespace, "-f", "-"]
    }

    /// What `kubectl apply -k` would apply; `folder` is absolute or below the repository.
    static func kustomize(_ folder: String) async throws -> [RenderedObject] {
        let path = folder.hasPrefix("/") ? folder : "\(Repository.root)/\(folder)"
        return try await objects(output(of: [kubectl(), "kustomize", path]))
    }

    /// The same objects that `make deploy IMG=image` applies.
    static func manifests(image: String) async throws -> [RenderedObject] {
        try await objects(
            output(of: [
                "/usr/bin/env", "KUBECTL=\(kubectl())", "\(Repository.root)/hack/manifests.sh", image,
            ]))
    }

    /// The kubectl that the control planes use, too.
    static func kubectl() async throws -> String {
        let tools = try await output(of: ["\(Repository.root)/hack/control-plane.sh", "install"])
        guard let line = tools.split(separator: "\n").first(where: { $0.hasPrefix("KUBECTL=") }) else {
            throw Failure(description: "no kubectl: \(tools)")
        }
        return String(line.dropFirst("KUBECTL=".count))
    }

    static func objects(_ text: String) throws -> [RenderedObject] {
        try YAML.documents(Array(text.utf8)).filter { $0 != .null }.map(RenderedObject.init)
    }

    /// The documents of a file below the repository.
    static func file(_ path: String) throws -> [JSONValue] {
        try YAML.documents(FileSystem.read("\(Repository.root)/\(path)", limit: 4 << 20))
    }
}
