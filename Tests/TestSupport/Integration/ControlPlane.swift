// SPDX-License-Identifier: Apache-2.0
package import Glibc
import Platform

/// A real etcd, kube-apiserver and kube-controller-manager on loopback, from `hack/control-plane.sh`.
package struct ControlPlane: Sendable {
    /// What the script said, or why it did not work.
    package struct ScriptError: Error, CustomStringConvertible {
        package var description: String
    }

    package let name: String
    private let values: [String: String]

    /// Starts one; it ends by itself when this process does, however that ends.
    ///
    /// - `flags`: for the API server.
    /// - `managerFlags`: for the controller-manager.
    package static func start(
        _ name: String, flags: [String] = [], managerFlags: [String] = []
    ) async throws -> ControlPlane {
        let unique = "\(name)-\(getpid())"
        let flags = flags.map(apiServerFlag) + managerFlags.map { "--controller-manager-flag=\($0)" }
        return ControlPlane(name: unique, values: try await script(["up", unique] + flags))
    }

    /// The kubeconfig of a cluster administrator.
    package var adminKubeconfig: String { value("KUBECONFIG") }
    /// The kubeconfig of the account that the shipped roles are bound to.
    package var operatorKubeconfig: String { value("OPERATOR_KUBECONFIG") }
    /// The kubectl that goes with it.
    package var kubectlPath: String { value("KUBECTL") }
    /// `https://127.0.0.1:port`.
    package var server: String { value("SERVER") }
    package var certificateAuthorityFile: String { value("CA_FILE") }
    package var auditLog: String { value("AUDIT_LOG") }
    /// The file that the operator's kubeconfig reads its token from.
    package var operatorTokenFile: String { value("OPERATOR_TOKEN_FILE") }
    /// A file with another token that is valid for the same user.
    package var operatorNextTokenFile: String { value("OPERATOR_NEXT_TOKEN_FILE") }
    package var tokenAuthFile: String { value("TOKEN_AUTH_FILE") }
    package var etcdURL: String { value("ETCD_URL") }
    package var stateDirectory: String { value("STATE_DIR") }

    /// Starts the API server again on the same port and data; `flags` replace the earlier ones.
    package func restartAPIServer(kill: Bool = false, flags: [String] = []) async throws {
        _ = try await Self.script(
            ["restart-apiserver", name] + (kill ? ["--kill"] : []) + flags.map(Self.apiServerFlag))
    }

    /// Starts the controller-manager again, which then knows new custom resources at once.
    package func restartControllerManager() async throws {
        _ = try await Self.script(["restart-controller-manager", name, "--kill"])
    }

    /// The process id of `etcd`, `apiserver` or `controller-manager`.
    package func pid(of component: String) async throws -> pid_t {
        let lines = try await Self.run([Self.scriptPath, "pid", name, component])
        guard let pid = lines.last.flatMap({ pid_t($0) }) else {
            throw ScriptError(description: "no pid of \(component): \(lines)")
        }
        return pid
    }

    /// Ends it and removes everything it left.
    package func stop() async throws {
        _ = try await Self.script(["down", name])
    }

    /// Runs kubectl as the administrator and returns its output.
    ///
    /// - Throws: `ScriptError` with the output if kubectl fails.
    @discardableResult
    package func kubectl(_ arguments: String...) async throws -> [String] {
        try await kubectl(arguments)
    }

    /// Runs kubectl as the administrator and returns its output.
    ///
    /// - Throws: `ScriptError` with the output if kubectl fails.
    package func kubectl(_ arguments: [String]) async throws -> [String] {
        try await Self.run(
            [
                value("KUBECTL"), "--kubeconfig", adminKubeconfig, "--cache-dir",
                "\(stateDirectory)/kubectl-cache",
            ]
                + arguments)
    }

    /// Applies the CRDs, and the operator's account with the roles and bindings that are shipped.
    package func installOperatorResources() async throws {
        try await kubectl("apply", "--validate=false", "-f", "\(Repository.root)/config/crd")
        try await kubectl(
            "wait", "--for=condition=Established", "--timeout=60s", "-f", "\(Repository.root)/config/crd")
        for file in ["account", "role", "role-binding", "leader-election"] {
            try await kubectl("apply", "-f", "\(Repository.root)/config/rbac/\(file).yaml")
        }
    }

    /// Runs a line of bash among the script's own functions, with `STATE` set and `$1` as the argument.
    ///
    /// - Throws: `ScriptError` with the output if it fails.
    @discardableResult
    package func shell(_ line: String, _ argument: String = "") async throws -> [String] {
        let prelude = """
            set -euo pipefail; HACK=\(Repository.root)/hack; STATE=\(stateDirectory); ROOT=${STATE%/*}
            for file in common install credentials processes lifecycle; do
                source "$HACK/control-plane/$file.sh"
            done
            umask 077

            """
        return try await Self.run(["/bin/bash", "-c", prelude + line, "bash", argument])
    }

    private static let scriptPath = "\(Repository.root)/hack/control-plane.sh"

    private static func apiServerFlag(_ flag: String) -> String { "--apiserver-flag=\(flag)" }

    private func value(_ key: String) -> String { values[key] ?? "" }

    private static func script(_ arguments: [String]) async throws -> [String: String] {
        let lines = try await run([scriptPath] + arguments)
        var values: [String: String] = [:]
        for line in lines {
            guard let equals = line.firstIndex(of: "="), line.prefix(upTo: equals).allSatisfy(isKeyCharacter)
            else {
                continue
            }
            values[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        return values
    }

    private static func isKeyCharacter(_ character: Character) -> Bool {
        ("A"..."Z").contains(character) || character == "_"
    }

    private static func run(_ arguments: [String]) async throws -> [String] {
        var environment = Repository.environment
        environment["CONTROL_PLANE_PARENT_PID"] = String(getpid())
        let process = try Subprocess(arguments, environment: environment)
        let ending = await process.ending()
        guard ending == .exited(0) else {
            throw ScriptError(
                description:
                    "\(arguments.joined(separator: " ")): \(ending)\n\(process.lines.joined(separator: "\n"))"
            )
        }
        return process.lines
    }
}

/// Where the sources and the built program are.
package enum Repository {
    /// The top of the work tree.
    package static let root: String = {
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(4).joined(separator: "/")
    }()

    /// The program: what `OPERATOR_BINARY` names, otherwise the one built beside the test bundle that is running.
    package static let operatorBinary: String = {
        if let path = environment["OPERATOR_BINARY"], !path.isEmpty { return path }
        return program("talos-operator")
    }()

    /// A program of this package, built beside the test bundle that is running.
    package static func program(_ name: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/\(name)"
    }

    /// The environment of this process.
    package static let environment = ProcessEnvironment.variables
}
