// SPDX-License-Identifier: Apache-2.0
import Glibc
package import Platform

/// An empty directory that is removed, with all that is in it by then, when the test lets go of it.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws(FileError) {
        path = "/tmp/talos-operator-test." + Random.hexadecimal(digits: 16)
        try FileSystem.makeDirectory(path, mode: 0o700)
    }

    /// A new, empty directory that nobody removes; one in a control plane's state directory goes when that does.
    package static func make(in parent: String = "/tmp") throws(FileError) -> String {
        let path = "\(parent)/talos-operator-test." + Random.hexadecimal(digits: 16)
        try FileSystem.makeDirectory(path, mode: 0o700)
        return path
    }

    deinit {
        Self.remove(path)
    }

    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? FileSystem.list(path)) ?? [] { remove("\(path)/\(name)") }
        rmdir(path)
    }
}
