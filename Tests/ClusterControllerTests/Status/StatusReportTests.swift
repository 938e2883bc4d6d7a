// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import Testing

@testable import ClusterController

@Suite("The status of a cluster")
struct StatusReportTests {
    private let now = Fixture.noon
    private let later = Timestamp(nanosecondsSince1970: Fixture.noon.nanosecondsSince1970 + 61_500_000_000)

    /// The outcome of a reconcile after which the Machines have these states, one letter each: `r`eady,
    /// `n`ot ready, `f`ailed, `-` missing; three control planes, then two workers.
    private func outcome(_ states: String, of cluster: KubernetesCluster = Fixture.cluster()) throws
        -> ClusterOutcome
    {
        let desired = try Fixture.desired(cluster)
        var outcome = ClusterOutcome()
        outcome.desired = desired
        outcome.machines = try zip(desired, states).compactMap { machine, letter in
            switch letter {
            case "r": try Fixture.stored(machine, state: .ready)
            case "f": try Fixture.stored(machine, state: .failed)
            case "n": try Fixture.stored(machine)
            default: nil
            }
        }
        outcome.files = .generated(directory: "simple")
        return outcome
    }

    @Test(
        "Phase and counts come from the Machines",
        arguments: [
            ("-----", ClusterPhase.pending, false, 0, 0, "MachinesNotReady"),
            ("nnnnn", .provisioning, false, 0, 5, "MachinesNotReady"),
            ("rrrnn", .provisioning, true, 0, 5, "MachinesNotReady"),
            ("rrnrr", .provisioning, false, 2, 5, "MachinesNotReady"),
            ("rrrr-", .provisioning, true, 1, 4, "MachinesNotReady"),
            ("rrrrr", .running, true, 2, 5, "MachinesReady"),
            ("rrrrf", .failed, true, 1, 5, "MachinesFailed"),
            ("frrrr", .failed, false, 2, 5, "MachinesFailed"),
        ])
    func phases(
        states: String, phase: ClusterPhase, controlPlaneReady: Bool, workersReady: Int, count: Int,
        reason: String
    ) throws {
        let status = StatusReport(Fixture.cluster(), try outcome(states), at: now).status
        #expect(status.phase == phase)
        #expect(status.controlPlaneReady == controlPlaneReady)
        #expect(status.workersReady == workersReady)
        #expect(status.machineCount == count)
        #expect(status.conditions[.ready]?.reason == reason)
        #expect(status.conditions[.ready]?.isTrue == (phase == .running))
    }

    @Test(
        "What became of the configurations is told of clusters that have them, and a refusal makes a cluster unready",
        arguments: [
            (ClusterOutcome.Config.untouched, nil, ClusterPhase.running, "MachinesReady"),
            (.unmanaged, nil, .running, "MachinesReady"),
            (.generated("5 configurations"), "ConfigSucceeded", .running, "MachinesReady"),
            (.failed(reason: "ConfigInvalid", message: "m"), "ConfigInvalid", .failed, "ConfigInvalid"),
            (.failed(reason: "SecretsLost", message: "m"), "SecretsLost", .failed, "SecretsLost"),
            (.failed(reason: "ConfigFailed", message: "m"), "ConfigFailed", .running, "ConfigFailed"),
        ])
    func configurations(
        config: ClusterOutcome.Config, reason: String?, phase: ClusterPhase, readiness: String
    ) throws {
        var outcome = try outcome("rrrrr")
        outcome.config = config
        let status = StatusReport(Fixture.cluster(), outcome, at: now).status
        #expect(status.conditions[.configGenerated]?.reason == reason)
        #expect(
            status.conditions[.configGenerated]?.isTrue ?? true
                == (phase == .running && readiness == "MachinesReady"))
        #expect(status.phase == phase)
        #expect(status.conditions[.ready]?.reason == readiness)
    }

    @Test("The condition about configurations goes when they are not the operator's any more")
    func configurationsGivenUp() throws {
        var outcome = try outcome("rrrrr")
        outcome.config = .generated("5 configurations")
        var cluster = Fixture.cluster()
        cluster.status = StatusReport(cluster, outcome, at: now).status
        outcome.config = .untouched
        #expect(StatusReport(cluster, outcome, at: now).status.conditions[.configGenerated]?.isTrue == true)
        outcome.config = .unmanaged
        #expect(StatusReport(cluster, outcome, at: now).status.conditions[.configGenerated] == nil)
    }

    @Test("Surplus Machines count until they are gone, and do not make a cluster unready")
    func surplus() throws {
        let cluster = Fixture.cluster()
        var outcome = try outcome("rrrrr")
        outcome.desired = outcome.desired?.dropLast()
        outcome.machines[4].metadata.deletionTimestamp = now
        let status = StatusReport(cluster, outcome, at: now).status
        #expect(status.phase == .running)
        #expect(status.machineCount == 5)
        #expect(status.workersReady == 1)
    }

    @Test("A control plane that is not complete is not ready, even if what is there is")
    func incompleteControlPlane() throws {
        var outcome = try outcome("rr-rr")
        #expect(!StatusReport(Fixture.cluster(), outcome, at: now).status.controlPlaneReady)
        outcome.machineProblems = ["Machine simple-cp-2 cannot be created"]
        let status = StatusReport(Fixture.cluster(), outcome, at: now).status
        #expect(!status.controlPlaneReady)
        #expect(status.conditions[.machinesCreated]?.isTrue == false)
        #expect(status.conditions[.machinesCreated]?.reason == "CreationFailed")
    }

    @Test("A first status holds every field of the specification")
    func firstPatch() throws {
        let cluster = Fixture.cluster(generation: 4)
        let patch = StatusReport(cluster, try outcome("nnnnn"), at: now).patch(at: now)
        #expect(
            patch
                == Fixture.json(
                    """
                    {"metadata": {"resourceVersion": "10"}, "status": {
                      "phase": "Provisioning", "controlPlaneReady": false, "workersReady": 0, "machineCount": 5,
                      "observedGeneration": 4, "lastUpdated": "2024-01-01T12:00:00Z", "conditions": [
                        {"type": "Ready", "status": "False", "reason": "MachinesNotReady",
                         "message": "0 of 5 Machines are ready", "observedGeneration": 4,
                         "lastTransitionTime": "2024-01-01T12:00:00Z"},
                        {"type": "MachinesCreated", "status": "True", "reason": "CreationSucceeded",
                         "message": "All 5 Machines exist", "observedGeneration": 4,
                         "lastTransitionTime": "2024-01-01T12:00:00Z"},
                        {"type": "FilesGenerated", "status": "True", "reason": "GenerationSucceeded",
                         "message": "Manifests are in simple", "observedGeneration": 4,
                         "lastTransitionTime": "2024-01-01T12:00:00Z"},
                        {"type": "TopologyValid", "status": "True", "reason": "ValidationSucceeded",
                         "message": "A topology of 5 Machines", "observedGeneration": 4,
                         "lastTransitionTime": "2024-01-01T12:00:00Z"}]}}
                    """))
    }

    /// The cluster as the server has it after a patch.
    private func patched(_ cluster: KubernetesCluster, _ patch: JSONValue?) -> KubernetesCluster {
        var cluster = cluster
        cluster.status = ClusterStatus(patch?["status"] ?? .null)
        return cluster
    }

    @Test("What the server keeps of a status is not patched again, however late it is")
    func quiet() throws {
        let cluster = Fixture.cluster()
        let outcome = try outcome("rrnnn")
        let after = patched(cluster, StatusReport(cluster, outcome, at: now).patch(at: now))
        #expect(StatusReport(after, outcome, at: later).patch(at: later) == nil)
    }

    @Test("The transition time moves only when a condition flips")
    func transitionTimes() throws {
        let cluster = Fixture.cluster()
        var after = patched(cluster, StatusReport(cluster, try outcome("nnnnn"), at: now).patch(at: now))
        after.metadata.generation = 2
        let moved = StatusReport(after, try outcome("rrrrn"), at: later).status
        #expect(moved.conditions[.ready]?.lastTransitionTime == now)
        #expect(moved.conditions[.ready]?.message == "4 of 5 Machines are ready")
        #expect(moved.conditions[.topologyValid]?.observedGeneration == 2)
        let flipped = StatusReport(after, try outcome("rrrrr"), at: later).status
        #expect(flipped.conditions[.ready]?.lastTransitionTime.rfc3339() == "2024-01-01T12:01:01Z")
        #expect(flipped.conditions[.machinesCreated]?.lastTransitionTime == now)
    }

    @Test("Conditions of others are kept as they are")
    func foreignConditions() throws {
        var cluster = Fixture.cluster()
        let foreign: JSONValue = ["type": "Backup", "status": "True", "extra": ["x": 1]]
        cluster.status = ClusterStatus(["conditions": [foreign, 3]])
        let patch = try #require(StatusReport(cluster, try outcome("rrrrr"), at: now).patch(at: now))
        let conditions = try #require(patch["status"]?["conditions"]?.array)
        #expect(conditions.count == 6)
        #expect(conditions.contains(foreign))
    }

    @Test("An invalid specification says so, and keeps what was said about Machines and files")
    func invalid() throws {
        let cluster = Fixture.cluster()
        let before = patched(cluster, StatusReport(cluster, try outcome("rrrrr"), at: now).patch(at: now))
        var invalid = ClusterOutcome()
        invalid.problems = [
            FieldProblem(path: "spec.a", problem: "is required"),
            FieldProblem(path: "spec.b", problem: "is required"),
        ]
        invalid.machines = try outcome("rrrrr").machines
        let status = StatusReport(before, invalid, at: later).status
        #expect(status.phase == .failed)
        #expect(status.conditions[.topologyValid]?.reason == "ValidationFailed")
        #expect(status.conditions[.topologyValid]?.message == "spec.a: is required; spec.b: is required")
        #expect(status.conditions[.ready]?.reason == "ValidationFailed")
        #expect(status.conditions[.machinesCreated] == before.status.conditions[.machinesCreated])
        #expect(status.conditions[.filesGenerated] == before.status.conditions[.filesGenerated])
        #expect(status.controlPlaneReady)
        #expect((status.workersReady, status.machineCount) == (2, 5))
    }

    @Test("A warning is told in the condition that stays True")
    func warning() throws {
        var outcome = try outcome("rrrrr")
        outcome.warnings = [FieldProblem(path: "spec.talosVersion", problem: "is new")]
        let condition = StatusReport(Fixture.cluster(), outcome, at: now).status.conditions[.topologyValid]
        #expect(condition?.isTrue == true)
        #expect(condition?.message == "A topology of 5 Machines; warning: spec.talosVersion: is new")
    }

    @Test("A cluster on its way out says how many Machines it waits for")
    func deleting() throws {
        let status = StatusReport(deleting: Fixture.cluster(), try outcome("rrrnn").machines, at: now).status
        #expect(status.phase == .deleting)
        #expect(status.machineCount == 5)
        #expect(status.conditions[.ready]?.reason == "Deleting")
        #expect(status.conditions[.ready]?.message == "Waiting for 5 Machines to be gone")
    }

    @Test("A message longer than anybody reads is cut")
    func longMessages() throws {
        var outcome = try outcome("rrrrr")
        outcome.machineProblems = [String(repeating: "é", count: 40_000)]
        let message = StatusReport(Fixture.cluster(), outcome, at: now).status.conditions[.machinesCreated]?
            .message
        #expect((message?.utf8.count ?? 0) < 32_768)
    }

    @Test(
        "A status of any shape can be read",
        arguments: [
            "null", "[]", #"{"phase": 3, "conditions": {}}"#,
            #"{"conditions": [{"type": "Ready", "status": 1}]}"#,
        ])
    func oddStatus(text: String) throws {
        var cluster = Fixture.cluster()
        cluster.status = ClusterStatus(Fixture.json(text))
        #expect(StatusReport(cluster, try outcome("rrrrr"), at: now).patch(at: now) != nil)
    }

    @Test(
        "A Machine is ready if its phase is Running and its Ready condition, if any, is True",
        arguments: [
            ("null", Machine.State.notReady), ("{}", .notReady), (#"{"phase": "Running"}"#, .ready),
            (#"{"phase": "running"}"#, .notReady), (#"{"phase": "Creating"}"#, .notReady),
            (#"{"phase": "Failed"}"#, .failed),
            (#"{"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}"#, .ready),
            (#"{"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}"#, .notReady),
            (#"{"phase": "Running", "conditions": [{"type": "Ready", "status": "Unknown"}]}"#, .notReady),
            (#"{"phase": "Running", "conditions": [{"type": "NetworkReady", "status": "False"}]}"#, .ready),
            (#"{"phase": "Running", "conditions": "odd"}"#, .ready),
            (#"{"phase": "Creating", "conditions": [{"type": "Ready", "status": "True"}]}"#, .notReady),
        ])
    func machineStates(status: String, expected: Machine.State) throws {
        let machine = try Machine(["metadata": ["name": "m"], "status": Fixture.json(status)])
        #expect(machine.state == expected)
    }
}
