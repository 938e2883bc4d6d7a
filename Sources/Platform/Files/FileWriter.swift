// SPDX-License-Identifier: Apache-2.0
package import Glibc

/// A file that is written piece by piece and is there only once it is complete.
///
/// Let go of before that, it leaves nothing behind; a crash leaves what `Directory.isTemporary` tells.
package struct FileWriter: ~Copyable, Sendable {
    private let directory: Directory
    private let file: FileDescriptor
    private let temporary: String
    private let name: String
    private let mode: mode_t
    private var isCommitted = false

    /// Begins the file of that name in a directory; nobody else can read it before it is complete.
    package init(_ name: String, in directoryPath: String, mode: mode_t) throws(FileError) {
        let directory = try Directory(directoryPath)
        let path = try directory.path(of: name, .write)
        let temporary = Directory.temporaryPrefix + Random.hexadecimal(digits: 16)
        file = try naming(.write, path) { () throws(SystemError) in
            try FileDescriptor(
                open: temporary, in: directory.descriptor.number, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                mode: 0o600)
        }
        self.directory = directory
        self.temporary = temporary
        self.name = name
        self.mode = mode
    }

    /// Adds to the end.
    package func append(_ bytes: [UInt8]) throws(FileError) {
        try naming(.write, path) { () throws(SystemError) in try file.write(bytes) }
    }

    /// Puts the file in the place of one of its name, durably.
    package mutating func commit() throws(FileError) {
        try naming(.write, path) { () throws(SystemError) in
            try retrying { fchmod(file.number, mode) }
            try retrying { fsync(file.number) }
            let number = directory.descriptor.number
            try retrying { renameat(number, temporary, number, name) }
        }
        isCommitted = true
        try naming(.write, directory.path) { () throws(SystemError) in
            _ = try retrying { fsync(directory.descriptor.number) }
        }
    }

    deinit {
        if !isCommitted { unlinkat(directory.descriptor.number, temporary, 0) }
    }

    private var path: String { "\(directory.path)/\(name)" }
}
