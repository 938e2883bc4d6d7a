// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Talos
import TestSupport
import Testing

@testable import TalosOperator

@Suite("Commands of the laptop")
struct CommandTableTests {
    private func parse(_ arguments: String...) throws(UsageError) -> Command {
        try CommandParser.parse(arguments, environment: [:])
    }

    @Test("every command has words of its own, and options with a name each")
    func table() {
        #expect(Set(CommandTable.all.map(\.name)).count == CommandTable.all.count)
        for command in CommandTable.all {
            let names = command.options.flatMap(\.names)
            #expect(Set(names).count == names.count, "\(command.name)")
            #expect(!command.summary.hasSuffix("."), "\(command.name)")
            #expect(command.details.hasSuffix("."), "\(command.name)")
            let help = HelpText.text(for: .command(command.topic))
            for name in names { #expect(help.contains(name.count == 1 ? "-\(name)" : "--\(name)")) }
            #expect(HelpText.text(for: .program).contains(command.usage))
        }
    }

    @Test("the README names every command, in the order and words of the program")
    func readme() throws {
        let expected = CommandTable.all.map { ["talos-operator \($0.usage)", $0.summary] }
        #expect(try MarkdownTable(of: "README.md", column: "command").rows == expected)
    }

    @Test("options are read with their values, attached or not, and switches without")
    func options() throws {
        #expect(
            try parse("render", "-f", "a", "--secrets=s", "--explain", "machine.install", "-o", "d")
                == .render(
                    RenderOptions(
                        files: ["a"], outputDirectory: "d", secrets: "s", explains: true,
                        path: "machine.install")))
        #expect(
            try parse("render", "--explain", "-f", "a", "--output", "json", "--endpoint", "x")
                == .render(
                    RenderOptions(files: ["a"], explains: true, format: .json, endpoints: ["x"])))
        #expect(
            try parse("secrets", "generate", "--force", "--talos-version", "1.5.5", "-o", "s")
                == .secrets(
                    SecretsOptions(action: .generate(TalosVersion(minor: 5)), output: "s", isForced: true)))
        #expect(
            try parse("secrets", "import", "--from-kubernetes-pki", "/pki", "--token", "t")
                == .secrets(
                    SecretsOptions(
                        action: .importingKubernetes(
                            directory: "/pki", token: "t", TalosVersion.supported.upperBound))))
        #expect(
            try parse("schematic", "id") == .schematic(SchematicOptions(file: "-")))
        #expect(
            try parse("diff", "a", "b", "--color=never", "--talos-version=v1.12")
                == .diff(
                    DiffOptions(from: "a", to: "b", color: .never, talosVersion: TalosVersion(minor: 12))))
        #expect(
            try parse("validate", "-m", "cloud", "a", "b", "--strict")
                == .validate(ValidateOptions(files: ["a", "b"], mode: .cloud, isStrict: true)))
        #expect(
            try parse("patch", "c", "-p", "@a", "--patch", "b: 1")
                == .patch(PatchOptions(file: "c", patches: ["@a", "b: 1"])))
        #expect(
            try parse("import", "topf", "d", "-o", "out")
                == .importing(
                    ImportOptions(tool: .topf, source: "d", output: "out", talosVersion: "v1.13.0")))
    }

    @Test(
        "a wrong command line names what is wrong",
        arguments: [
            (
                ["render", "--frobnicate"],
                "render: unknown argument --frobnicate: see talos-operator render --help"
            ),
            (["render", "-f"], "-f: the value is missing"),
            (
                ["render", "-f", "a", "--output", "xml"],
                "--output: \"xml\" is not allowed: must be one of text, json"
            ),
            (["secrets"], "secrets: must be followed by generate, import, validate"),
            (["secrets", "burn"], "secrets: unknown command \"burn\": must be generate, import, validate"),
            (["secrets", "import"], "secrets import: must have one of FILE and --from-kubernetes-pki DIR"),
            (["secrets", "validate"], "secrets validate: FILE is missing"),
            (
                ["secrets", "generate", "x"],
                "secrets generate: unknown argument \"x\": see talos-operator secrets --help"
            ),
            (
                ["secrets", "generate", "--talos-version", "1.14"],
                "--talos-version: \"1.14\" is not allowed: must be v1.3 to v1.13"
            ),
            (["diff", "a"], "diff: A B is missing"),
            (["patch", "a"], "patch: --patch PATCH is missing"),
            (
                ["validate", "a", "--strict=maybe"],
                "--strict: \"maybe\" is not allowed: must be true or false"
            ),
            (["import", "topf", "a"], "import topf: -o OUT is missing"),
            (["import", "helm"], "import: unknown command \"helm\": must be topf, talhelper"),
            (
                ["schematic", "id", "--installer", "new"],
                "--installer: \"new\" is not allowed: must be a version such as v1.12.3"
            ),
        ])
    func wrong(arguments: [String], message: String) {
        #expect(throws: UsageError(message)) { try CommandParser.parse(arguments, environment: [:]) }
    }

    @Test("the commands that talk to machines take where these are, and what may happen to them")
    func live() throws {
        var apply = LiveOptions(job: .apply, files: ["c.yaml"])
        apply.addresses = ["a-cp-0": "192.0.2.1", "a-cp-1": "[2001:db8::1]:50001"]
        apply.mode = .noReboot
        apply.maxUnavailable = .percent(20)
        apply.isDryRun = true
        apply.timeout = .seconds(1800)
        #expect(
            try parse(
                "apply", "-f", "c.yaml", "--node", "a-cp-0=192.0.2.1", "--node=a-cp-1=[2001:db8::1]:50001",
                "--mode", "NoReboot", "--max-unavailable=20%", "--dry-run", "--timeout", "30m")
                == .live(apply))
        var reset = LiveOptions(
            job: .reset(ResetOptions(nodes: ["a-w-1"], reset: .force, wipe: .ephemeral)), files: ["c.yaml"])
        reset.isAssumedYes = true
        #expect(
            try parse(
                "reset", "-f", "c.yaml", "--machine", "a-w-1", "--mode", "Force", "--wipe", "Ephemeral", "-y")
                == .live(reset))
        #expect(try parse("diff", "--live", "-f", "c") == .live(LiveOptions(job: .diff, files: ["c"])))
        var health = LiveOptions(job: .health, files: ["c"])
        health.timeout = .zero
        #expect(try parse("health", "-f", "c") == .live(health))
        #expect(
            try parse("kubeconfig", "-f", "c", "--lifetime", "1h")
                == .credential(
                    CredentialOptions(kind: .kubeconfig, files: ["c"], lifetime: .seconds(3600))))
    }

    @Test(
        "what cannot be meant is refused with the option, the value and what is allowed",
        arguments: [
            (["apply"], "apply: -f FILE is missing"), (["diff", "a"], "diff: A B is missing"),
            (["diff", "--live", "a", "-f", "c"], "is too much"),
            (["nodes", "-f", "c", "--node", "x"], #"--node: "x" is not allowed: must be NAME=VALUE"#),
            (["apply", "-f", "c", "--mode", "auto"], "must be one of Auto, NoReboot, Reboot, Staged, Try"),
            (["apply", "-f", "c", "--max-unavailable", "0"], "must be 1 to 1000, or 1% to 100%"),
            (["upgrade", "-f", "c", "--timeout", "x"], "must be a duration such as 30m"),
            (["reset", "-f", "c", "--wipe", "disk"], "must be one of Ephemeral, SystemDisk, All"),
            (["talosconfig", "-f", "c", "--lifetime", "0"], "--lifetime: must be more than nothing"),
        ])
    func refusedLive(_ arguments: [String], _ message: String) {
        #expect {
            try CommandParser.parse(arguments, environment: [:])
        } throws: { error in
            "\(error)".contains(message)
        }
    }
}
