// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// Runs every Pod of a control plane in a container of its own, by `hack/pod.py`, as nodes would.
///
/// Whatever image they name, the root directory is that of the program that was built.
final class Nodes: Sendable {
    private struct State {
        /// By the Pod's UID.
        var containers: [String: Subprocess] = [:]
        var isOver = false
    }

    private let controlPlane: ControlPlane
    private let client: KubernetesClient
    private let directory: String
    private let state = Locked(State())
    private let watch = Locked<Task<Void, any Error>?>(nil)

    /// Starts to look for Pods.
    init(_ controlPlane: ControlPlane) async throws {
        self.controlPlane = controlPlane
        client = try controlPlane.adminClient()
        directory = try TemporaryDirectory.make(in: controlPlane.stateDirectory)
        try await Self.makeRoot(directory)
        let task = Task { [self] in
            _ = try await client.waitUntil(StoredPod.self, in: "") { pods in
                for pod in pods { start(pod) }
                return false
            }
        }
        watch.withLock { $0 = task }
    }

    /// The container of a Pod; nil if it has none yet.
    func container(of pod: StoredPod) -> Subprocess? {
        state.withLock { $0.containers[pod.metadata.uid] }
    }

    /// Ends every container at once.
    func end() async {
        watch.withLock { $0 }?.cancel()
        let containers = state.withLock { state in
            state.isOver = true
            return state.containers.values
        }
        for container in containers { container.signal(SIGKILL) }
        for container in containers { _ = await container.ending() }
    }

    func showLogs() {
        for (uid, container) in state.withLock({ $0.containers }) {
            let lines = container.lines.suffix(15).map { String($0.prefix(600)) }
            print((["--- operator in pod \(uid)"] + lines).joined(separator: "\n"))
        }
    }

    /// What a node does with a Pod that it has not seen.
    private func start(_ pod: StoredPod) {
        let uid = pod.metadata.uid
        state.withLock { state in
            guard state.containers[uid] == nil, !state.isOver, !pod.metadata.isBeingDeleted else { return }
            let file = "\(directory)/\(uid).json"
            do {
                try FileSystem.replace(file, with: Self.document(pod).encoded())
                state.containers[uid] = try Subprocess(
                    [
                        "\(Repository.root)/hack/pod.py", "--root", "\(directory)/root",
                        "--kubeconfig", controlPlane.adminKubeconfig, "--probe", file,
                    ], environment: Repository.environment)
            } catch {
                print("--- no container for \(pod.metadata.name): \(error)")
            }
        }
    }

    /// What is run; with a sanitizer, which needs several times the memory, without limits.
    private static func document(_ pod: StoredPod) -> JSONValue {
        guard Sanitizer.current != nil else { return pod.document }
        let containers = pod.spec("containers")?.array ?? []
        let unlimited = containers.map { $0.mergePatched(with: ["resources": ["limits": .null]]) }
        return pod.document.mergePatched(with: ["spec": ["containers": .array(unlimited)]])
    }

    /// A root directory with the program and the libraries that it names, as the image has.
    private static func makeRoot(_ directory: String) async throws {
        let process = try Subprocess(
            ["\(Repository.root)/hack/pod-root.sh", Repository.operatorBinary, directory],
            environment: Repository.environment)
        guard await process.ending() == .exited(0) else {
            throw Installation.CommandFailed(description: process.lines.joined(separator: "\n"))
        }
    }
}
