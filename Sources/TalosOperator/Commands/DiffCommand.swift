// SPDX-License-Identifier: Apache-2.0
import Glibc
import Talos

/// `talos-operator diff`: what two configurations, or the files of two directories, say differently.
struct DiffCommand {
    private let options: DiffOptions
    private let files: CommandFiles
    private let output: Output
    private let isColored: Bool

    /// Returns 0 if nothing differs, 1 if something does, 2 if that cannot be said.
    static func execute(
        _ options: DiffOptions, environment: [String: String], output: Output = .standard
    ) async -> Int32 {
        let command = DiffCommand(
            options: options, files: CommandFiles(environment: environment), output: output,
            isColored: isColored(options.color, environment))
        return await output.reporting(failure: 2) { () async throws(CommandFailure) in
            try await command.run() ? 1 : 0
        }
    }

    private static func isColored(_ choice: ColorChoice, _ environment: [String: String]) -> Bool {
        switch choice {
        case .always: true
        case .never: false
        case .auto: (environment["NO_COLOR"] ?? "").isEmpty && isatty(STDOUT_FILENO) == 1
        }
    }

    private func run() async throws(CommandFailure) -> Bool {
        let areDirectories = [files.isDirectory(options.from), files.isDirectory(options.to)]
        guard areDirectories.contains(true) else {
            return try await compare(options.from, options.to, heading: nil)
        }
        guard areDirectories == [true, true] else {
            throw CommandFailure(
                "diff: one of \(options.from) and \(options.to) is a directory, the other is not")
        }
        let (before, after) = (try await configurations(options.from), try await configurations(options.to))
        var differs = false
        for path in Set(before).union(after).sorted() {
            let old = before.contains(path) ? "\(options.from)/\(path)" : nil
            let new = after.contains(path) ? "\(options.to)/\(path)" : nil
            if try await compare(old, new, heading: path) { differs = true }
        }
        return differs
    }

    /// The machine configurations below a directory, relative to it.
    private func configurations(_ directory: String) async throws(CommandFailure) -> [String] {
        var paths: [String] = []
        for path in try files.walk(directory) where path.hasSuffix(".yaml") || path.hasSuffix(".yml") {
            let file = try await files.source("\(directory)/\(path)")
            if MachineConfigFile.isMachineConfiguration(file.text) { paths.append(path) }
        }
        return paths
    }

    /// Prints how two files differ; nil is one that is not there.
    private func compare(_ from: String?, _ to: String?, heading: String?) async throws(CommandFailure)
        -> Bool
    {
        let reader = MachineConfigFile(files: files, version: options.talosVersion)
        let old =
            if let from { try await reader.read(from) as MachineConfiguration? } else {
                nil as MachineConfiguration?
            }
        let new =
            if let to { try await reader.read(to) as MachineConfiguration? } else {
                nil as MachineConfiguration?
            }
        let difference = ConfigDifference(from: old, to: new)
        guard !difference.entries.isEmpty else { return false }
        if let heading { output.print("=== \(heading)\n") }
        output.print(difference.text(colored: isColored))
        return true
    }
}
