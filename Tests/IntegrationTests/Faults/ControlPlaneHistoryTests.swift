// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

extension ControlPlaneFaults {
    @Suite("History")
    struct History {
        @Test("versions that etcd has compacted while the watches were cut cost one list of each kind")
        func etcdCompacted() async throws {
            try await ControlPlaneFaults.run("compacted") { scenario in
                let controlPlane = scenario.controlPlane
                // Without its watch cache, a watch goes to etcd, and so does the question whether it still can.
                let port = try await controlPlane.startSecondServer(flags: ["--watch-cache=false"])
                let relay = try await Relay(to: [port])
                let process = try scenario.startOperator(behind: relay)
                let kept = ClusterDocument("kept", controlPlane: 3, workers: [("w", 3)])
                try await scenario.create(kept)
                try await scenario.create(ClusterDocument("leaving"))
                try await scenario.complete("kept")
                try await scenario.complete("leaving")

                await relay.toggle()
                _ = try await scenario.client.delete(StoredCluster.self, scenario.key("leaving"))
                _ = try await scenario.client.delete(StoredMachine.self, scenario.key("kept-w-0"))
                let new = ClusterDocument("new", controlPlane: 1, workers: [("w", 2)])
                try await scenario.create(new)
                try await controlPlane.compact()
                let end = ControlPlaneFaults.clock.now
                await relay.toggle()
                let recovery = try await scenario.settle([kept, new], since: end)

                try await scenario.client.waitUntilGone(StoredCluster.self, scenario.key("leaving"))
                try await scenario.expectTruth([kept, new], by: process)
                #expect(process.files(in: "leaving") == nil)
                let relists = try await process.relists()
                #expect(relists == ["kubernetesclusters expired": 1, "machines expired": 1])
                await relay.end()
                try await controlPlane.stopSecondServer()
                FaultReport.record(
                    row: "etcd-compacted",
                    fault:
                        "The watches are cut, objects come, go and change, and etcd is compacted: the versions to "
                        + "go on from are gone (410).",
                    promise: "Each kind is listed anew once; what came, changed and went meanwhile is seen.",
                    measured: [
                        "recovery": .duration(recovery),
                        "most relists of a kind": .count(relists.mostOfAKind),
                    ])
            }
        }

        @Test("an etcd restored from an older snapshot is noticed, and what it holds counts")
        func etcdRestored() async throws {
            let lost = FaultForm.choose(short: 200, long: 1000)
            try await ControlPlaneFaults.run("restored") { scenario in
                let process = try scenario.startOperator()
                let kept = ClusterDocument("kept", controlPlane: 3, workers: [("w", 3)])
                let removed = ClusterDocument("removed", controlPlane: 1, workers: [("w", 1)])
                for document in [kept, removed] { try await scenario.create(document) }
                _ = try await scenario.settle([kept, removed], since: ControlPlaneFaults.clock.now)
                let snapshot = try await scenario.machines()
                try await scenario.controlPlane.backUp()

                try await loseHistory(in: scenario, versions: lost)
                let writes = try await scenario.writes()
                try await scenario.controlPlane.restoreBackup()
                let end = ControlPlaneFaults.clock.now
                try await waitForRelists(process)
                let recovery = try await scenario.settle([kept, removed], since: end)

                try await scenario.expectTruth([kept, removed], by: process)
                // What the snapshot held is the very same: taken for gone by nobody, made anew by nobody.
                #expect(try await scenario.machines().map(\.metadata.uid) == snapshot.map(\.metadata.uid))
                let since = try await scenario.writes().dropFirst(writes.count)
                let harmful = since.filter {
                    $0.resource == "machines" && ($0.isCreation || $0.verb == "delete")
                }
                #expect(harmful.isEmpty)
                let relists = try await process.relists()
                #expect(relists.mostOfAKind == 1, "\(relists)")
                try await scenario.expectAlive(kept)
                FaultReport.record(
                    row: "etcd-restored",
                    fault:
                        "etcd is restored from an older snapshot: objects come back, others were never made, and "
                        + "versions count backwards.",
                    promise:
                        "It is noticed, each kind is listed anew once, and what the snapshot holds counts; no "
                        + "Machine is made or deleted for it.",
                    measured: [
                        "recovery": .duration(recovery),
                        "most relists of a kind": .count(relists.mostOfAKind),
                        "versions lost": .count(lost),
                    ])
            }
        }

        @Test("a restored etcd that has counted past our versions before we look is noticed all the same")
        func etcdOvertaken() async throws {
            try await ControlPlaneFaults.run("overtaken") { scenario in
                let relay = try await Relay(to: [scenario.controlPlane.serverPort])
                let process = try scenario.startOperator(behind: relay)
                let kept = ClusterDocument("kept", controlPlane: 3, workers: [("w", 3)])
                let removed = ClusterDocument("removed", controlPlane: 1, workers: [("w", 1)])
                for document in [kept, removed] { try await scenario.create(document) }
                _ = try await scenario.settle([kept, removed], since: ControlPlaneFaults.clock.now)
                try await scenario.controlPlane.backUp()
                try await loseHistory(in: scenario, versions: 5)
                for number in 0..<50 {
                    try await scenario.patchMachine(
                        "kept-w-0",
                        ["metadata": ["annotations": ["example.org/number": .string("\(number)")]]])
                }
                await relay.toggle()
                try await scenario.controlPlane.restoreBackup()
                for number in 0..<300 {
                    let map = TestResources.configMap("other-\(number)")
                    _ = try await scenario.client.create(ConfigMap.self, map, namespace: scenario.namespace)
                }
                let end = ControlPlaneFaults.clock.now
                await relay.toggle()
                try await waitForRelists(process)
                let recovery = try await scenario.settle([kept, removed], since: end)

                try await scenario.expectTruth([kept, removed], by: process)
                try await scenario.expectAlive(kept)
                let relists = try await process.relists()
                #expect(relists == ["kubernetesclusters rv_regression": 1, "machines rv_regression": 1])
                await relay.end()
                FaultReport.record(
                    row: "etcd-restored-overtaken",
                    fault:
                        "etcd is restored from an older snapshot and counts past our versions before the operator, "
                        + "cut off meanwhile, is back.",
                    promise:
                        "What changed last and how many objects there are give it away; each kind is listed anew "
                        + "once.",
                    measured: [
                        "recovery": .duration(recovery),
                        "most relists of a kind": .count(relists.mostOfAKind),
                    ])
            }
        }

        /// Makes a cluster, deletes one, and writes enough else that the versions of the snapshot are far behind.
        private func loseHistory(in scenario: Scenario, versions: Int) async throws {
            try await scenario.create(ClusterDocument("lost", controlPlane: 1, workers: [("w", 2)]))
            try await scenario.complete("lost")
            try await scenario.deleteCompletely("removed")
            for number in 0..<versions {
                _ = try await scenario.client.mergePatch(
                    StoredCluster.self, scenario.key("kept"),
                    ["metadata": ["annotations": ["example.org/number": .string("\(number)")]]])
            }
        }

        private func waitForRelists(_ process: OperatorProcess) async throws {
            while try await process.relists().count < 2 {
                try await ControlPlaneFaults.clock.sleep(for: .milliseconds(100))
            }
        }

        @Test("two API servers on one etcd that take turns behind one address lose and repeat nothing")
        func failOver() async throws {
            let rounds = FaultForm.choose(short: 3, long: 20)
            try await ControlPlaneFaults.run("fail-over") { scenario in
                let controlPlane = scenario.controlPlane
                let second = try await controlPlane.startSecondServer()
                let relay = try await Relay(to: [controlPlane.serverPort, second])
                let process = try scenario.startOperator(behind: relay)
                await process.logLine("Caches are filled")
                var document = ClusterDocument("app", controlPlane: 3)
                try await scenario.create(document)
                _ = try await scenario.settle([document], since: ControlPlaneFaults.clock.now)
                var slowest = Duration.zero
                for round in 1...rounds {
                    slowest = max(slowest, try await flip(relay, round, &document, in: scenario))
                }
                try await scenario.expectTruth([document], by: process)
                try await scenario.expectNothingTwice()
                let relists = try await process.relists()
                // A server whose cache is behind ours must not be believed, and need not be: it catches up.
                #expect(relists.keys.allSatisfy { !$0.hasSuffix("rv_regression") }, "\(relists)")
                try await scenario.expectAlive(document)
                await relay.end()
                try await controlPlane.stopSecondServer()
                FaultReport.record(
                    row: "api-server-fail-over",
                    fault:
                        "Two API servers on one etcd take turns behind one address (20 times), the one that takes "
                        + "over having been suspended and so behind, while a cluster grows.",
                    promise: "Nothing is lost or done twice; the operator never goes back to an older state.",
                    measured: [
                        "turns": .count(rounds), "slowest recovery": .duration(slowest),
                        "most relists of a kind": .count(relists.mostOfAKind),
                    ])
            }
        }

        /// Writes through the server in use while the other one is suspended, and then changes to that one.
        private func flip(
            _ relay: Relay, _ round: Int, _ document: inout ClusterDocument, in scenario: Scenario
        ) async throws -> Duration {
            let controlPlane = scenario.controlPlane
            let isBackToFirst = round % 2 == 0
            if !isBackToFirst { try await controlPlane.signal("apiserver-2", SIGSTOP) }
            document.workers = [("w", 4 * round)]
            try await scenario.edit("app", ["workers": ClusterDocument.workers(document.workers)])
            try await scenario.waitForMachines { $0.count > 3 + 4 * (round - 1) }
            if !isBackToFirst { try await controlPlane.signal("apiserver-2", SIGCONT) }
            let end = ControlPlaneFaults.clock.now
            await relay.switchOver()
            return try await scenario.settle([document], since: end)
        }
    }
}
