// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// Talos' own files, which are no part of the repository: golden configurations, patch cases, JSON schemas.
///
/// They are looked for where TALOS_REFERENCE says, then beside the repository; tests that need them are
/// skipped without them.
package enum TalosReference {
    /// The directory; nil if there is none.
    package static let directory: String? = {
        [Repository.environment["TALOS_REFERENCE"], "\(Repository.root)/../shared/talos"]
            .compactMap { $0 }.first { access($0 + "/golden", R_OK) == 0 }
    }()

    /// Whether they are there.
    package static var isThere: Bool { directory != nil }

    /// The paths of the files below the directory that end so, in order; without one none.
    package static func files(endingIn suffix: String) -> [String] {
        guard let directory else { return [] }
        return paths(in: directory).filter { $0.hasSuffix(suffix) }.sorted()
    }

    /// The path of a file of that name, such as `golden/secrets.yaml`.
    package static func path(_ name: String) -> String { "\(directory ?? "")/\(name)" }

    /// The text of a file of that name.
    package static func text(_ name: String) throws -> String { try text(of: path(name)) }

    /// The text of the file at a path.
    package static func text(of path: String) throws -> String {
        String(decoding: try bytes(of: path), as: UTF8.self)
    }

    /// The content of the file at a path.
    package static func bytes(of path: String) throws -> [UInt8] {
        try FileSystem.read(path, limit: 16 << 20)
    }

    private static func paths(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var paths: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            let path = directory + "/" + name
            paths += entry.pointee.d_type == UInt8(DT_DIR) ? self.paths(in: path) : [path]
        }
        return paths
    }
}
