// SPDX-License-Identifier: Apache-2.0
package import Platform

/// Runs a credential plugin: a child process in production, a closure in tests.
package struct PluginRunner: Sendable {
    private let run: @Sendable (ChildProcess.Command) async throws(ChildProcessError) -> ChildProcess.Output

    package init(
        _ run:
            @escaping @Sendable (ChildProcess.Command) async throws(ChildProcessError) -> ChildProcess.Output
    ) {
        self.run = run
    }

    /// Starts the program; it and its children are killed when its time is up.
    package static let childProcess = PluginRunner { command throws(ChildProcessError) in
        try await ChildProcess.run(command)
    }

    /// All that the program wrote, whatever its exit status.
    package func callAsFunction(
        _ command: ChildProcess.Command
    ) async throws(ChildProcessError) -> ChildProcess.Output {
        try await run(command)
    }
}
