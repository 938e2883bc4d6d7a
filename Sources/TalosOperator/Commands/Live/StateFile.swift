// SPDX-License-Identifier: Apache-2.0
import ClusterController
import ClusterLifecycle
import Glibc
import Platform
import StructuredData
import Talos

/// The record of a cluster that is managed from files: what was begun with it, in `DIR/{cluster}/state.json`.
///
/// It has no secret in it and belongs beside the cluster's file, since whoever goes on with the cluster needs it.
final class StateFile: LifecycleStore {
    /// 4 MiB: more than the record of a thousand nodes.
    private static let sizeLimit = 4 << 20

    private static let contractKey = "configContract"

    let path: String
    /// What is kept as the contract of the cluster's configurations.
    private let contract: TalosVersion
    private let left = Locked<Set<String>>([])
    /// Keeps other runs of this program away from the cluster; nil if this one only looks.
    private let lock: FileLock?

    /// The state of the cluster in `directory`; `isExclusive` if it is going to be written.
    ///
    /// `contract` is kept as the version by whose rules configurations are generated.
    ///
    /// - Throws: if another run of the program has the cluster.
    init(directory: String, contract: TalosVersion, isExclusive: Bool) throws(CommandFailure) {
        path = Self.path(in: directory)
        self.contract = contract
        guard isExclusive else {
            lock = nil
            return
        }
        try failingWithFiles { () throws(FileError) in try FileSystem.makeDirectory(directory) }
        guard let lock = FileLock("\(directory)/.lock") else {
            throw CommandFailure("\(directory): another talos-operator is at work with this cluster")
        }
        self.lock = lock
    }

    /// The record as it was kept last; a new one if there is none.
    func read() throws(CommandFailure) -> LifecycleRecord {
        guard let value = try Self.value(path) else { return LifecycleRecord() }
        do throws(LifecycleRecordError) {
            return try LifecycleRecord(json: value)
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
    }

    /// The version of Talos by whose rules the cluster's configurations are generated; nil before it was begun.
    static func contract(in directory: String) throws(CommandFailure) -> TalosVersion? {
        let path = path(in: directory)
        guard let text = try value(path)?[contractKey]?.string else { return nil }
        guard let contract = TalosVersion(text) else {
            throw CommandFailure("\(path): \(contractKey): must be a version such as v1.12, not \(text)")
        }
        return contract
    }

    private static func path(in directory: String) -> String { "\(directory)/state.json" }

    private static func value(_ path: String) throws(CommandFailure) -> JSONValue? {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try FileSystem.read(path, limit: sizeLimit)
        } catch {
            if error.isNotFound { return nil }
            throw CommandFailure(error)
        }
        do throws(JSONError) {
            return try JSONValue(json: bytes)
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
    }

    func store(_ record: LifecycleRecord) async throws(LifecycleStoreError) {
        guard lock != nil else { throw .failed("\(path): was opened for reading only") }
        do throws(FileError) {
            var object = record.json.object ?? JSONObject()
            object[Self.contractKey] = .string(contract.description)
            try FileSystem.replace(path, with: JSONValue.object(object).encoded() + [UInt8(ascii: "\n")])
        } catch {
            throw .failed(error.description)
        }
    }

    /// Notes that the cluster is done with a machine; there is no object of it here.
    func deleteMachine(_ name: String) async throws(LifecycleStoreError) {
        left.withLock { _ = $0.insert(name) }
    }

    /// The machines that the cluster is done with.
    var leftMachines: Set<String> { left.withLock { $0 } }

    /// Removes the state of a cluster that is no more; its machines may become another one.
    func remove() throws(CommandFailure) {
        try failingWithFiles { () throws(FileError) in _ = try FileSystem.remove(path) }
    }
}

/// A file that one process at a time has locked; the lock ends with this object, or with the process.
private final class FileLock: Sendable {
    private let descriptor: Int32

    /// Nil if another process has the lock, or the file cannot be made.
    init?(_ path: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit {
        close(descriptor)
    }
}
