// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import StructuredData
import Talos

/// The files of a command: read whole, decrypted if SOPS has encrypted them, written whole.
struct CommandFiles: Sendable {
    /// 16 MiB: a file larger than that is no manifest.
    static let sizeLimit = YAMLLimits.default.bytes
    /// How long `sops` may take: it may ask a service far away for a key.
    private static let patience = Duration.seconds(120)
    /// More files than anybody imports; links may lead in circles.
    private static let mostFiles = 10_000

    /// What `sops` runs with.
    let environment: [String: String]

    /// What messages call a file.
    static func name(of path: String) -> String { path == "-" ? "standard input" : path }

    /// The bytes of a file as they are; `-` is standard input.
    func bytes(of path: String) throws(CommandFailure) -> [UInt8] {
        try failingWithFiles { () throws(FileError) in
            path == "-"
                ? try FileSystem.readToEnd(
                    of: STDIN_FILENO, named: Self.name(of: path), limit: Self.sizeLimit)
                : try FileSystem.read(path, limit: Self.sizeLimit)
        }
    }

    /// The text of a file, decrypted if need be; `name` is what messages and reports call it.
    func source(_ path: String, named name: String? = nil) async throws(CommandFailure) -> SourceFile {
        let name = name ?? Self.name(of: path)
        let bytes = try bytes(of: path)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("\(name): must be UTF-8 text")
        }
        guard Self.isEncrypted(text) else { return SourceFile(path: name, text: text) }
        return SourceFile(path: name, text: try await decrypted(path, bytes, name), wasEncrypted: true)
    }

    /// Whether there is a file or directory.
    func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The files below a directory as a walk finds them, in the order of their names, links followed; relative to it.
    func walk(_ directory: String) throws(CommandFailure) -> [String] {
        var paths: [String] = []
        try walk(directory, below: "", into: &paths, depth: 0)
        return paths
    }

    private func walk(
        _ directory: String, below prefix: String, into paths: inout [String], depth: Int
    ) throws(CommandFailure) {
        guard depth < 32, paths.count < Self.mostFiles else {
            throw CommandFailure("\(directory): has too many files, or is part of itself")
        }
        for name in try failingWithFiles({ () throws(FileError) in try FileSystem.list(directory) }) {
            let path = "\(directory)/\(name)"
            if isDirectory(path) {
                try walk(path, below: "\(prefix)\(name)/", into: &paths, depth: depth + 1)
            } else {
                paths.append(prefix + name)
            }
        }
    }

    /// The YAML and JSON files of a directory, not of those in it; or the file itself.
    func manifests(_ path: String) throws(CommandFailure) -> [String] {
        guard path != "-", isDirectory(path) else { return [path] }
        let names = try failingWithFiles { () throws(FileError) in try FileSystem.list(path) }
        return names.filter { name in
            [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) } && !isDirectory("\(path)/\(name)")
        }.map { "\(path)/\($0)" }
    }
}

extension CommandFiles {
    /// Whether a text has what SOPS leaves in the files that it encrypts.
    static func isEncrypted(_ text: String) -> Bool {
        guard text.contains("sops"), text.contains("ENC[") else { return false }
        do throws(YAMLError) {
            return try YAML.nodes(Array(text.utf8)).contains { $0?.json["sops"]?["mac"] != nil }
        } catch {
            return false  // Whoever reads it says what is wrong.
        }
    }

    private func decrypted(_ path: String, _ bytes: [UInt8], _ name: String) async throws(CommandFailure)
        -> String
    {
        // From standard input sops learns no format.
        let isJSON =
            bytes.first { !($0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09) } == UInt8(ascii: "{")
        let format = isJSON ? "json" : "yaml"
        let command = ChildProcess.Command(
            ["sops", "--decrypt", "--input-type", format, "--output-type", format]
                + [path == "-" ? "/dev/stdin" : path],
            environment: environment, input: path == "-" ? bytes : [], timeout: Self.patience,
            outputLimit: Self.sizeLimit)
        let output: ChildProcess.Output
        do throws(ChildProcessError) {
            output = try await ChildProcess.run(command)
        } catch {
            if case .notStarted(let cause) = error, cause.code == ENOENT {
                throw CommandFailure("\(name): is encrypted with SOPS, and there is no sops on the PATH")
            }
            throw CommandFailure("\(name): sops: \(error)")
        }
        guard output.status == .exited(0) else {
            let words = String(decoding: output.standardError.prefix(2000), as: UTF8.self)
            let line = words.split(whereSeparator: \.isNewline).joined(separator: "; ")
            throw CommandFailure("\(name): sops cannot decrypt it: \(line)")
        }
        guard let text = String(validating: output.standardOutput, as: UTF8.self) else {
            throw CommandFailure("\(name): must be UTF-8 text")
        }
        return text
    }
}

/// Files that a command writes once all of them are made.
struct PlannedFiles {
    private struct File {
        let path: String
        let text: String
        let isSecret: Bool
    }

    private var files: [File] = []

    /// Plans a file; one that is secret can be read by its owner alone.
    mutating func add(_ path: String, _ text: String, isSecret: Bool = false) {
        files.append(File(path: path, text: text, isSecret: isSecret))
    }

    var isEmpty: Bool { files.isEmpty }

    var paths: [String] { files.map(\.path) }

    /// Writes all files, each at once: those of a directory together, so that a full disk changes none of them.
    func write() throws(CommandFailure) {
        var groups: [(directory: String, isSecret: Bool, contents: [FileContent])] = []
        for file in files {
            let (directory, name) = Self.split(file.path)
            let content = FileContent(name: name, bytes: Array(file.text.utf8))
            if let index = groups.firstIndex(where: {
                $0.directory == directory && $0.isSecret == file.isSecret
            }) {
                groups[index].contents.append(content)
            } else {
                groups.append((directory, file.isSecret, [content]))
            }
        }
        try failingWithFiles { () throws(FileError) in
            for group in groups {
                try FileSystem.makeDirectory(group.directory)
                try Directory(group.directory).replace(group.contents, mode: group.isSecret ? 0o600 : 0o644)
            }
        }
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (
            slash == path.startIndex ? "/" : String(path[..<slash]),
            String(path[path.index(after: slash)...])
        )
    }
}
