// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// Carries operations out, each until its outcome is certain, and writes down what came of it.
///
/// A writer stands for users and providers: it talks to the API server itself and outlasts its faults.
struct Writer: Sendable {
    let scenario: Scenario
    let ledger: Locked<Ledger>
    let clock: SystemClock
    /// Where the operators write manifests.
    let resultsPath: String
    /// Makes each document one that can be told from all others.
    let tag: String

    private var client: KubernetesClient { scenario.client }
    private static let mark = "example.com/made-by"

    func perform(_ operation: Operation, _ serial: Int) async throws {
        switch operation {
        case .create(let intent): try await create(intent, serial)
        case .edit(let former, let intent, _): try await edit(former, intent)
        case .delete(let cluster): try await delete(cluster)
        case .machine(let name, .delete): try await deleteMachine(name)
        case .machine(let name, let action): try await act(name, action)
        case .plant(let machine, let owner): try await plant(machine, owner, serial)
        case .uproot(let machine): try await uproot(machine)
        case .forgeStatus(let cluster):
            let forged: JSONValue = ["status": ["phase": "Running", "machineCount": 99]]
            _ = try await certain {
                try await client.mergePatch(
                    StoredCluster.self, scenario.key(cluster), forged, subresource: .status)
            }
        case .strip(let cluster): try await strip(cluster)
        case .scribble(let cluster, let machine): scribble("\(resultsPath)/\(cluster)/\(machine).yaml")
        }
    }

    // MARK: Clusters

    private func create(_ intent: ClusterIntent, _ serial: Int) async throws {
        let mark = "\(tag)-\(serial)"
        let document: JSONValue = [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster",
            "metadata": [
                "name": .string(intent.name), "labels": ["chaos": "yes"],
                "annotations": [Self.mark: .string(mark)],
            ],
            "spec": intent.spec,
        ]
        while true {
            let made = try await certain {
                try await client.create(StoredCluster.self, document, namespace: scenario.namespace)
            }
            if let made = try unless(made, \.isAlreadyExists) { return note(made) }
            let there = try await certain {
                try await client.get(StoredCluster.self, scenario.key(intent.name))
            }
            if let there = try unless(there, \.isNotFound), there.metadata.annotations[Self.mark] == mark {
                return note(there)
            }
            // The one before is still on its way out.
            try await release()
            try await clock.sleep(for: .milliseconds(100))
        }
    }

    private func note(_ cluster: StoredCluster) {
        // With what the server filled in.
        let spec = cluster.document["spec"] ?? .null
        ledger.withLock { $0.clusters[cluster.name] = .init(uid: cluster.metadata.uid, spec: spec) }
    }

    private func edit(_ former: ClusterIntent, _ intent: ClusterIntent) async throws {
        guard let patch = JSONValue.mergePatch(from: former.spec, to: intent.spec) else { return }
        let edited = try await certain {
            try await client.mergePatch(StoredCluster.self, scenario.key(intent.name), ["spec": patch])
        }
        let spec = try edited.get().document["spec"] ?? .null
        ledger.withLock { $0.clusters[intent.name]?.spec = spec }
    }

    private func delete(_ name: String) async throws {
        let deleted = try await certain { try await client.delete(StoredCluster.self, scenario.key(name)) }
        _ = try deleted.get()
        ledger.withLock { $0.clusters[name] = nil }
    }

    private func strip(_ name: String) async throws {
        ledger.withLock { ledger in
            if let uid = ledger.clusters[name]?.uid { ledger.stripped.insert(uid) }
        }
        let stripped = try await certain {
            try await client.mergePatch(
                StoredCluster.self, scenario.key(name), ["metadata": ["finalizers": .null]])
        }
        _ = try stripped.get()
    }

    // MARK: Machines

    /// The Machine, if it is one of its cluster's own and here to stay.
    private func own(_ name: String) async throws -> StoredMachine? {
        let found = try await certain { try await client.get(StoredMachine.self, scenario.key(name)) }
        guard let machine = try unless(found, \.isNotFound), !machine.metadata.isBeingDeleted else {
            return nil
        }
        let isForeign = ledger.withLock { $0.isForeign(machine.metadata.uid) }
        return isForeign ? nil : machine
    }

    private func act(_ name: String, _ action: Operation.MachineAction) async throws {
        guard let patch = action.patch, try await own(name) != nil else { return }
        let subresource: Subresource? = patch["status"] == nil ? nil : .status
        let patched = try await certain {
            try await client.mergePatch(
                StoredMachine.self, scenario.key(name), patch, subresource: subresource)
        }
        // A finalizer cannot be added to a Machine that was deleted meanwhile.
        guard let machine = try unless(patched, { $0.isNotFound || $0.isInvalid || $0.isForbidden }) else {
            return
        }
        ledger.withLock { note(action, patch, machine.metadata.uid, &$0) }
    }

    private func note(
        _ action: Operation.MachineAction, _ patch: JSONValue, _ uid: String, _ ledger: inout Ledger
    ) {
        var additions = ledger.additions[uid] ?? Ledger.Additions()
        switch action {
        case .report:
            additions.status = (additions.status ?? .null).mergePatched(with: patch["status"] ?? .null)
        case .annotate(let value): additions.annotations["example.com/vm"] = value
        case .fill(let value): additions.fields["providerID"] = .string(value)
        case .hold: additions.finalizers = ["example.com/vm"]
        case .relabel, .rewrite, .delete: break
        }
        ledger.additions[uid] = additions
    }

    private func deleteMachine(_ name: String) async throws {
        guard let uid = try await own(name)?.metadata.uid else { return }
        ledger.withLock { _ = $0.deleted.insert(uid) }
        let deleted = try await certain {
            try await client.delete(
                StoredMachine.self, scenario.key(name), preconditions: Preconditions(uid: uid))
        }
        _ = try unless(deleted, \.isConflict)
    }

    /// Lets Machines go that wait for their provider.
    func release() async throws {
        let listed = try await certain {
            try await client.list(StoredMachine.self, ObjectSelection(namespace: scenario.namespace)).items
        }
        for machine in try listed.get()
        where machine.metadata.isBeingDeleted && machine.metadata.finalizers.contains("example.com/vm") {
            let patch: JSONValue = [
                "metadata": [
                    "resourceVersion": .string(machine.metadata.resourceVersion.text), "finalizers": .null,
                ]
            ]
            let released = try await certain {
                try await client.mergePatch(StoredMachine.self, machine.key, patch)
            }
            _ = try unless(released) { $0.isNotFound || $0.isConflict }
        }
    }

    // MARK: Others' objects

    private func plant(_ name: String, _ stranger: Operation.Stranger, _ serial: Int) async throws {
        let mark = "\(tag)-\(serial)"
        var metadata: JSONObject = [
            "name": .string(name), "annotations": [Self.mark: .string(mark)],
            "labels": ["cluster.vitistack.io/cluster-name": "somebody-elses"],
        ]
        if let owner = owner(stranger) { metadata["ownerReferences"] = [owner] }
        let document: JSONValue = [
            "apiVersion": "vitistack.io/v1alpha1", "kind": "Machine", "metadata": .object(metadata),
            "spec": ["provider": "proxmox"],
        ]
        let made = try await certain {
            try await client.create(StoredMachine.self, document, namespace: scenario.namespace)
        }
        if let machine = try unless(made, \.isAlreadyExists) { return note(foreign: machine) }
        let there = try await certain { try await client.get(StoredMachine.self, scenario.key(name)) }
        if let machine = try unless(there, \.isNotFound), machine.metadata.annotations[Self.mark] == mark {
            note(foreign: machine)
        }
    }

    private func owner(_ stranger: Operation.Stranger) -> JSONValue? {
        let kind: String
        switch stranger {
        case .nobody: return nil
        case .configMap: kind = "ConfigMap"
        case .otherCluster: kind = "KubernetesCluster"
        }
        let foreigner = ledger.withLock { $0.foreigners.values.first { $0.kind == kind } }
        guard let metadata = foreigner?.document["metadata"] else { return nil }
        return [
            "apiVersion": kind == "ConfigMap" ? "v1" : "vitistack.io/v1alpha1", "kind": .string(kind),
            "name": metadata["name"] ?? .null, "uid": metadata["uid"] ?? .null, "controller": true,
        ]
    }

    private func note(foreign machine: StoredMachine) {
        let uid = machine.metadata.uid
        ledger.withLock { ledger in
            ledger.foreigners[uid] = .init(kind: "Machine", name: machine.name, document: machine.document)
            ledger.everForeign.insert(uid)
        }
    }

    private func uproot(_ name: String) async throws {
        let uid = ledger.withLock { ledger in
            ledger.foreigners.first { $0.value.kind == "Machine" && $0.value.name == name }?.key
        }
        guard let uid else { return }
        ledger.withLock { _ = $0.deleted.insert(uid) }
        let deleted = try await certain {
            try await client.delete(
                StoredMachine.self, scenario.key(name), preconditions: Preconditions(uid: uid))
        }
        _ = try deleted.get()
        ledger.withLock { $0.foreigners[uid] = nil }
    }

    /// Overwrites a file that is there; one that is not is not made.
    private func scribble(_ path: String) {
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        _ = write(descriptor, "kind: Scribble\n", 15)
        close(descriptor)
    }

    // MARK: Certainty

    /// Repeats a request until the API server has answered it for certain.
    private func certain<T: Sendable>(_ request: () async throws -> T) async throws -> Result<T, APIError> {
        while true {
            do {
                return .success(try await request())
            } catch let error as APIError {
                try Task.checkCancellation()
                switch error {
                case .transport, .undecodable: break
                case .status(let status) where status.code == 429 || status.code >= 500 || error.isUnserved:
                    break
                default: return .failure(error)
                }
            }
            try await clock.sleep(for: .milliseconds(100))
        }
    }

    /// The outcome; nil if it is a refusal that had to be reckoned with.
    private func unless<T>(_ outcome: Result<T, APIError>, _ isExpected: (APIError) -> Bool) throws -> T? {
        switch outcome {
        case .success(let value): return value
        case .failure(let error) where isExpected(error): return nil
        case .failure(let error): throw error
        }
    }
}
