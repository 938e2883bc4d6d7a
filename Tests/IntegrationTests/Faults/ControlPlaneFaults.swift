// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// What goes wrong on the control plane's side, one fault at a time, on a control plane of its own.
@Suite(
    "Faults: control plane", .serialized, .timeLimit(.minutes(FaultForm.choose(short: 10, long: 20))))
enum ControlPlaneFaults {
    static let controlPlane = Task {
        let controlPlane = try await ControlPlane.start("faults")
        try await controlPlane.installOperatorResources()
        return controlPlane
    }

    static let clock = SystemClock()

    /// Runs `body` in a namespace of the control plane that is for faults.
    static func run(
        _ purpose: String, _ body: @escaping @Sendable (Scenario) async throws -> Void
    ) async throws {
        try await Scenario.run(purpose, on: controlPlane.value, body)
    }

    /// Tries until the server takes it, for it may be away.
    @discardableResult
    static func insist<Value>(_ body: () async throws -> Value) async throws -> Value {
        while true {
            do {
                return try await body()
            } catch let error as APIError where !error.isCancelled {
                try await clock.sleep(for: .milliseconds(50))
            }
        }
    }
}

extension Scenario {
    /// Waits until the API shows what these clusters demand and nothing else, and returns how long that took since
    /// `start`.
    func settle(_ documents: [ClusterDocument], since start: Instant) async throws -> Duration {
        let names = documents.flatMap(\.machineNames).sorted()
        try await waitForMachines { machines in
            machines.map(\.name) == names && machines.allSatisfy { !$0.metadata.isBeingDeleted }
        }
        for document in documents {
            let count = JSONValue.integer(Int64(document.machineNames.count))
            try await wait(for: document.name) { $0.isComplete && $0.status["machineCount"] == count }
        }
        return ControlPlaneFaults.clock.now - start
    }

    /// Expects that every cluster has its Machines and manifests, and that there are no others.
    func expectTruth(
        _ documents: [ClusterDocument], by process: OperatorProcess,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let machines = try await machines()
        for document in documents {
            let cluster = try await cluster(document.name)
            let own = machines.filter { $0.metadata.controller?.uid == cluster.metadata.uid }
            #expect(own.map(\.name) == document.machineNames, sourceLocation: sourceLocation)
            #expect(cluster.isComplete, sourceLocation: sourceLocation)
            #expect(
                cluster.metadata.finalizers == ["cluster.vitistack.io/finalizer"],
                sourceLocation: sourceLocation)
            try expectManifests(
                process, in: document.clusterName ?? document.name, equal: own,
                sourceLocation: sourceLocation)
        }
        let demanded = documents.map(\.machineNames.count).reduce(0, +)
        #expect(machines.count == demanded, sourceLocation: sourceLocation)
    }

    /// Expects that no Machine was created twice by this user or these, and none deleted.
    func expectNothingTwice(
        by user: String = operatorUser, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let writes = try await writes(of: user).filter { $0.resource == "machines" }
        let creations = writes.filter(\.isCreation).map(\.name)
        #expect(creations.count == Set(creations).count, sourceLocation: sourceLocation)
        let deletions = writes.filter { $0.verb == "delete" && $0.status < 400 }.map(\.name)
        #expect(deletions.isEmpty, sourceLocation: sourceLocation)
    }

    /// Expects that these clusters are still reconciled: a Machine that somebody deletes is made again.
    func expectAlive(_ document: ClusterDocument, sourceLocation: SourceLocation = #_sourceLocation)
        async throws
    {
        guard let name = document.machineNames.last else { return }
        let former = try await machine(name)
        _ = try await client.delete(StoredMachine.self, key(name))
        let made = try await client.waitFor(StoredMachine.self, key(name)) {
            $0.metadata.uid != former.metadata.uid
        }
        #expect(made.metadata.controller == former.metadata.controller, sourceLocation: sourceLocation)
    }

    /// A kubeconfig for a server on this port of 127.0.0.1, with files for everything that may be replaced.
    func kubeconfig(port: UInt16, authority: String, user: JSONValue) throws -> String {
        try controlPlane.writeKubeconfig(
            namespace, user: user, server: "https://127.0.0.1:\(port)", authority: authority)
    }

    /// The operator behind a relay, as its usual user.
    func startOperator(behind relay: Relay, flags: [String] = []) throws -> OperatorProcess {
        let kubeconfig = try kubeconfig(
            port: relay.port, authority: controlPlane.certificateAuthorityFile,
            user: ["tokenFile": .string(controlPlane.operatorTokenFile)])
        return try startOperator(flags: ["--kubeconfig", kubeconfig] + flags)
    }
}

extension OperatorProcess {
    /// What the probes answered while a fault lasted.
    struct ProbeAnswers {
        var liveness: Set<Int> = []
        var readiness: [Int] = []
    }

    /// Asks both probes again and again until `duration`, which is the fault's, has passed.
    func probes(for duration: Duration) async throws -> ProbeAnswers {
        let clock = ControlPlaneFaults.clock
        let end = clock.now + duration
        var answers = ProbeAnswers()
        repeat {
            answers.liveness.insert(try await probe("/healthz").status)
            answers.readiness.append(try await probe("/readyz").status)
            try await clock.sleep(for: .milliseconds(100))
        } while clock.now < end
        return answers
    }

    /// The lists after the first, by kind and reason, as in `machines expired`.
    func relists() async throws -> [String: Int] {
        var relists: [String: Int] = [:]
        for line in try await metrics().split(separator: "\n")
        where line.hasPrefix("reflector_relists_total{") {
            let parts = line.split(separator: "\"")
            guard parts.count == 5, let count = Double(parts[4].drop { $0 == "}" || $0 == " " }) else {
                continue
            }
            relists["\(parts[1].prefix { $0 != "/" }) \(parts[3])", default: 0] += Int(count)
        }
        return relists.filter { $0.value > 0 }
    }

    /// How many requests it has sent.
    func requestCount() async throws -> Int {
        let lines = try await metrics().split(separator: "\n")
            .filter { $0.hasPrefix("rest_client_requests_total{") }
        return lines.reduce(0) { sum, line in
            sum + Int(line.split(separator: " ").last.flatMap { Double($0) } ?? 0)
        }
    }
}

extension [String: Int] {
    /// The most lists after the first of one kind.
    var mostOfAKind: Int {
        var kinds: [Substring: Int] = [:]
        for (name, count) in self { kinds[name.prefix { $0 != " " }, default: 0] += count }
        return kinds.values.max() ?? 0
    }
}
