// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import HTTP
import Observability
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

/// The container's arguments and environment, read by the program's own parser.
@Suite("The chart and the program's settings")
struct ChartSettingsTests {
    private func settings(_ objects: [RenderedObject]) throws -> Settings {
        let container = try #require(objects.only("Deployment")?.container)
        let arguments = container["args"]?.array?.compactMap(\.string) ?? []
        let variables = (container["env"]?.array ?? []).map { entry in
            (entry["name"]?.string ?? "", entry["value"]?.string ?? "from elsewhere")
        }
        let environment = Dictionary(variables) { _, last in last }
        #expect(environment.count == variables.count, "a variable is set twice")
        guard case .run(let settings) = try CommandParser.parse(arguments, environment: environment) else {
            throw PackagingTool.Failure(description: "not `run`: \(arguments)")
        }
        return settings
    }

    @Test("The program accepts what it is started with", arguments: ValuesFile.all)
    func accepted(_ file: ValuesFile) async throws {
        let objects = try await file.objects()
        let settings = try settings(objects)
        let container = try #require(objects.only("Deployment")?.container)
        for port in container["ports"]?.array ?? [] {
            let address =
                port["name"] == "metrics" ? settings.metricsBindAddress : settings.healthProbeBindAddress
            #expect(port["containerPort"]?.integer == address.map { Int64($0.port) })
        }
        let grace = try #require(
            objects.only("Deployment")?.podSpec?["terminationGracePeriodSeconds"]?.integer)
        #expect(settings.gracePeriod < .seconds(grace))
    }

    @Test("Every variable that it sets is one of the program's")
    func variables() async throws {
        let container = try #require(try await PackagingTool.template().only("Deployment")?.container)
        let names = container["env"]?.array?.compactMap { $0["name"]?.string } ?? []
        // The development tools' variable is of no use in a pod.
        #expect(Set(names) == Set(Setting.all.compactMap(\.variable)).subtracting(["KUBEBUILDER_ASSETS"]))
    }

    @Test("Its defaults are the program's, and what a pod needs besides")
    func defaults() async throws {
        var expected = Settings()
        expected.resultsPath = "/var/lib/talos-operator/results"
        expected.leaderElect = true
        expected.logFormat = .json
        #expect(try settings(await PackagingTool.template()) == expected)
    }

    @Test("Values arrive as settings")
    func values() async throws {
        let objects = try await PackagingTool.template([
            "reconcileInterval": "1m30s", "maxConcurrentReconciles": 8, "logLevel": "debug",
            "logFormat": "text",
            "gracePeriod": "1m", "terminationGracePeriodSeconds": 61,
            "watchNamespaces": ["team-a", "team-b"],
            "watchLabelSelector": "shard in (a, b)", "results": ["path": "/srv"], "health": ["port": 1],
            "metrics": ["port": 2],
            "leaderElection": ["leaseDuration": "60s", "renewDeadline": "40s", "retryPeriod": "5s"],
            "configManagement": ["enabled": true, "layerNamespace": "site"],
            "snapshots": ["existingClaim": "snapshots", "path": "/snapshots"],
            "fleet": [
                "waves": ["tier=canary", "tier in (a, b)"], "maxConcurrent": 3, "failureBudget": 0,
                "soakTime": "1h",
            ],
            "extraArgs": ["--leader-election-namespace=kube-system"],
        ])
        var expected = Settings()
        expected.reconcileInterval = .seconds(90)
        expected.maxConcurrentReconciles = 8
        expected.logLevel = .debug
        expected.logFormat = .text
        expected.gracePeriod = .seconds(60)
        expected.watchNamespaces = ["team-a", "team-b"]
        expected.watchLabelSelector = "shard in (a, b)"
        expected.resultsPath = "/srv"
        expected.healthProbeBindAddress = BindAddress(parsing: ":1")
        expected.metricsBindAddress = BindAddress(parsing: ":2")
        expected.leaderElect = true
        expected.leaseDuration = .seconds(60)
        expected.renewDeadline = .seconds(40)
        expected.retryPeriod = .seconds(5)
        expected.leaderElectionNamespace = "kube-system"
        expected.configManagement = true
        expected.layerNamespace = "site"
        expected.snapshotDirectory = "/snapshots"
        expected.fleet = FleetPolicy(
            waves: ["tier=canary", "tier in (a, b)"].compactMap(LabelSelector.init), maximumAtOnce: 3,
            failureBudget: 0, soakTime: .seconds(3600))
        #expect(try settings(objects) == expected)
    }

    @Test("Without metrics nothing listens there, without leader election there is no lease")
    func switchedOff() async throws {
        let objects = try await PackagingTool.template([
            "metrics": ["enabled": false], "leaderElection": ["enabled": false],
        ])
        let settings = try settings(objects)
        #expect(settings.metricsBindAddress == nil)
        #expect(settings.leaderElect == false)
        #expect(objects.named("talos-operator-leader-election", "Role") == nil)
        #expect(objects.only("Service") == nil)
    }

    @Test(
        "The chart refuses the durations that the program would refuse, and no others",
        arguments: [
            (["reconcileInterval": "999ms"], false), (["reconcileInterval": "1s"], true),
            (["reconcileInterval": "24h"], true), (["reconcileInterval": "24h1s"], false),
            (["gracePeriod": "0s"], true), (["gracePeriod": "1h0m0.5s"], false),
            (["leaderElection": ["leaseDuration": "10s"]], false),
            (["leaderElection": ["leaseDuration": "10.001s"]], true),
            (["leaderElection": ["leaseDuration": "1h"]], true),
            (["leaderElection": ["leaseDuration": "61m"]], false),
            (["leaderElection": ["renewDeadline": "15s"]], false),
            (["leaderElection": ["renewDeadline": "2.4s"]], false),
            (["leaderElection": ["renewDeadline": "2401ms"]], true),
            (["leaderElection": ["retryPeriod": "9s"]], false),
            (["leaderElection": ["retryPeriod": "8s"]], true),
            (["leaderElection": ["retryPeriod": "0.5s"]], false),
        ] as [(JSONValue, Bool)])
    func durations(_ values: JSONValue, _ isAllowed: Bool) async throws {
        var arguments = ["run"]
        for member in values.object?.members ?? [] {
            let group =
                member.value.texts.isEmpty ? [member.key: member.value.string ?? ""] : member.value.texts
            for (name, text) in group {
                let setting = try #require(Setting.all.first { $0.flag.hasSuffix(Self.flag(name)) })
                arguments.append("--\(setting.flag)=\(text)")
            }
        }
        if isAllowed {
            #expect(throws: Never.self) { try CommandParser.parse(arguments, environment: [:]) }
        } else {
            #expect(throws: UsageError.self) { try CommandParser.parse(arguments, environment: [:]) }
        }
        var members = values.object ?? JSONObject()
        members["terminationGracePeriodSeconds"] = 7200
        let refusal = try await PackagingTool.refusal(of: .object(members))
        #expect((refusal == nil) == isAllowed, "\(refusal ?? "")")
        #expect(refusal?.contains(" is ") ?? true)
    }

    /// `leaseDuration` as a flag has it: `lease-duration`.
    private static func flag(_ name: String) -> String {
        name.map { $0.isUppercase ? "-\($0.lowercased())" : String($0) }.joined()
    }
}
