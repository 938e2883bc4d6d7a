// SPDX-License-Identifier: Apache-2.0
import HTTP
import Observability
import Testing

@testable import TalosOperator

@Suite("Command line")
struct CommandParserTests {
    @Test("without arguments the operator runs with the defaults of the specification")
    func defaults() throws {
        guard case .run(let settings) = try CommandParser.parse([], environment: [:]) else {
            Issue.record("not the run command")
            return
        }
        #expect(settings.reconcileInterval == .seconds(30))
        #expect(settings.maxConcurrentReconciles == 1)
        #expect(settings.metricsBindAddress == BindAddress(parsing: ":8080"))
        #expect(settings.healthProbeBindAddress == BindAddress(parsing: ":8081"))
        #expect(settings.resultsPath == "hack/results")
        #expect(settings.kubebuilderAssets == "")
    }

    @Test("the table's default texts are the values that settings start with")
    func tableDefaults() throws {
        for setting in Setting.all where !setting.defaultText.isEmpty && !setting.defaultText.contains(" ") {
            var settings = Settings()
            #expect(setting.assign(setting.defaultText, &settings), "\(setting.flag)")
            #expect(settings == Settings(), "\(setting.flag)")
        }
    }

    @Test("every variable of the specification sets what its flag sets")
    func variables() throws {
        let values = [
            "RECONCILE_INTERVAL": "1m30s", "MAX_CONCURRENT_RECONCILES": "8",
            "METRICS_BIND_ADDRESS": "127.0.0.1:9",
            "HEALTH_PROBE_BIND_ADDRESS": "0", "RESULTS_PATH": "/tmp/x", "KUBEBUILDER_ASSETS": "/opt/k",
        ]
        let flags = Setting.all.filter { $0.variable != nil }.flatMap { setting in
            ["--\(setting.flag)", setting.variable.flatMap { values[$0] } ?? ""]
        }
        #expect(flags.count == 2 * values.count)
        let fromFlags = try CommandParser.parse(flags, environment: [:])
        #expect(try CommandParser.parse([], environment: values) == fromFlags)
        #expect(try CommandParser.parse(["run"], environment: [:]) != fromFlags)
    }

    @Test("a flag beats its variable, even a wrong one")
    func precedence() throws {
        let command = try CommandParser.parse(
            ["--reconcile-interval=2m"], environment: ["RECONCILE_INTERVAL": "never"])
        guard case .run(let settings) = command else {
            Issue.record("not the run command")
            return
        }
        #expect(settings.reconcileInterval == .seconds(120))
    }

    @Test(
        "a wrong value stops the start and names the setting, the value and what is allowed",
        arguments: [
            (
                ["--max-concurrent-reconciles", "0"],
                "--max-concurrent-reconciles: \"0\" is not allowed: must be a whole number from 1 to 256"
            ),
            (
                ["--reconcile-interval", "soon"],
                "--reconcile-interval: \"soon\" is not allowed: must be a duration such as 30s or 1m30s, from 1s to 24h"
            ),
            (
                ["--metrics-bind-address=8080"],
                "--metrics-bind-address: \"8080\" is not allowed: must be 0, :PORT, HOST:PORT or [IPv6]:PORT"
            ),
            (
                ["--log-level", "loud"],
                "--log-level: \"loud\" is not allowed: must be one of debug, info, warn, error"
            ),
            (["--log-format", "xml"], "--log-format: \"xml\" is not allowed: must be json or text"),
            (["--leader-elect=maybe"], "--leader-elect: \"maybe\" is not allowed: must be true or false"),
            (["--metrics-secure=1"], "--metrics-secure: \"1\" is not allowed: must be true or false"),
            (
                ["--metrics-secure"],
                "--metrics-cert-path: \"\" is not allowed: must be the path of a directory with --metrics-secure"
            ),
            (
                ["--metrics-authorization"],
                "--metrics-authorization: \"true\" is not allowed: must be false without --metrics-secure, since tokens must not travel in the clear"
            ),
            (
                ["--metrics-cert-path=/certs"],
                "--metrics-cert-path: \"/certs\" is not allowed: must be left out without --metrics-secure"
            ),
            (
                ["--metrics-secure", "--metrics-cert-path=/certs", "--metrics-cert-key=../tls.key"],
                "--metrics-cert-key: \"../tls.key\" is not allowed: must be the name of a file"
            ),
            (
                ["--watch-namespace", "Bad_Name"],
                "--watch-namespace: \"Bad_Name\" is not allowed: must be a namespace: up to 63 lower-case letters, digits and dashes, not at its ends"
            ),
            (
                ["--leader-election-renew-deadline", "20s"],
                "--leader-election-lease-duration: \"15s\" is not allowed: must be longer than the renew deadline of 20s"
            ),
            (["--frobnicate"], "unknown argument --frobnicate: see talos-operator run --help"),
            (["--kubeconfig"], "--kubeconfig: the value is missing"),
            (
                ["walk"],
                "unknown command \"walk\": must be run, render, secrets, schematic, diff, validate, patch, import, apply, bootstrap, health, nodes, upgrade, reset, kubeconfig, talosconfig, version or help"
            ),
        ])
    func wrongValues(arguments: [String], message: String) {
        #expect(throws: UsageError(message)) { try CommandParser.parse(arguments, environment: [:]) }
    }

    @Test("all wrong values are told at once")
    func allProblems() {
        let error = #expect(throws: UsageError.self) {
            try CommandParser.parse(
                ["--log-level=x", "--grace-period=y"], environment: ["RECONCILE_INTERVAL": "z"])
        }
        #expect(error?.description.split(separator: "\n").count == 3)
    }

    @Test("namespaces may be repeated and count once each")
    func repeated() throws {
        let command = try CommandParser.parse(
            ["--watch-namespace", "a", "--watch-namespace=b", "--watch-namespace", "a"], environment: [:])
        guard case .run(let settings) = command else {
            Issue.record("not the run command")
            return
        }
        #expect(settings.watchNamespaces == ["a", "b"])
    }

    @Test("render needs a file and takes a directory")
    func render() throws {
        #expect(
            try CommandParser.parse(["render", "-f", "a.yaml", "-f", "-", "-o", "out"], environment: [:])
                == .render(RenderOptions(files: ["a.yaml", "-"], outputDirectory: "out")))
        #expect(throws: UsageError.self) { try CommandParser.parse(["render"], environment: [:]) }
        #expect(throws: UsageError.self) { try CommandParser.parse(["render", "x.yaml"], environment: [:]) }
    }

    @Test(
        "help is there for every command",
        arguments: [
            (["--help"], HelpTopic.program), (["-h"], .program), (["help"], .program),
            (["help", "walk"], .program),
            (["help", "render"], .command("render")), (["help", "run"], .run),
            (["run", "--help"], .run), (["render", "-h"], .command("render")),
            (["secrets", "generate", "--help"], .command("secrets")), (["import", "-h"], .command("import")),
            (["version", "--help"], .command("version")), (["--log-level=info", "--help"], .run),
        ])
    func help(arguments: [String], topic: HelpTopic) throws {
        #expect(try CommandParser.parse(arguments, environment: [:]) == .help(topic))
        #expect(HelpText.text(for: topic).contains("Usage: talos-operator"))
    }

    @Test("the help of run names every setting with its variable and default")
    func runHelp() {
        let text = HelpText.text(for: .run)
        for setting in Setting.all {
            #expect(text.contains("--\(setting.flag)"))
            #expect(text.contains(setting.variable ?? ""))
            #expect(text.contains(setting.defaultText))
        }
    }
}
