// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// The program: turns a command line into a command, runs it, and ends with its exit status.
@main
enum Main {
    /// The main thread waits for signals; everything else happens in the one task that is started here.
    static func main() {
        let signals = Signals()
        let arguments = Array(CommandLine.arguments.dropFirst())
        let requests = signals.stopRequests
        Task.detached {
            exit(
                await run(arguments, environment: ProcessEnvironment.variables) {
                    for await _ in requests { return }
                })
        }
        signals.deliver()
    }

    /// Runs a command; 0 for success, 1 for failure, 2 for a command line that cannot be carried out.
    private static func run(
        _ arguments: [String], environment: [String: String],
        until shutdown: @escaping @Sendable () async -> Void
    ) async -> Int32 {
        do throws(UsageError) {
            switch try CommandParser.parse(arguments, environment: environment) {
            case .run(let settings):
                return await RunCommand.execute(settings, environment: environment, until: shutdown)
            case .render(let options): return await RenderCommand.execute(options, environment: environment)
            case .secrets(let options):
                return await SecretsCommand.execute(options, environment: environment)
            case .schematic(let options):
                return await SchematicCommand.execute(options, environment: environment)
            case .diff(let options): return await DiffCommand.execute(options, environment: environment)
            case .validate(let options):
                return await ValidateCommand.execute(options, environment: environment)
            case .patch(let options): return await PatchCommand.execute(options, environment: environment)
            case .importing(let options):
                return await ImportCommand.execute(options, environment: environment)
            case .live(let options):
                return await LiveCommand.execute(options, environment: environment, until: shutdown)
            case .credential(let options):
                return await CredentialCommand.execute(options, environment: environment)
            case .version: Output.standard.print("\(Version.text)\n")
            case .help(let topic): Output.standard.print(HelpText.text(for: topic))
            }
            return 0
        } catch {
            Output.standard.printError("talos-operator: \(error)\n")
            return 2
        }
    }
}
