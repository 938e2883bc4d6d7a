// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData

/// What is done to a manifest; the raw value is the `operation` label of the metric.
package enum ManifestOperation: String, Sendable, Hashable, CaseIterable {
    case create, update, delete
}

/// Hears of every manifest that was written or removed, or of which that failed.
package typealias ManifestObserver = @Sendable (ManifestOperation, _ succeeded: Bool) -> Void

/// A manifest as it was written or found: while its version is the same, so is its content.
struct KnownManifest: Hashable {
    var digest: String
    var version: FileVersion?
}

/// Manifests to be written together, which waits for the disk once.
private struct ManifestBatch {
    /// As much as is held in memory at a time: 4 MiB, unless one manifest alone is larger.
    private static let sizeLimit = 4 << 20
    /// As many as one error may keep from being written.
    private static let countLimit = 64

    private(set) var files: [FileContent] = []
    private(set) var digests: [String] = []
    private(set) var operations: [ManifestOperation] = []
    private var size = 0

    var isFull: Bool { size >= Self.sizeLimit || files.count >= Self.countLimit }

    mutating func add(_ file: FileContent, _ digest: String, _ operation: ManifestOperation) {
        files.append(file)
        digests.append(digest)
        operations.append(operation)
        size += file.bytes.count
    }
}

/// An open directory that its owner has claimed; blocks, as `Directory` does.
struct ManifestDirectory: ~Copyable {
    /// Not for everybody: a template may hold user data.
    private static let fileMode: UInt32 = 0o640

    private let directory: Directory
    private var record: ManifestRecord
    private let observe: ManifestObserver

    /// `record` is what stands in the directory, or is to stand there.
    init(_ directory: consuming Directory, _ record: ManifestRecord, _ observe: @escaping ManifestObserver) {
        self.directory = directory
        self.record = record
        self.observe = observe
    }

    /// Makes the directory hold the manifests of `machines` and no other that was ours.
    ///
    /// The record goes before the files: after a crash in between it may name a file too many, but there is no file
    /// of ours that it does not name.
    ///
    /// `known` is the files as the last call left them, and then as this one did.
    mutating func update(
        to machines: [DesiredMachine], _ known: inout [String: KnownManifest]
    ) throws(FileError) {
        if known.isEmpty { try removeTemporaries() }
        let wanted = machines.map(Self.fileName)
        let kept = Set(wanted)
        for name in record.files where !kept.contains(name) {
            try remove(name)
            known[name] = nil
        }
        try writeRecord(ManifestRecord(owner: record.owner, files: wanted))
        var batch = ManifestBatch()
        for machine in machines {
            let name = Self.fileName(machine)
            let version = try directory.version(of: name)
            let unchanged = KnownManifest(digest: machine.digest, version: version)
            if version != nil, known[name] == unchanged { continue }
            let bytes = Array(YAML.document(machine.document).utf8)
            if try hasContent(bytes, name, version) {
                known[name] = unchanged
            } else {
                batch.add(
                    FileContent(name: name, bytes: bytes), machine.digest, version == nil ? .create : .update)
                if batch.isFull { try write(&batch, &known) }
            }
        }
        try write(&batch, &known)
    }

    /// Removes what is ours, the record last, so that an interrupted removal can be taken up again.
    func removeAll() throws(FileError) {
        try removeTemporaries()
        for name in record.files { try remove(name) }
        try directory.remove(ManifestRecord.fileName)
    }

    /// Whether every file still is what it was.
    func isUnchanged(_ known: [String: KnownManifest]) throws(FileError) -> Bool {
        for (name, manifest) in known {
            guard let version = manifest.version, try directory.version(of: name) == version else {
                return false
            }
        }
        return true
    }

    static func fileName(_ machine: DesiredMachine) -> String {
        "\(machine.key.name).yaml"
    }

    private mutating func writeRecord(_ new: ManifestRecord) throws(FileError) {
        if case .owned(let written) = try ManifestRecord.find(in: directory), written == new { return }
        try directory.replace(ManifestRecord.fileName, with: new.bytes)
        record = new
    }

    /// Writes what is in `batch` and empties it.
    private func write(_ batch: inout ManifestBatch, _ known: inout [String: KnownManifest]) throws(FileError)
    {
        defer { batch = ManifestBatch() }
        do throws(FileError) {
            try directory.replace(batch.files, mode: Self.fileMode)
        } catch {
            // The one that failed ended it for all, and counts alone.
            if let operation = batch.operations.first { observe(operation, false) }
            throw error
        }
        for operation in batch.operations { observe(operation, true) }
        for (file, digest) in zip(batch.files, batch.digests) {
            known[file.name] = KnownManifest(digest: digest, version: try directory.version(of: file.name))
        }
    }

    /// Whether the file has these bytes already, as after a restart.
    private func hasContent(_ bytes: [UInt8], _ name: String, _ version: FileVersion?) throws(FileError)
        -> Bool
    {
        guard let version, version.size == Int64(bytes.count) else { return false }
        return try directory.read(name, limit: bytes.count) == bytes
    }

    private func remove(_ name: String) throws(FileError) {
        try observed(.delete) { () throws(FileError) in try directory.remove(name) }
    }

    /// What a crash in the middle of a write has left behind.
    private func removeTemporaries() throws(FileError) {
        for name in try directory.entries() where Directory.isTemporary(name) {
            try directory.remove(name)
        }
    }

    private func observed<Value>(
        _ operation: ManifestOperation, _ body: () throws(FileError) -> Value
    ) throws(FileError) {
        do throws(FileError) {
            _ = try body()
            observe(operation, true)
        } catch {
            observe(operation, false)
            throw error
        }
    }
}
