// SPDX-License-Identifier: Apache-2.0
package import Glibc

/// Files by path, links on the way followed.
///
/// Places that others can write to are for `Directory`.
package enum FileSystem {
    /// The content of a regular file of at most `limit` bytes.
    ///
    /// Links are followed, also at the end, since Kubernetes mounts secrets and tokens as links.
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        try readRegularFile(path, in: AT_FDCWD, 0, limit: limit, path: path)
    }

    /// Everything that is still to come from an open descriptor: a pipe, a terminal, a file.
    ///
    /// Waits for its other end, and leaves it open. `name` stands for the path in errors.
    package static func readToEnd(
        of descriptor: Int32, named name: String, limit: Int
    ) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count <= limit {
            let count = try naming(.read, name) { () throws(SystemError) in
                try readOnce(descriptor, upTo: 65_536, into: &bytes)
            }
            if count == 0 { return bytes }
        }
        throw FileError(.read, name, .largerThan(limit: limit))
    }

    /// Makes `bytes` the content of the file, at once and durably; see `Directory.replace`.
    package static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o644) throws(FileError) {
        let (parent, name) = split(path)
        try Directory(parent).replace(name, with: bytes, mode: mode)
    }

    /// The names of all entries of a directory, sorted.
    package static func list(_ path: String) throws(FileError) -> [String] {
        try Directory(path).entries()
    }

    /// Makes a directory and those above it that are missing.
    package static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws(FileError) {
        var made = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            made += part
            let next = made
            try naming(.makeDirectory, made) { () throws(SystemError) in
                if mkdir(next, mode) != 0, errno != EEXIST { throw .last }
            }
            made += "/"
        }
        _ = try Directory(path)
    }

    /// Removes a file or a link; false if there is none.
    @discardableResult
    package static func remove(_ path: String) throws(FileError) -> Bool {
        let (parent, name) = split(path)
        return try Directory(parent).remove(name)
    }

    private static func split(_ path: String) -> (parent: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (
            slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...])
        )
    }
}

/// Runs system calls and gives their error the operation and the path.
func naming<Value: ~Copyable>(
    _ operation: FileError.Operation, _ path: String, _ body: () throws(SystemError) -> Value
) throws(FileError) -> Value {
    do throws(SystemError) {
        return try body()
    } catch {
        throw FileError(operation, path, .system(error))
    }
}

/// Reads a file that is neither a pipe nor a device, so that reading ends.
func readRegularFile(
    _ name: String, in directory: Int32, _ flags: Int32, limit: Int, path: String
) throws(FileError) -> [UInt8] {
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write.
    let (isRegular, content) = try naming(.read, path) { () throws(SystemError) in
        let file = try FileDescriptor(open: name, in: directory, O_RDONLY | O_NONBLOCK | flags)
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG else { return (false, nil as [UInt8]?) }
        return (true, try file.readToEnd(limit: limit, expecting: Int(status.st_size)))
    }
    guard isRegular else { throw FileError(.read, path, .notRegularFile) }
    guard let content else { throw FileError(.read, path, .largerThan(limit: limit)) }
    return content
}
