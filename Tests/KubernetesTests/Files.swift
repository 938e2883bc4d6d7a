// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform

extension FileReader {
    /// Files that never change.
    init(_ files: [String: String]) {
        self.init(FakeFiles(files))
    }

    init(_ files: FakeFiles) {
        self.init { path throws(FileError) in try files.read(path) }
    }
}

/// Files in memory that a test may change.
final class FakeFiles: Sendable {
    private let state: Locked<(files: [String: String], readCount: Int)>

    init(_ files: [String: String]) {
        state = Locked((files, 0))
    }

    /// How often any file was read.
    var readCount: Int { state.withLock { $0.readCount } }

    func set(_ path: String, _ content: String?) {
        state.withLock { $0.files[path] = content }
    }

    func read(_ path: String) throws(FileError) -> [UInt8] {
        let content = state.withLock { state in
            state.readCount += 1
            return state.files[path]
        }
        guard let content else { throw FileError(.open, path, .system(SystemError(code: ENOENT))) }
        return Array(content.utf8)
    }
}

/// Something that passes for a certificate; `mark` is two Base64 digits.
func pem(_ mark: String) -> String {
    "-----BEGIN CERTIFICATE-----\nMA\(mark)\n-----END CERTIFICATE-----\n"
}

extension String {
    func replacingFirst(_ old: String, with new: String) -> String {
        var result = ""
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(old) { return result + new + rest.dropFirst(old.count) }
            result.append(rest.removeFirst())
        }
        return result
    }
}
