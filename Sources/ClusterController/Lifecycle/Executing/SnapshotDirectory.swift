// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import PKI
import Platform
import TalosAPI

/// A directory in which snapshots of etcd are kept.
///
/// A snapshot holds every secret of its cluster: its file can be read by our own user alone.
package struct SnapshotDirectory: Sendable, Hashable {
    package var path: String
    /// How many snapshots of each cluster are kept, the newest ones; 1 at least.
    package var kept: Int

    package init(path: String, kept: Int = 5) {
        self.path = path
        self.kept = max(1, kept)
    }
}

/// Why a snapshot was not kept.
enum SnapshotError: Error, Sendable, CustomStringConvertible {
    case node(TalosError)
    case file(FileError)
    case digest(PKIError)
    /// It is shorter than its own digest, or that is of something else.
    case damaged

    var description: String {
        switch self {
        case .node(let error): "\(error)".bounded
        case .file(let error): "\(error)"
        case .digest(let error): "\(error)"
        case .damaged: "the snapshot is damaged: its digest is not that of what arrived"
        }
    }
}

extension SnapshotDirectory {
    /// The length of the SHA-256 digest that ends a snapshot.
    private static let digestLength = 32

    /// Keeps what `stream` brings, if it is whole.
    ///
    /// - Returns: the path of the file.
    func keep(
        _ stream: TalosStream<[UInt8]>, of cluster: ObjectKey, at now: Timestamp
    ) async throws(SnapshotError) -> String {
        let name = "\(prefix(of: cluster))\(now.fileName).db"
        var writer = try naming { () throws(FileError) in
            try FileSystem.makeDirectory(path, mode: 0o700)
            try removeLeftovers(at: now)
            return try FileWriter(name, in: path, mode: 0o600)
        }
        guard try await copy(stream, into: writer) else { throw .damaged }
        try naming { () throws(FileError) in
            try writer.commit()
            try prune(cluster)
        }
        return "\(path)/\(name)"
    }

    /// Writes all of it; false if the digest at its end is not that of what comes before.
    private func copy(
        _ stream: TalosStream<[UInt8]>, into writer: borrowing FileWriter
    ) async throws(SnapshotError) -> Bool {
        var end: [UInt8] = []
        let digest: SHA256.Stream
        do { digest = try SHA256.Stream() } catch { throw .digest(error) }
        while true {
            let piece: [UInt8]?
            do { piece = try await stream.next() } catch { throw .node(error) }
            guard let piece else { break }
            end += piece
            let body = end.prefix(max(0, end.count - Self.digestLength))
            do { try digest.update(body) } catch { throw .digest(error) }
            end.removeFirst(body.count)
            do { try writer.append(piece) } catch { throw .file(error) }
        }
        do { return try digest.finish() == end } catch { throw .digest(error) }
    }

    /// Removes what a crash has cut off: temporary files that nobody has written to for an hour, which is far longer
    /// than a snapshot may take.
    private func removeLeftovers(at now: Timestamp) throws(FileError) {
        let directory = try Directory(path)
        for name in try directory.entries() where Directory.isTemporary(name) {
            guard let version = try directory.version(of: name) else { continue }
            let end = Timestamp(nanosecondsSince1970: version.modified) + .seconds(3600)
            if end < now { try directory.remove(name) }
        }
    }

    /// Removes the oldest files of the cluster, whose names sort by their age, and nothing else.
    private func prune(_ cluster: ObjectKey) throws(FileError) {
        let directory = try Directory(path)
        let prefix = prefix(of: cluster)
        let names = try directory.entries().filter {
            $0.hasPrefix(prefix) && $0.hasSuffix(".db") && $0.utf8.count == prefix.utf8.count + 19
        }
        for name in names.dropLast(kept) { try directory.remove(name) }
    }

    /// No namespace and no name of a cluster has an underscore.
    private func prefix(of cluster: ObjectKey) -> String { "\(cluster.namespace)_\(cluster.name)_" }

    private func naming<Value: ~Copyable>(
        _ body: () throws(FileError) -> Value
    ) throws(SnapshotError) -> Value {
        do { return try body() } catch { throw .file(error) }
    }
}

extension Timestamp {
    /// The second, fit for a file name and sorting by time: `20240101T120000Z`.
    fileprivate var fileName: String {
        rfc3339().prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }
}
