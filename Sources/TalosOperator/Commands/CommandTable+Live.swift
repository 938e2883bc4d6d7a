// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform

/// The commands that talk to the machines of one cluster.
extension CommandTable {
    static let live: [CommandDefinition] = [
        liveCommand(
            "apply", "bring the machines of a cluster up, and their configurations up to date",
            """
            Gives machines in maintenance mode their configurations, makes a cluster of them, once, and brings changed
            configurations to machines that run: the control plane one by one, workers a few at a time. Shows what it is
            going to do and asks. Goes on where another run has ended.
            """, options: rollout + changing
        ) { _ throws(UsageError) in .apply },
        liveCommand(
            "bootstrap", "make a cluster of machines that have their configurations",
            """
            Installs machines that wait for a configuration and bootstraps etcd on one of the control plane, unless the
            cluster was bootstrapped before; never a second time.
            """, options: changing
        ) { _ throws(UsageError) in .bootstrap },
        liveCommand(
            "health", "check a cluster as talosctl health does",
            """
            Runs talosctl's checks in their order and prints each. Exits 0 if all is well, 1 if not. With --timeout it waits
            for that long.
            """, options: [timeout("how long to wait until all is well (default 0s)")]
        ) { _ throws(UsageError) in .health },
        liveCommand(
            "nodes", "show what the nodes of a cluster run and what state they are in",
            "Prints a table of nodes, or everything that is known with --output json.", options: [format]
        ) { _ throws(UsageError) in .nodes },
        liveCommand(
            "upgrade", "upgrade Talos, its extensions and Kubernetes to what the file names",
            """
            Brings configurations up to date first, then Talos node by node, then Kubernetes component by component. Refuses
            paths that Talos does not support before it touches a machine. Goes on where another run has ended.
            """, options: rollout + changing
        ) { _ throws(UsageError) in .upgrade },
        liveCommand(
            "reset", "reset nodes, or a whole cluster",
            """
            Resets the named nodes after they have left the cluster in good order, or without --machine all of them, the
            workers first. It destroys their data.
            """,
            options: [
                CommandOption(
                    names: ["machine"], value: .required("NAME"),
                    help: "a node to reset; may be given several times (default all of them)"),
                CommandOption(
                    names: ["mode"], value: .required("MODE"),
                    help: "Graceful or Force (default Graceful for single nodes, Force for all)"),
                CommandOption(
                    names: ["wipe"], value: .required("WHAT"),
                    help: "Ephemeral, SystemDisk or All (default as the file says)"),
            ] + changing
        ) { arguments throws(UsageError) in
            .reset(
                ResetOptions(
                    nodes: arguments.all("machine"), reset: try arguments.choice("mode"),
                    wipe: try arguments.choice("wipe")))
        },
        credential(.kubeconfig, "print a kubeconfig for administrators", defaultLifetime: "12h"),
        credential(.talosconfig, "print a talosconfig for administrators", defaultLifetime: "12h"),
    ]

    private static func liveCommand(
        _ name: String, _ summary: String, _ details: String, options: [CommandOption],
        _ job: @escaping @Sendable (CommandArguments) throws(UsageError) -> LiveOptions.Job
    ) -> CommandDefinition {
        CommandDefinition(
            name: name, operands: "-f FILE", summary: summary, details: details, options: place + options,
            make: { arguments throws(UsageError) in
                .live(try liveOptions(name, try job(arguments), arguments))
            })
    }

    /// The options of `talos-operator diff --live`.
    static func liveDifference(_ arguments: CommandArguments) throws(UsageError) -> Command {
        guard arguments.operands.isEmpty else {
            throw UsageError(
                "diff: --live compares machines with -f FILE, so \"\(arguments.operands[0])\" is too much")
        }
        return .live(try liveOptions("diff", .diff, arguments))
    }

    private static func liveOptions(
        _ name: String, _ job: LiveOptions.Job, _ arguments: CommandArguments
    ) throws(UsageError) -> LiveOptions {
        var options = LiveOptions(job: job, files: try files(name, arguments))
        options.directory = arguments.value("output-dir") ?? options.directory
        options.secrets = arguments.value("secrets")
        options.addresses = try pairs("node", arguments)
        options.fingerprints = try pairs("fingerprint", arguments)
        options.layerNamespace = arguments.value("layer-namespace") ?? options.layerNamespace
        if case .reset = job {} else { options.mode = try arguments.choice("mode") }
        options.maxUnavailable = try amount(arguments)
        options.timeout = try duration("timeout", arguments) ?? (job == .health ? .zero : options.timeout)
        options.isDryRun = try arguments.isOn("dry-run")
        options.isAssumedYes = try arguments.isOn("yes")
        options.format = try arguments.choice("output", default: .text)
        options.color = try arguments.choice("color", default: .auto)
        return options
    }

    private static func credential(
        _ kind: CredentialOptions.Kind, _ summary: String, defaultLifetime: String
    ) -> CommandDefinition {
        CommandDefinition(
            name: kind.rawValue, operands: "-f FILE", summary: summary,
            details: "Makes a client certificate from the cluster's secrets; no machine is asked.",
            options: place + [
                CommandOption(
                    names: ["output"], value: .required("FILE"),
                    help: "write a file that only you can read (default -)"),
                CommandOption(
                    names: ["lifetime"], value: .required("DURATION"),
                    help: "how long the certificate is good for (default \(defaultLifetime))"),
                CommandOption(names: ["force"], help: "replace a file that is there"),
            ]
                + (kind == .talosconfig
                    ? [
                        CommandOption(
                            names: ["endpoint"], value: .required("HOST"),
                            help: "what to connect to, may be given several times (default the control plane)"
                        )
                    ] : []),
            make: { arguments throws(UsageError) in
                let lifetime = try duration("lifetime", arguments) ?? .seconds(12 * 3600)
                guard lifetime > .zero, lifetime <= .seconds(10 * 366 * 86_400) else {
                    throw UsageError("--lifetime: must be more than nothing and ten years at most")
                }
                var options = CredentialOptions(
                    kind: kind, files: try files(kind.rawValue, arguments), lifetime: lifetime)
                options.directory = arguments.value("output-dir") ?? options.directory
                options.secrets = arguments.value("secrets")
                options.output = arguments.value("output")
                options.endpoints = arguments.all("endpoint")
                options.addresses = try pairs("node", arguments)
                options.layerNamespace = arguments.value("layer-namespace") ?? options.layerNamespace
                options.isForced = try arguments.isOn("force")
                return .credential(options)
            })
    }
}

// What several of them take.
extension CommandTable {
    static let place = [
        CommandOption(
            names: ["f", "filename"], value: .required("FILE"),
            help: "the KubernetesCluster and its layers; may be given several times; - is standard input"),
        CommandOption(
            names: ["o", "output-dir"], value: .required("DIR"),
            help: "where DIR/{cluster} has the secrets and the state of the cluster (default .)"),
        CommandOption(
            names: ["s", "secrets"], value: .required("FILE"),
            help: "the secrets bundle (default DIR/{cluster}/secrets/secrets.yaml)"),
        CommandOption(
            names: ["node"], value: .required("NAME=HOST"),
            help:
                "where a machine is, with a port if it is not 50000; otherwise machineData.{name}.address counts"
        ),
        CommandOption(
            names: ["fingerprint"], value: .required("NAME=KEY"),
            help: "the public key that a machine in maintenance mode must show, as its console does"),
        CommandOption(
            names: ["layer-namespace"], value: .required("NAMESPACE"),
            help: "the operator's namespace, whose ConfigMaps may concern all clusters "
                + "(default talos-operator-system)"),
    ]

    private static let changing = [
        CommandOption(names: ["dry-run"], help: "tell what would be done; exits 2 if that is anything"),
        CommandOption(names: ["y", "yes"], help: "ask nobody"),
        timeout("how long to go on (default 1h)"),
    ]

    private static let rollout = [
        CommandOption(
            names: ["mode"], value: .required("MODE"),
            help: "how a changed configuration is applied: Auto, NoReboot, Reboot, Staged or Try"),
        CommandOption(
            names: ["max-unavailable"], value: .required("AMOUNT"),
            help: "how many workers may be unavailable at a time, such as 2 or 20%"),
    ]

    private static let format = CommandOption(
        names: ["output"], value: .required("FORMAT"), help: "text (the default) or json")

    private static func timeout(_ help: String) -> CommandOption {
        CommandOption(names: ["timeout"], value: .required("DURATION"), help: help)
    }

    private static func files(
        _ name: String, _ arguments: CommandArguments
    ) throws(UsageError) -> [String] {
        let files = arguments.all("filename")
        guard !files.isEmpty else {
            throw UsageError("\(name): -f FILE is missing (- reads standard input)")
        }
        return files
    }

    private static func pairs(
        _ name: String, _ arguments: CommandArguments
    ) throws(UsageError) -> [String: String] {
        var pairs: [String: String] = [:]
        for text in arguments.all(name) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
                throw UsageError("--\(name): \"\(text)\" is not allowed: must be NAME=VALUE")
            }
            pairs[String(parts[0])] = String(parts[1])
        }
        return pairs
    }

    private static func duration(
        _ name: String, _ arguments: CommandArguments
    ) throws(UsageError) -> Duration? {
        guard let text = arguments.value(name) else { return nil }
        guard let duration = GoDuration.parse(text) else {
            throw UsageError("--\(name): \"\(text)\" is not allowed: must be a duration such as 30m")
        }
        return duration
    }

    private static func amount(_ arguments: CommandArguments) throws(UsageError) -> Amount? {
        guard let text = arguments.value("max-unavailable") else { return nil }
        if text.last == "%", let percent = Int(plainDecimal: text.dropLast()), (1...100).contains(percent) {
            return .percent(percent)
        }
        if let count = Int(plainDecimal: text), (1...1000).contains(count) { return .count(count) }
        throw UsageError("--max-unavailable: \"\(text)\" is not allowed: must be 1 to 1000, or 1% to 100%")
    }
}
