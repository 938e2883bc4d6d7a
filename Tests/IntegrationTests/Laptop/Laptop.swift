// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport

/// A directory, and the built program run in it.
struct Laptop {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    var path: String { directory.path }

    /// Runs the program to its end; both of its streams are one here.
    func run(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> (status: Subprocess.Ending, output: String) {
        let process = try Subprocess(
            ["/bin/sh", "-c", "cd \"$1\"; shift; exec \"$@\"", "sh", path, Repository.operatorBinary]
                + arguments,
            environment: environment)
        return (await process.ending(), process.lines.joined(separator: "\n"))
    }

    /// Writes a file, its directories too.
    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
        let file = "\(path)/\(name)"
        try FileSystem.makeDirectory(String(file.prefix(upTo: file.lastIndex(of: "/") ?? file.endIndex)))
        try FileSystem.replace(file, with: Array(text.utf8), mode: mode)
    }

    func text(_ name: String) throws -> String {
        String(decoding: try FileSystem.read("\(path)/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    /// All files, relative to the directory.
    func files(in folder: String = "") throws -> [String] {
        try FileSystem.list("\(path)/\(folder)").flatMap { name in
            let entry = folder.isEmpty ? name : "\(folder)/\(name)"
            return opendirExists("\(path)/\(entry)") ? try files(in: entry) : [entry]
        }
    }

    private func opendirExists(_ path: String) -> Bool {
        guard let stream = opendir(path) else { return false }
        closedir(stream)
        return true
    }
}
