// SPDX-License-Identifier: Apache-2.0
import Talos

/// All commands but `run` and `help`, in the order in which help names them.
enum CommandTable {
    static let all: [CommandDefinition] =
        [render] + secrets + [schematic, diff, validate, patch, importTOPF, importTalhelper] + live + [
            version
        ]

    /// The commands that begin with a word.
    static func commands(_ topic: String) -> [CommandDefinition] {
        all.filter { $0.topic == topic }
    }

    /// The first words, each once.
    static let topics: [String] = all.map(\.topic).reduce(into: []) { topics, topic in
        if !topics.contains(topic) { topics.append(topic) }
    }

    private static let render = CommandDefinition(
        name: "render", operands: "-f FILE",
        summary: "print or write what a KubernetesCluster asks for",
        details: """
            Validates KubernetesClusters and prints the Machine manifests that the operator would create. With -o it
            writes them, and the Talos configuration of each machine and a talosconfig besides. ConfigMaps and Secrets
            among the files are layers, as they would be in the cluster. Needs no cluster. Exits 1, with one line per
            problem and without having written anything, if the input is not valid.
            """,
        options: [
            CommandOption(
                names: ["f", "filename"], value: .required("FILE"),
                help:
                    "YAML or JSON to read, or a directory of such; may be given several times; - is standard input"
            ),
            CommandOption(
                names: ["o", "output-dir"], value: .required("DIR"),
                help: "write DIR/{cluster}/{machine}.yaml, DIR/{cluster}/talos/{machine}.yaml and "
                    + "DIR/{cluster}/talosconfig"),
            CommandOption(
                names: ["s", "secrets"], value: .required("FILE"),
                help:
                    "the secrets bundle; otherwise DIR/{cluster}/secrets/secrets.yaml, made if it is not there"
            ),
            CommandOption(
                names: ["machine"], value: .required("NAME"),
                help: "only the Talos configuration of this machine, printed if there is no -o"),
            CommandOption(
                names: ["explain"], value: .optional("PATH"),
                help:
                    "print which layer set each value, or those at a path such as machine.install, and what it "
                    + "overrode"),
            outputFormat,
            CommandOption(
                names: ["endpoint"], value: .required("HOST"),
                help: "an endpoint for talosconfig, may be given several times"),
            CommandOption(
                names: ["layer-namespace"], value: .required("NAMESPACE"),
                help: "the operator's namespace, whose ConfigMaps may concern all clusters "
                    + "(default talos-operator-system)"),
        ],
        make: { arguments throws(UsageError) in
            let files = arguments.all("filename")
            guard !files.isEmpty else {
                throw UsageError("render: -f FILE is missing (- reads standard input)")
            }
            let path = arguments.value("explain")
            return .render(
                RenderOptions(
                    files: files, outputDirectory: arguments.value("output-dir"),
                    secrets: arguments.value("secrets"), machine: arguments.value("machine"),
                    explains: path != nil, path: path.flatMap { $0.isEmpty ? nil : $0 },
                    format: try arguments.choice("output", default: .text),
                    endpoints: arguments.all("endpoint"),
                    layerNamespace: arguments.value("layer-namespace") ?? RenderOptions().layerNamespace))
        })

    private static let version = CommandDefinition(
        name: "version", summary: "print the version",
        details: "Prints the version and the commit it was built from.",
        make: { _ throws(UsageError) in .version })
}

extension CommandTable {
    private static let secrets = [
        CommandDefinition(
            name: "secrets generate", summary: "make a secrets bundle for a new cluster",
            details:
                "Makes keys, certificates and tokens as talosctl gen secrets does, in the same file format.",
            options: [bundleOutput, force, talosVersion("the Talos version to make them for")],
            make: { arguments throws(UsageError) in
                .secrets(
                    SecretsOptions(
                        action: .generate(try version(arguments) ?? TalosVersion.supported.upperBound),
                        output: arguments.value("output"), isForced: try arguments.isOn("force")))
            }),
        CommandDefinition(
            name: "secrets import", operands: "FILE",
            summary: "take the secrets of a cluster that is there",
            details: """
                Reads a secrets bundle, or the configuration of a control plane (- is standard input), and writes a bundle. With
                --from-kubernetes-pki it takes the authorities of a cluster that kubeadm made, and makes the rest.
                """,
            options: [
                bundleOutput, force,
                CommandOption(
                    names: ["from-kubernetes-pki"], value: .required("DIR"),
                    help: "directory with ca.crt, ca.key, etcd/ca.crt, etcd/ca.key, front-proxy-ca.crt, "
                        + "front-proxy-ca.key and sa.key"),
                CommandOption(
                    names: ["token"], value: .required("TOKEN"),
                    help: "the bootstrap token of that cluster; made if not given"),
                talosVersion("the Talos version to make the rest for"),
            ],
            operandCount: 0...1,
            make: { arguments throws(UsageError) in try importSecrets(arguments) }),
        CommandDefinition(
            name: "secrets validate", operands: "FILE", summary: "check a secrets bundle",
            details:
                "Checks that a secrets bundle is complete, and says what is wrong with it, a problem a line.",
            operandCount: 1...1,
            make: { arguments throws(UsageError) in
                .secrets(SecretsOptions(action: .validate(arguments.operands[0])))
            }),
    ]

    private static func importSecrets(_ arguments: CommandArguments) throws(UsageError) -> Command {
        let action: SecretsAction
        switch (arguments.value("from-kubernetes-pki"), arguments.operands.first) {
        case (let directory?, nil):
            let version = try version(arguments) ?? TalosVersion.supported.upperBound
            action = .importingKubernetes(
                directory: directory, token: arguments.value("token") ?? "", version)
        case (nil, let file?): action = .importing(file)
        default: throw UsageError("secrets import: must have one of FILE and --from-kubernetes-pki DIR")
        }
        return .secrets(
            SecretsOptions(
                action: action, output: arguments.value("output"), isForced: try arguments.isOn("force")))
    }

    private static let schematic = CommandDefinition(
        name: "schematic id", operands: "FILE", summary: "compute the ID of an Image Factory schematic",
        details: """
            Computes the ID that the Image Factory gives a schematic, without asking it. The factory knows an ID once
            the schematic was registered there. Without FILE, and with -, it is standard input that is read.
            """,
        options: [
            CommandOption(
                names: ["installer"], value: .required("VERSION"),
                help: "print the installer image of this Talos version, such as v1.12.3, instead of the ID"),
            CommandOption(
                names: ["platform"], value: .required("PLATFORM"), help: "its platform (default metal)"),
            CommandOption(names: ["secureboot"], help: "the image for secure boot"),
            CommandOption(
                names: ["factory"], value: .required("HOST"), help: "the factory (default factory.talos.dev)"),
        ],
        operandCount: 0...1,
        make: { arguments throws(UsageError) in
            let installer = arguments.value("installer")
            if let installer, TalosVersion(installer) == nil {
                throw UsageError(
                    "--installer: \"\(installer)\" is not allowed: must be a version such as v1.12.3")
            }
            return .schematic(
                SchematicOptions(
                    file: arguments.operands.first ?? "-", installer: installer,
                    platform: arguments.value("platform") ?? "metal",
                    factory: arguments.value("factory") ?? "factory.talos.dev",
                    isSecureboot: try arguments.isOn("secureboot")))
        })

    private static let diff = CommandDefinition(
        name: "diff", operands: "A B", summary: "compare machine configurations",
        details: """
            Compares two machine configurations, or the files of two directories, by what they mean; with --live -f FILE
            those that machines have with those they are to have. Secrets are never shown. Exits 0 if nothing differs, 1 if
            something does, 2 if that cannot be said.
            """,
        options: [
            CommandOption(names: ["live"], help: "ask the machines of a cluster"),
            CommandOption(
                names: ["color"], value: .required("WHEN"),
                help: "auto (on a terminal, unless NO_COLOR is set), always or never"),
            talosVersion("the Talos version of the configurations (default the newest)"),
        ] + place,
        operandCount: 0...2,
        make: { arguments throws(UsageError) in
            if try arguments.isOn("live") { return try liveDifference(arguments) }
            guard arguments.operands.count == 2 else { throw UsageError("diff: A B is missing") }
            return .diff(
                DiffOptions(
                    from: arguments.operands[0], to: arguments.operands[1],
                    color: try arguments.choice("color", default: .auto),
                    talosVersion: try version(arguments)))
        })
}

extension CommandTable {
    private static let validate = CommandDefinition(
        name: "validate", operands: "FILE…",
        summary: "check machine configurations as talosctl validate does",
        details: """
            Checks machine configurations, and those that a KubernetesCluster would get. Exits 1 if one is not valid.
            """,
        options: [
            CommandOption(
                names: ["m", "mode"], value: .required("MODE"),
                help: "what the machines are: metal (the default), cloud or container"),
            CommandOption(names: ["strict"], help: "take warnings for errors"),
            talosVersion("the Talos version of the configurations (default the newest)"),
        ],
        operandCount: 1...10_000,
        make: { arguments throws(UsageError) in
            .validate(
                ValidateOptions(
                    files: arguments.operands, mode: try arguments.choice("mode", default: .metal),
                    isStrict: try arguments.isOn("strict"), talosVersion: try version(arguments)))
        })

    private static let patch = CommandDefinition(
        name: "patch", operands: "CONFIG", summary: "apply patches as talosctl machineconfig patch does",
        details: "Applies strategic merge patches, or operations of RFC 6902, and prints the configuration.",
        options: [
            CommandOption(
                names: ["p", "patch"], value: .required("PATCH"),
                help: "a patch, or @FILE with one; may be given several times"),
            CommandOption(
                names: ["o", "output"], value: .required("FILE"), help: "write instead of printing"),
            talosVersion("the Talos version of the configuration (default the newest)"),
        ],
        operandCount: 1...1,
        make: { arguments throws(UsageError) in
            let patches = arguments.all("patch")
            guard !patches.isEmpty else { throw UsageError("patch: --patch PATCH is missing") }
            return .patch(
                PatchOptions(
                    file: arguments.operands[0], patches: patches, output: arguments.value("output"),
                    talosVersion: try version(arguments)))
        })

    private static let importTOPF = importer(
        "topf", "DIR", .topf,
        details: """
            Reads topf.yaml, the patches and templates beside it and secrets.yaml, and writes OUT/{cluster}.yaml,
            OUT/secrets.yaml and OUT/import-report.md, which says what could not be carried over. What SOPS has
            encrypted is decrypted by sops.
            """)
    private static let importTalhelper = importer(
        "talhelper", "DIR", .talhelper,
        details: """
            Reads talconfig.yaml, or the file that is named instead of the directory, talenv.yaml, talsecret.yaml and the files that they name, encrypted or not, and writes
            OUT/{cluster}.yaml, OUT/secrets.yaml and OUT/import-report.md, which says what could not be carried over.
            """)

    private static func importer(
        _ name: String, _ operands: String, _ tool: ImportOptions.Tool, details: String
    ) -> CommandDefinition {
        CommandDefinition(
            name: "import \(name)", operands: "\(operands) -o OUT",
            summary: "turn a directory of \(tool == .topf ? "TOPF" : "talhelper") into a KubernetesCluster",
            details: details,
            options: [
                CommandOption(names: ["o", "output-dir"], value: .required("OUT"), help: "where to write"),
                talosVersion("the Talos version to take where none is named"), force,
            ],
            operandCount: 1...1,
            make: { arguments throws(UsageError) in
                guard let output = arguments.value("output-dir") else {
                    throw UsageError("import \(name): -o OUT is missing")
                }
                _ = try version(arguments)
                return .importing(
                    ImportOptions(
                        tool: tool, source: arguments.operands[0], output: output,
                        talosVersion: arguments.value("talos-version")
                            ?? "\(TalosVersion.supported.upperBound).0",
                        isForced: try arguments.isOn("force")))
            })
    }

    // MARK: Options of several commands

    private static let outputFormat = CommandOption(
        names: ["output"], value: .required("FORMAT"), help: "text (the default) or json, of --explain")
    private static let bundleOutput = CommandOption(
        names: ["o", "output"], value: .required("FILE"),
        help: "write a file that only you can read (default -)")
    private static let force = CommandOption(
        names: ["force"], help: "replace files that are there")

    private static func talosVersion(_ help: String) -> CommandOption {
        CommandOption(names: ["talos-version"], value: .required("VERSION"), help: help)
    }

    private static func version(_ arguments: CommandArguments) throws(UsageError) -> TalosVersion? {
        guard let text = arguments.value("talos-version") else { return nil }
        guard let version = TalosVersion(text) else {
            throw UsageError("--talos-version: \"\(text)\" is not allowed: must be a version such as v1.12")
        }
        guard TalosVersion.supported.contains(version) else {
            let (oldest, newest) = (TalosVersion.supported.lowerBound, TalosVersion.supported.upperBound)
            throw UsageError("--talos-version: \"\(text)\" is not allowed: must be \(oldest) to \(newest)")
        }
        return version
    }
}
