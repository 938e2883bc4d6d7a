// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// Talos' own files, which are no part of the repository: golden configurations, patch cases, JSON schemas.
///
/// They are looked for where TALOS_REFERENCE says, then beside the repository; tests that need them are
/// skipped without them.
enum Reference {
    /// The directory; nil if there is none.
    static let directory: String? = {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        return [ProcessEnvironment.variables["TALOS_REFERENCE"], root + "/../shared/talos"]
            .compactMap { $0 }.first { access($0 + "/golden", R_OK) == 0 }
    }()

    static var isThere: Bool { directory != nil }

    /// The paths of the files below the directory that end so, in order; without one none.
    static func files(endingIn suffix: String) -> [String] {
        guard let directory else { return [] }
        return paths(in: directory).filter { $0.hasSuffix(suffix) }.sorted()
    }

    static func text(of path: String) throws -> String {
        String(decoding: try bytes(of: path), as: UTF8.self)
    }

    static func bytes(of path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw Missing(path: path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    struct Missing: Error {
        var path: String
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
