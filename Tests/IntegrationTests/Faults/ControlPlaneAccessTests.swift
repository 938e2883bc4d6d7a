// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

extension ControlPlaneFaults {
    @Suite("Access")
    struct Access {
        private typealias Faults = ControlPlaneFaults

        @Test(
            "a token that has expired is waited out, and its successor used without a restart and never logged"
        )
        func tokenExpired() async throws {
            try await Faults.run("token") { scenario in
                let controlPlane = scenario.controlPlane
                let process = try scenario.startOperator()
                let (before, during) = (ClusterDocument("before"), ClusterDocument("during"))
                try await scenario.create(before)
                _ = try await scenario.settle([before], since: Faults.clock.now)

                let file = controlPlane.operatorTokenFile
                let former = try token(of: controlPlane)
                let next = try FileSystem.read(controlPlane.operatorNextTokenFile, limit: 4096)
                try await revoke(former, controlPlane)
                // The watches are over with the server that knew the token, and new ones are refused.
                try await scenario.create(during)
                _ = await process.process.line {
                    $0.contains("\"List or watch failed\"") && $0.contains("401")
                }
                let requests = try await process.requestCount()
                let probes = try await process.probes(
                    for: FaultForm.choose(short: .seconds(3), long: .seconds(60)))
                #expect(probes.liveness == [200])
                let sent = try await process.requestCount() - requests
                try FileSystem.replace(file, with: next)
                let recovery = try await scenario.settle([before, during], since: Faults.clock.now)

                try await scenario.expectTruth([before, during], by: process)
                try await scenario.expectNothingTwice()
                for secret in [former, String(decoding: next, as: UTF8.self)] {
                    #expect(!process.process.lines.contains { $0.contains(secret) })
                }
                #expect(await process.stop() == .exited(0))
                FaultReport.record(
                    row: "token-expired",
                    fault: "The operator's token expires, and its successor comes into the file 60 s later.",
                    promise:
                        "The operator stays up, asks a few times a minute, and goes on with the new token without "
                        + "a restart; neither token is logged.",
                    measured: ["recovery": .duration(recovery), "requests meanwhile": .count(sent)])
            }
        }

        /// Makes the API server forget a token.
        private func revoke(_ token: String, _ controlPlane: ControlPlane) async throws {
            let file = controlPlane.tokenAuthFile
            let lines = String(decoding: try FileSystem.read(file, limit: 1 << 16), as: UTF8.self)
                .split(separator: "\n").filter { !$0.hasPrefix(token) }
            try FileSystem.replace(file, with: Array((lines.joined(separator: "\n") + "\n").utf8))
            try await controlPlane.restartAPIServer(kill: true)
        }

        @Test(
            "a server certificate from a new authority is trusted as soon as the authority's file is replaced"
        )
        func authorityRotated() async throws {
            try await Faults.run("authority") { scenario in
                let controlPlane = scenario.controlPlane
                let pki = try await controlPlane.makeSecondAuthority(user: scenario.namespace)
                let second = try await controlPlane.startSecondServer(
                    flags: [
                        "--tls-cert-file=\(pki)/server-2.crt", "--tls-private-key-file=\(pki)/server-2.key",
                    ])
                let authority = "\(pki)/\(scenario.namespace)-authority.crt"
                try await copy(controlPlane.certificateAuthorityFile, to: authority)
                let kubeconfig = { (relay: Relay) in
                    try scenario.kubeconfig(
                        port: relay.port, authority: authority,
                        user: ["tokenFile": .string(controlPlane.operatorTokenFile)])
                }
                let outcome = try await replaceServer(scenario, second, kubeconfig) {
                    try await copy("\(pki)/ca-2.crt", to: authority)
                }
                try await scenario.expectNothingTwice()
                FaultReport.record(
                    row: "authority-rotated",
                    fault:
                        "The server's certificate comes from a new authority, and the authority's file is replaced "
                        + "60 s later.",
                    promise:
                        "No request is sent to a server that is not trusted; the new file counts without a "
                        + "restart.",
                    measured: outcome)
            }
        }

        @Test("a client certificate that is not valid any more is replaced in its file without a restart")
        func clientCertificateRotated() async throws {
            try await Faults.run("certificate") { scenario in
                let (controlPlane, user) = (scenario.controlPlane, scenario.namespace)
                _ = try await controlPlane.issueCertificate(user: user)
                let pki = try await controlPlane.makeSecondAuthority(user: user)
                try await scenario.bindRoles(to: user)
                // It believes the second authority alone, so the first certificate is worth nothing.
                let second = try await controlPlane.startSecondServer(
                    flags: ["--client-ca-file=\(pki)/ca-2.crt"])
                let kubeconfig = { (relay: Relay) in
                    try scenario.kubeconfig(
                        port: relay.port, authority: controlPlane.certificateAuthorityFile,
                        user: [
                            "client-certificate": .string("\(pki)/\(user).crt"),
                            "client-key": .string("\(pki)/\(user).key"),
                        ])
                }
                let outcome = try await replaceServer(scenario, second, kubeconfig) {
                    // First one, then the other, as whoever renews them does: between the two they do not fit.
                    try await copy("\(pki)/\(user)-2.crt", to: "\(pki)/\(user).crt")
                    try await copy("\(pki)/\(user)-2.key", to: "\(pki)/\(user).key")
                }
                try await scenario.expectNothingTwice(by: user)
                FaultReport.record(
                    row: "client-certificate-rotated",
                    fault:
                        "The operator's client certificate is not accepted any more, and certificate and key are "
                        + "replaced 60 s later, one after the other.",
                    promise:
                        "The operator stays up and goes on under the new certificate without a restart; a pair "
                        + "that does not fit is not used.",
                    measured: outcome)
            }
        }

        /// Puts another server in the place of the first, lets the operator go without for a while, and then does what
        /// lets it in again.
        private func replaceServer(
            _ scenario: Scenario, _ second: UInt16, _ kubeconfig: (Relay) throws -> String,
            _ admit: () async throws -> Void
        ) async throws -> KeyValuePairs<String, FaultReport.Measurement> {
            let relay = try await Relay(to: [scenario.controlPlane.serverPort, second])
            let process = try scenario.startOperator("--kubeconfig", try kubeconfig(relay))
            let (before, during) = (ClusterDocument("before"), ClusterDocument("during"))
            try await scenario.create(before)
            _ = try await scenario.settle([before], since: Faults.clock.now)

            await relay.switchOver()
            try await scenario.create(during)
            await process.logLine("List or watch failed")
            let requests = try await process.requestCount()
            let probes = try await process.probes(
                for: FaultForm.choose(short: .seconds(3), long: .seconds(60)))
            #expect(probes.liveness == [200])
            #expect(try await scenario.machines().map(\.name) == ["before-cp-0"])
            let sent = try await process.requestCount() - requests
            try await admit()
            let recovery = try await scenario.settle([before, during], since: Faults.clock.now)

            try await scenario.expectTruth([before, during], by: process)
            #expect(await process.stop() == .exited(0))
            await relay.end()
            try await scenario.controlPlane.stopSecondServer()
            return ["recovery": .duration(recovery), "requests meanwhile": .count(sent)]
        }

        private func copy(_ source: String, to path: String) async throws {
            try FileSystem.replace(path, with: try FileSystem.read(source, limit: 1 << 16))
        }

        @Test(
            "rights that are withdrawn and granted again cost nothing but time",
            arguments: Withdrawal.allCases)
        func rightsWithdrawn(_ withdrawal: Withdrawal) async throws {
            try await Faults.run("rights") { scenario in
                let controlPlane = scenario.controlPlane
                let relay = try await Relay(to: [controlPlane.serverPort])
                let process = try scenario.startOperator(behind: relay)
                let before = ClusterDocument("before", controlPlane: 1, workers: [("w", 2)])
                let during = ClusterDocument("during", controlPlane: 1, workers: [("w", 2)])
                try await scenario.create(before)
                _ = try await scenario.settle([before], since: Faults.clock.now)

                try await setRights(withdrawal.remaining, controlPlane)
                // Open watches would go on: rights are looked at when a request begins.
                await relay.toggle()
                await relay.toggle()
                try await scenario.create(during)
                _ = await process.process.line {
                    $0.contains("\"List or watch failed\"") && $0.contains("403")
                }
                let requests = try await process.requestCount()
                let probes = try await process.probes(
                    for: FaultForm.choose(short: .seconds(3), long: .seconds(60)))
                #expect(probes.liveness == [200])
                let sent = try await process.requestCount() - requests
                try await setRights(Withdrawal.kinds, controlPlane)
                let recovery = try await scenario.settle([before, during], since: Faults.clock.now)

                try await scenario.expectTruth([before, during], by: process)
                try await scenario.expectNothingTwice()
                #expect(await process.stop() == .exited(0))
                await relay.end()
                record(withdrawal, ["recovery": .duration(recovery), "requests meanwhile": .count(sent)])
            }
        }

        /// What the operator may not do any more.
        enum Withdrawal: String, Sendable, CaseIterable {
            case machines, clusters, all

            static let kinds = ["kubernetesclusters", "kubernetesclusters/status", "machines"]

            /// The kinds that it may still use.
            var remaining: [String] {
                switch self {
                case .machines: Self.kinds.filter { $0 != "machines" }
                case .clusters: ["machines"]
                case .all: []
                }
            }
        }

        private func record(
            _ withdrawal: Withdrawal, _ measured: KeyValuePairs<String, FaultReport.Measurement>
        ) {
            let promise =
                "The operator stays up, asks a few times a minute, deletes nothing for what it cannot see, and "
                + "goes on without a restart."
            let test = "rightsWithdrawn"
            switch withdrawal {
            case .machines:
                FaultReport.record(
                    row: "rights-withdrawn-machines",
                    fault: "The right to Machines is withdrawn and granted again 60 s later.",
                    promise: promise, measured: measured, test: test)
            case .clusters:
                FaultReport.record(
                    row: "rights-withdrawn-clusters",
                    fault: "The right to KubernetesClusters is withdrawn and granted again 60 s later.",
                    promise: promise, measured: measured, test: test)
            case .all:
                FaultReport.record(
                    row: "rights-withdrawn-all",
                    fault: "Every right is withdrawn and granted again 60 s later.", promise: promise,
                    measured: measured, test: test)
            }
        }

        /// Lets the operator's user do everything with these kinds, and nothing with others.
        private func setRights(_ kinds: [String], _ controlPlane: ControlPlane) async throws {
            let rule: JSONValue = [
                "apiGroups": ["vitistack.io"], "resources": .array(kinds.map { .string($0) }), "verbs": ["*"],
            ]
            _ = try await controlPlane.adminClient().mergePatch(
                ClusterRole.self, ObjectKey(namespace: "", name: "talos-operator"),
                ["rules": kinds.isEmpty ? [] : [rule]])
        }
    }
}
