// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import StructuredData

/// Writes and deletes the Secrets of one cluster; never touches a Secret that is not the cluster's.
struct SecretWriter: Sendable {
    /// Requests in flight for one cluster, as with its Machines.
    private static let parallelism = 4

    let client: KubernetesClient
    let secrets: MutationCache<ClusterSecret>
    /// Hears of every Secret that was written, at once: the watch may show it any moment.
    let noteWritten: @Sendable (ClusterSecret) -> Void

    /// Makes all of them what they should be; stops at what would befall the others too.
    func write(_ desired: [DesiredSecret]) async throws(ConfigFailure) {
        let failures = await inParallel(desired, Self.parallelism) { secret in
            await failure(writing: secret)
        } isLast: { failure in
            failure?.error.disposition == .unavailable
        }
        if let failure = failures.compactMap({ $0 }).first { throw failure }
    }

    private func failure(writing secret: DesiredSecret) async -> ConfigFailure? {
        do throws(ConfigFailure) {
            try await write(secret)
            return nil
        } catch {
            return error
        }
    }

    /// Makes a Secret what it should be.
    func write(_ secret: DesiredSecret) async throws(ConfigFailure) {
        if let known = secrets.get(secret.key), known.isControlled(like: secret) {
            return try await apply(secret, uid: known.metadata.uid)
        }
        guard try await !create(secret) else { return }
        // Somebody was faster, or the cache is behind.
        let existing: ClusterSecret
        do throws(APIError) {
            existing = try await client.get(ClusterSecret.self, secret.key)
        } catch {
            throw .api(error, "Reading Secret \(secret.key)")
        }
        guard existing.isControlled(like: secret) else { throw .taken(secret.key) }
        try await apply(secret, uid: existing.metadata.uid)
    }

    /// Creates a Secret; false if there is one of its name.
    func create(_ secret: DesiredSecret) async throws(ConfigFailure) -> Bool {
        do throws(APIError) {
            let created = try await client.create(
                ClusterSecret.self, secret.document(), namespace: secret.key.namespace)
            note(created)
            return true
        } catch {
            if error.isAlreadyExists { return false }
            throw .api(error, "Creating Secret \(secret.key)")
        }
    }

    private func apply(_ secret: DesiredSecret, uid: String) async throws(ConfigFailure) {
        do throws(APIError) {
            note(try await client.apply(ClusterSecret.self, secret.key, secret.document(uid: uid)).object)
        } catch {
            throw .api(error, "Writing Secret \(secret.key)")
        }
    }

    /// Deletes that very Secret, whatever has its name by now.
    func delete(_ secret: ClusterSecret) async throws(ConfigFailure) {
        do throws(APIError) {
            let deleted: Deleted<ClusterSecret> = try await client.delete(
                ClusterSecret.self, secret.key, preconditions: Preconditions(uid: secret.metadata.uid))
            switch deleted {
            case .gone: secrets.record(deletedKey: secret.key, uid: secret.metadata.uid)
            case .terminating(let secret): secrets.record(written: secret)
            }
        } catch {
            throw .api(error, "Deleting Secret \(secret.key)")
        }
    }

    /// Lets go of that very Secret: it stays when the cluster with that UID goes.
    func release(_ secret: ClusterSecret, from owner: String) async throws(ConfigFailure) {
        let others = secret.metadata.ownerReferences.filter { $0.uid != owner }
        do throws(APIError) {
            let released = try await client.mergePatch(
                ClusterSecret.self, secret.key,
                [
                    "metadata": [
                        "uid": .string(secret.metadata.uid),
                        "resourceVersion": .string(secret.metadata.resourceVersion.text),
                        "ownerReferences": .array(others.map(\.json)),
                    ]
                ])
            secrets.record(written: released)
        } catch {
            throw .api(error, "Keeping Secret \(secret.key)")
        }
    }

    private func note(_ secret: ClusterSecret) {
        secrets.record(written: secret)
        noteWritten(secret)
    }
}

extension ClusterSecret {
    /// Whether the controlling owner is the one that `secret` is to have.
    fileprivate func isControlled(like secret: DesiredSecret) -> Bool {
        metadata.controller?.uid == secret.face.owner.uid
    }
}
