// SPDX-License-Identifier: Apache-2.0
package import Platform

/// Reads small files by path: those of the machine in production, prepared ones in tests.
package struct FileReader: Sendable {
    private let read: @Sendable (_ path: String) throws(FileError) -> [UInt8]

    package init(_ read: @escaping @Sendable (_ path: String) throws(FileError) -> [UInt8]) {
        self.read = read
    }

    /// The machine's files up to 1 MiB, links followed; it blocks for as long as the file system takes.
    package static let machine = FileReader { path throws(FileError) in
        try FileSystem.read(path, limit: 1 << 20)
    }

    /// The whole content of the file at `path`.
    package func callAsFunction(_ path: String) throws(FileError) -> [UInt8] {
        try read(path)
    }
}
