// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import StructuredData
import TestSupport

@testable import TalosOperator

/// A directory for the files of a command, and what the command printed.
final class CommandBench: Sendable {
    private let directory: TemporaryDirectory
    private let texts = Locked((output: "", errors: ""))

    init() throws {
        directory = try TemporaryDirectory()
    }

    var path: String { directory.path }
    var printed: String { texts.withLock { $0.output } }
    var errors: String { texts.withLock { $0.errors } }

    var output: Output {
        Output(
            print: { text in self.texts.withLock { $0.output += text } },
            printError: { text in self.texts.withLock { $0.errors += text } })
    }

    /// Forgets what was printed.
    func clear() {
        texts.withLock { $0 = ("", "") }
    }

    /// Writes a file, its directories too, and returns its path.
    @discardableResult
    func file(_ name: String, _ text: String) throws -> String {
        let file = "\(path)/\(name)"
        try FileSystem.makeDirectory(String(file.prefix(upTo: file.lastIndex(of: "/") ?? file.endIndex)))
        try FileSystem.replace(file, with: Array(text.utf8))
        return file
    }

    /// The text of a file below the directory.
    func text(_ name: String) throws -> String {
        String(decoding: try FileSystem.read("\(path)/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    /// The permissions of a file below the directory.
    func mode(_ name: String) throws -> UInt32 {
        var status = stat()
        guard stat("\(path)/\(name)", &status) == 0 else {
            throw FileError(.examine, name, .system(.last))
        }
        return status.st_mode & 0o777
    }

    /// Parses and runs a command as the program does, except for `run`.
    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> Int32 {
        switch try CommandParser.parse(arguments, environment: environment) {
        case .render(let options):
            await RenderCommand.execute(options, environment: environment, output: output)
        case .secrets(let options):
            await SecretsCommand.execute(options, environment: environment, output: output)
        case .schematic(let options):
            await SchematicCommand.execute(options, environment: environment, output: output)
        case .diff(let options):
            await DiffCommand.execute(options, environment: environment, output: output)
        case .validate(let options):
            await ValidateCommand.execute(options, environment: environment, output: output)
        case .patch(let options):
            await PatchCommand.execute(options, environment: environment, output: output)
        case .importing(let options):
            await ImportCommand.execute(options, environment: environment, output: output)
        default: 99
        }
    }
}
