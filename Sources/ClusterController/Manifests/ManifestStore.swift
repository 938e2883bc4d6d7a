// SPDX-License-Identifier: Apache-2.0
import Glibc
package import Kubernetes
package import Platform

/// Why the manifests of a cluster are not as they should be.
package enum ManifestError: Error, Sendable, Hashable, CustomStringConvertible {
    case file(FileError)
    /// Each directory that the cluster could have belongs to somebody else.
    case directoriesTaken([String])

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .directoriesTaken(let paths): "\(paths.joined(separator: " and ")) belong to other clusters"
        }
    }
}

/// The manifests of all clusters below one path: `{path}/{cluster-name}/{machine-name}.yaml`.
///
/// Each directory records whose it is. If a cluster of the same name in another namespace was there first, the
/// directory is `{cluster-name}.{namespace}`, so neither overwrites the other's files. Only files that the record
/// names are ever changed or removed, and no link is followed below the path.
///
/// Every call blocks in system calls, so the actor lives on a thread of its own.
package actor ManifestStore {
    private nonisolated let executor: ThreadExecutor
    private let path: String
    private let observe: ManifestObserver
    /// The name of each cluster's directory; nil until the path was looked through.
    private var directories: [ObjectKey: String]?
    /// The files of each cluster as they were written or found.
    private var known: [ObjectKey: [String: KnownManifest]] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A store below `path`, which is made when the first manifest is written.
    ///
    /// - Throws: if no thread can be had.
    package init(
        path: String, observe: @escaping ManifestObserver = { _, _ in }
    ) throws(SystemThread.StartError) {
        executor = try ThreadExecutor()
        self.path = path
        self.observe = observe
    }

    /// Makes the cluster's directory hold the manifests of `machines` and none of Machines that left.
    ///
    /// A file that has its content already is not written.
    ///
    /// - Returns: The path of the directory.
    package func write(
        _ machines: [DesiredMachine], of owner: ManifestOwner, named clusterName: ClusterName
    ) throws(ManifestError) -> String {
        let names = [clusterName.description, "\(clusterName).\(owner.key.namespace)"]
        do throws(FileError) {
            for name in try candidates(names, owner.key) {
                if try update(name, machines, owner) { return "\(path)/\(name)" }
            }
        } catch {
            throw .file(error)
        }
        throw .directoriesTaken(names.map { "\(path)/\($0)" })
    }

    /// Whether the files of a cluster are as the last `write` of this process left them.
    ///
    /// Costs a look at each file's metadata.
    package func isIntact(_ owner: ManifestOwner) -> Bool {
        guard let name = directories?[owner.key], let files = known[owner.key] else { return false }
        do throws(FileError) {
            let directory = try Directory(path).subdirectory(name)
            return try ManifestDirectory(directory, ManifestRecord(owner: owner), observe).isUnchanged(files)
        } catch {
            // What cannot be looked at is looked at again by `write`, which says why.
            return false
        }
    }

    /// Removes the files of a cluster, and its directory if nothing else is in it; that they are gone is no error.
    ///
    /// It finds the directory by its record, so it does not take a valid specification.
    package func remove(of cluster: ObjectKey) throws(ManifestError) {
        do throws(FileError) {
            try removeDirectory(of: cluster)
        } catch {
            throw .file(error)
        }
    }

    /// Whether there is a directory that is, or was, the cluster's.
    package func hasDirectory(of cluster: ObjectKey) throws(ManifestError) -> Bool {
        do throws(FileError) {
            return try index()[cluster] != nil
        } catch {
            throw .file(error)
        }
    }

    // MARK: Directories

    /// The names that a cluster's directory may have, the one it has first.
    ///
    /// A directory of any other name, from the time before the cluster was renamed, is removed.
    private func candidates(_ names: [String], _ owner: ObjectKey) throws(FileError) -> [String] {
        guard let former = try index()[owner] else { return names }
        guard names.contains(former) else {
            try removeDirectory(of: owner)
            return names
        }
        return [former] + names.filter { $0 != former }
    }

    /// Updates the directory; false if it belongs to another cluster.
    private func update(
        _ name: String, _ machines: [DesiredMachine], _ owner: ManifestOwner
    ) throws(FileError) -> Bool {
        try FileSystem.makeDirectory(path)
        let root = try Directory(path)
        try root.makeDirectory(name)
        let directory = try root.subdirectory(name)
        var record = ManifestRecord(owner: owner)
        switch try ManifestRecord.find(in: directory) {
        case .unclaimed: break
        case .owned(let found) where found.owner.key == owner.key: record.files = found.files
        case .owned, .unreadable: return false
        }
        directories?[owner.key] = name
        var claimed = ManifestDirectory(directory, record, observe)
        try claimed.update(to: machines, &known[owner.key, default: [:]])
        return true
    }

    private func removeDirectory(of owner: ObjectKey) throws(FileError) {
        guard let name = try index()[owner] else { return }
        do throws(FileError) {
            let root = try Directory(path)
            let directory = try root.subdirectory(name)
            if case .owned(let record) = try ManifestRecord.find(in: directory), record.owner.key == owner {
                try ManifestDirectory(directory, record, observe).removeAll()
                try removeIfEmpty(name, root)
            }
        } catch {
            guard error.isNoDirectory else { throw error }
        }
        directories?[owner] = nil
        known[owner] = nil
    }

    /// What is left in the directory is somebody else's, and stays.
    private func removeIfEmpty(_ name: String, _ root: borrowing Directory) throws(FileError) {
        if try root.subdirectory(name).isEmpty() { try root.removeDirectory(name) }
    }

    /// The directories by owner, as their records tell; read once.
    private func index() throws(FileError) -> [ObjectKey: String] {
        if let directories { return directories }
        var index: [ObjectKey: String] = [:]
        for name in try entries() {
            if let owner = owner(ofDirectory: name) { index[owner] = name }
        }
        directories = index
        return index
    }

    /// Whose directory it is; nil if it is none, or none that can be read, and then it is not ours.
    private func owner(ofDirectory name: String) -> ObjectKey? {
        do throws(FileError) {
            let root = try Directory(path)
            guard try root.kind(of: name) == .directory,
                case .owned(let record) = try ManifestRecord.find(in: try root.subdirectory(name))
            else { return nil }
            return record.owner.key
        } catch {
            return nil
        }
    }

    /// What is below the path; nothing if there is no such path yet.
    private func entries() throws(FileError) -> [String] {
        do throws(FileError) {
            return try Directory(path).entries()
        } catch {
            guard error.isNoDirectory else { throw error }
            return []
        }
    }
}

extension FileError {
    /// Whether there is no such directory, nor can be: something on the way is a file, or a link.
    fileprivate var isNoDirectory: Bool { isNotFound || code == ENOTDIR || code == ELOOP }
}
