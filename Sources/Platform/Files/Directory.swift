// SPDX-License-Identifier: Apache-2.0
package import Glibc

/// What a directory entry is.
package enum FileKind: Sendable, Hashable {
    case regular
    case directory
    case symbolicLink
    /// A socket, a pipe or a device.
    case other
}

/// What tells one content of a file from another without reading it.
package struct FileVersion: Sendable, Hashable {
    /// Another number, another file: a replaced one has a new one.
    package let inode: UInt64
    package let size: Int64
    /// Nanoseconds since 1970.
    package let modified: Int64
}

/// What a file is to hold.
package struct FileContent: Sendable, Hashable {
    /// An entry of a directory, not a path.
    package var name: String
    package var bytes: [UInt8]

    package init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// An open directory whose entries are reached by name alone.
///
/// All operations are relative to the open directory and follow no symbolic link, so nobody who can write
/// into it makes this program read, write or remove something elsewhere. The calls block for as long as the
/// file system takes.
package struct Directory: ~Copyable, Sendable {
    let descriptor: FileDescriptor
    /// Where the directory was when it was opened; for messages.
    package let path: String

    /// Opens the directory at `path`; links on the way to it are followed.
    package init(_ path: String) throws(FileError) {
        descriptor = try naming(.open, path) { () throws(SystemError) in
            try FileDescriptor(open: path, O_RDONLY | O_DIRECTORY)
        }
        self.path = path
    }

    private init(_ descriptor: consuming FileDescriptor, _ path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens the directory of that name; a link fails with `ELOOP` or `ENOTDIR`.
    package func subdirectory(_ name: String) throws(FileError) -> Directory {
        let path = try path(of: name, .open)
        let subdirectory = try naming(.open, path) { () throws(SystemError) in
            try FileDescriptor(open: name, in: descriptor.number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        }
        return Directory(subdirectory, path)
    }

    /// Makes a directory; false if an entry of that name, of whatever kind, is there already.
    @discardableResult
    package func makeDirectory(_ name: String, mode: mode_t = 0o755) throws(FileError) -> Bool {
        try unless(EEXIST, .makeDirectory, name) { mkdirat(descriptor.number, name, mode) }
    }

    /// The names of all entries, sorted.
    package func entries() throws(FileError) -> [String] {
        try naming(.list, path) { () throws(SystemError) in
            // A descriptor of its own, since reading moves the position that copies share.
            let number = try retrying { openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
            guard let stream = fdopendir(number) else {
                let error = SystemError.last
                close(number)
                throw error
            }
            defer { closedir(stream) }
            var names: [String] = []
            while let name = try Self.nextName(stream) {
                if name != ".", name != ".." { names.append(name) }
            }
            return names.sorted()
        }
    }

    /// Whether there are no entries.
    package func isEmpty() throws(FileError) -> Bool {
        try entries().isEmpty
    }

    /// What the entry is; nil if there is none.
    package func kind(of name: String) throws(FileError) -> FileKind? {
        var status = stat()
        let exists = try unless(ENOENT, .examine, name) {
            fstatat(descriptor.number, name, &status, AT_SYMLINK_NOFOLLOW)
        }
        guard exists else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .regular
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        default: .other
        }
    }

    /// The version of a regular file; nil if there is none of that name.
    package func version(of name: String) throws(FileError) -> FileVersion? {
        var status = stat()
        let exists = try unless(ENOENT, .examine, name) {
            fstatat(descriptor.number, name, &status, AT_SYMLINK_NOFOLLOW)
        }
        guard exists, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return FileVersion(
            inode: UInt64(status.st_ino), size: Int64(status.st_size),
            modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
    }

    /// The content of a regular file of at most `limit` bytes.
    package func read(_ name: String, limit: Int) throws(FileError) -> [UInt8] {
        let path = try path(of: name, .read)
        return try readRegularFile(name, in: descriptor.number, O_NOFOLLOW, limit: limit, path: path)
    }

    /// Makes `bytes` the content of the file, at once and durably.
    ///
    /// Whoever reads sees the old or the new content, also after a crash, and nothing in between. When this
    /// throws, the old content is there and no temporary file stays behind. A link of that name is replaced,
    /// not followed.
    package func replace(_ name: String, with bytes: [UInt8], mode: mode_t = 0o644) throws(FileError) {
        try replace([FileContent(name: name, bytes: bytes)], mode: mode)
    }

    /// Makes each content that of its file, every file as `replace(_:with:mode:)` does.
    ///
    /// The disk is waited for once and not once a file, so many files cost little more than one. When this throws
    /// before the first file is replaced, as it does when the disk is full, none is.
    package func replace(_ files: [FileContent], mode: mode_t = 0o644) throws(FileError) {
        guard !files.isEmpty else { return }
        let temporaries = files.map { _ in Self.temporaryPrefix + Random.hexadecimal(digits: 16) }
        do throws(FileError) {
            // All are written before the first is waited for: then one commit of the journal holds them all.
            try forEach(files, temporaries) { file, temporary throws(SystemError) in
                try write(file.bytes, to: temporary, mode)
            }
            try forEach(files, temporaries) { _, temporary throws(SystemError) in try synchronize(temporary) }
            try forEach(files, temporaries) { file, temporary throws(SystemError) in
                try retrying { renameat(descriptor.number, temporary, descriptor.number, file.name) }
            }
        } catch {
            for temporary in temporaries { unlinkat(descriptor.number, temporary, 0) }
            throw error
        }
        try naming(.write, path) { () throws(SystemError) in _ = try retrying { fsync(descriptor.number) } }
    }

    /// Removes a file or a link, durably; false if there is none.
    @discardableResult
    package func remove(_ name: String) throws(FileError) -> Bool {
        try remove(name, flags: 0)
    }

    /// Removes an empty directory, durably; false if there is none, `ENOTEMPTY` if it has entries.
    @discardableResult
    package func removeDirectory(_ name: String) throws(FileError) -> Bool {
        try remove(name, flags: AT_REMOVEDIR)
    }

    /// Whether an entry of that name is what a crash within `replace` leaves behind.
    package static func isTemporary(_ name: String) -> Bool {
        name.hasPrefix(temporaryPrefix)
    }
}

extension Directory {
    static let temporaryPrefix = ".tmp-"

    private func write(_ bytes: [UInt8], to name: String, _ mode: mode_t) throws(SystemError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        let file = try FileDescriptor(open: name, in: descriptor.number, flags, mode: 0o600)
        try file.write(bytes)
        try retrying { fchmod(file.number, mode) }
    }

    private func synchronize(_ name: String) throws(SystemError) {
        let file = try FileDescriptor(open: name, in: descriptor.number, O_WRONLY | O_NOFOLLOW)
        try retrying { fsync(file.number) }
    }

    /// Does something for each file and its temporary one; an error names the file.
    private func forEach(
        _ files: [FileContent], _ temporaries: [String],
        _ body: (FileContent, _ temporary: String) throws(SystemError) -> Void
    ) throws(FileError) {
        for (file, temporary) in zip(files, temporaries) {
            try naming(.write, try path(of: file.name, .write)) { () throws(SystemError) in
                try body(file, temporary)
            }
        }
    }

    private func remove(_ name: String, flags: Int32) throws(FileError) -> Bool {
        guard try unless(ENOENT, .remove, name, { unlinkat(descriptor.number, name, flags) }) else {
            return false
        }
        try naming(.remove, path) { () throws(SystemError) in _ = try retrying { fsync(descriptor.number) } }
        return true
    }

    /// Makes a call on an entry; false if it fails with the expected error.
    private func unless(
        _ expected: Int32, _ operation: FileError.Operation, _ name: String, _ call: () -> Int32
    ) throws(FileError) -> Bool {
        let path = try path(of: name, operation)
        return try naming(operation, path) { () throws(SystemError) in
            do throws(SystemError) {
                try retrying(call)
                return true
            } catch {
                guard error.code == expected else { throw error }
                return false
            }
        }
    }

    /// The path of an entry, for messages; throws if `name` could lead elsewhere.
    func path(of name: String, _ operation: FileError.Operation) throws(FileError) -> String {
        let path = "\(self.path)/\(name)"
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(where: { $0 == 0x2F || $0 == 0 })
        else { throw FileError(operation, path, .invalidName) }
        return path
    }

    private static func nextName(_ stream: OpaquePointer) throws(SystemError) -> String? {
        errno = 0
        guard let entry = readdir(stream) else {
            if errno != 0 { throw .last }
            return nil
        }
        return withUnsafeBytes(of: &entry.pointee.d_name) { name in
            String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
