// SPDX-License-Identifier: Apache-2.0
import Glibc
package import HTTP
import Platform
package import StructuredData

/// Simulated Talos nodes: `hack/talos-simulator.sh`, told what to be and asked what happened.
package final class TalosSimulator: Sendable {
    /// The simulator refused a request, or did not start.
    package struct SimulatorError: Error, CustomStringConvertible {
        package var description: String
    }

    /// What stands behind the Kubernetes API of a simulated cluster.
    package enum Kubernetes: String, Sendable {
        /// No API; nodes count as ready as soon as there could be one.
        case none
        /// A small one in the simulator's memory.
        case model
        /// A control plane of its own.
        case real
    }

    private let process: Subprocess
    private let transport: CurlTransport
    /// The network of its nodes, such as `127.42`.
    package let prefix: String
    /// The port of every node's Talos API.
    package let port: UInt16

    /// Starts one without clusters; it ends with this process at the latest.
    ///
    /// - `seed`: from which everything random follows.
    /// - `delay`: how long one step of a node takes; `setDelay` changes single ones.
    /// - `environment`: more of it.
    package static func start(
        seed: UInt64 = 0, delay: Duration = .milliseconds(50), environment more: [String: String] = [:]
    ) async throws -> TalosSimulator {
        var environment = Repository.environment.merging(more) { $1 }
        environment["PYTHONUNBUFFERED"] = "1"
        let process = try Subprocess(
            [
                "\(Repository.root)/hack/talos-simulator.sh", "--seed", String(seed), "--delay",
                seconds(delay), "--parent-pid", String(getpid()), "--until-input-ends",
            ], environment: environment, hasInput: true)
        guard await process.line(where: { $0.hasPrefix("PID=") }) != nil,
            let control = value("CONTROL", process), let prefix = value("PREFIX", process),
            let port = value("PORT", process).flatMap({ UInt16($0) }),
            let controlPort = control.split(separator: ":").last.flatMap({ UInt16($0) })
        else {
            process.closeInput()
            throw SimulatorError(
                description: "the simulator did not start:\n\(process.lines.joined(separator: "\n"))")
        }
        let endpoint = Endpoint(scheme: .http, host: "127.0.0.1", port: controlPort)
        let transport = try CurlTransport(
            TransportConfiguration(endpoint: endpoint, userAgent: "talos-operator-tests"))
        return TalosSimulator(process, transport, prefix: prefix, port: port)
    }

    private init(_ process: Subprocess, _ transport: CurlTransport, prefix: String, port: UInt16) {
        self.process = process
        self.transport = transport
        self.prefix = prefix
        self.port = port
    }

    deinit {
        process.closeInput()
    }

    /// Ends it with every node, and the control planes it started.
    package func stop() async {
        process.closeInput()
        _ = await process.ending()
        transport.shutdown()
    }

    // MARK: What is simulated

    /// Adds a cluster without nodes; its Kubernetes endpoint is in the answer, unless given.
    @discardableResult
    package func addCluster(
        _ name: String, kubernetes: Kubernetes = .model, endpoint: String? = nil
    ) async throws -> JSONValue {
        var body: JSONValue = ["name": .string(name), "kubernetes": .string(kubernetes.rawValue)]
        if let endpoint { body = body.mergePatched(with: ["endpoint": .string(endpoint)]) }
        return try await post("/clusters", body)
    }

    /// Adds a machine that boots into maintenance mode; returns its address.
    @discardableResult
    package func addNode(
        _ name: String, to cluster: String, talosVersion: String = "v1.12.3"
    ) async throws -> String {
        let node = try await post(
            "/clusters/\(cluster)/nodes", ["name": .string(name), "version": .string(talosVersion)])
        return node["address"]?.string ?? ""
    }

    /// Lets each Machine of an API server become a node, and writes its status and its address there.
    ///
    /// - `namespace`: that of the Machines; all if nil.
    package func provideMachines(
        kubeconfig: String, talosVersion: String = "v1.12.3", schematic: String = "",
        kubernetes: Kubernetes = .model, namespace: String? = nil
    ) async throws {
        var body: JSONValue = [
            "kubeconfig": .string(kubeconfig), "version": .string(talosVersion),
            "schematic": .string(schematic), "kubernetes": .string(kubernetes.rawValue),
        ]
        if let namespace { body = body.mergePatched(with: ["namespace": .string(namespace)]) }
        try await post("/provider", body)
    }

    /// Gives a cluster pods that come again when they are evicted; `minimum` of them must always be there.
    package func addWorkload(
        _ name: String, replicas: Int, minimum: Int? = nil, to cluster: String
    ) async throws {
        var body: JSONValue = ["name": .string(name), "replicas": .integer(Int64(replicas))]
        if let minimum {
            body = body.mergePatched(with: ["budget": ["minAvailable": .integer(Int64(minimum))]])
        }
        try await post("/clusters/\(cluster)/workloads", body)
    }

    // MARK: What goes wrong

    /// Lets the requests that come from now on suffer a fault; returns its number.
    @discardableResult
    package func add(_ fault: SimulatorFault) async throws -> Int {
        guard let number = try await post("/faults", fault.json)["rule"]?.integer else {
            throw SimulatorError(description: "the simulator gave the rule no number")
        }
        return Int(number)
    }

    /// Takes a fault away.
    package func removeFault(_ number: Int) async throws {
        try await request(.delete, "/faults/\(number)")
    }

    /// Takes all faults away.
    package func clearFaults() async throws {
        try await request(.delete, "/faults")
    }

    /// Pulls a machine's plug, puts it back, or lets it take connections without a word.
    package func setPower(_ power: SimulatorPower, of node: String, in cluster: String) async throws {
        try await post("/clusters/\(cluster)/nodes/\(node)/power", ["to": .string(power.rawValue)])
    }

    /// Gives a machine a fault of its own, such as `full-disk`, or takes it away.
    package func setCondition(
        _ condition: String, _ isSet: Bool = true, of node: String, in cluster: String
    ) async throws {
        let key = isSet ? "add" : "remove"
        try await post(
            "/clusters/\(cluster)/nodes/\(node)/conditions",
            [key: [.string(condition)]])
    }

    /// Gives a node's member of etcd an alarm, `NOSPACE` or `CORRUPT`, or takes it away.
    package func setAlarm(
        _ alarm: String, _ isSet: Bool = true, of node: String, in cluster: String
    ) async throws {
        let key = isSet ? "add" : "remove"
        try await post(
            "/clusters/\(cluster)/nodes/\(node)/alarms", [key: [.string(alarm)]])
    }

    /// Breaks every connection to a node's API; new ones are as they would be.
    package func cutConnections(to node: String, in cluster: String) async throws {
        try await post("/clusters/\(cluster)/nodes/\(node)/cut", [:])
    }

    /// Takes a machine away for good, whatever it was.
    package func removeNode(_ node: String, from cluster: String) async throws {
        try await request(.delete, "/clusters/\(cluster)/nodes/\(node)")
    }

    /// Names the Machines that the provider makes no node of, until they are named no more.
    package func holdMachines(_ machines: [String]) async throws {
        try await post("/provider/hold", ["machines": .array(machines.map { .string($0) })])
    }

    /// Sets a machine's clock so far ahead, or with a negative number behind.
    package func setClock(ahead seconds: Int, of node: String, in cluster: String) async throws {
        try await post(
            "/clusters/\(cluster)/nodes/\(node)/skew", ["seconds": .integer(Int64(seconds))])
    }

    /// Says that what would be a violation is meant: `teardown` or `disruption`.
    package func expect(_ what: String, in cluster: String) async throws {
        try await post("/clusters/\(cluster)/expects", ["add": [.string(what)]])
    }

    /// Names the nodes whose reset is a violation.
    package func protect(_ nodes: [String], in cluster: String) async throws {
        try await post(
            "/clusters/\(cluster)/protected", ["nodes": .array(nodes.map { .string($0) })])
    }

    /// Sets how long one step takes, such as `install`, in units of the delay.
    package func setStep(_ name: String, to factor: Double) async throws {
        try await post("/delays", ["steps": [name: .double(factor)]])
    }

    // MARK: What happened

    /// A cluster as it is now: its nodes, its etcd.
    package func state(of cluster: String) async throws -> JSONValue {
        try await request(.get, "/clusters/\(cluster)")
    }

    /// What must never happen and did; empty is good.
    package func violations() async throws -> [JSONValue] {
        try await request(.get, "/violations").array ?? []
    }

    /// Looks for the clusters' secrets where the provider's API server shows them to everybody; where they are.
    package func leaks() async throws -> [JSONValue] {
        try await post("/scan", [:]).array ?? []
    }

    /// Whether a text, such as a log, holds a secret of a cluster.
    package func holdsSecret(_ text: String) async throws -> Bool {
        try await post("/scan", ["text": .string(text)]).array?.isEmpty == false
    }

    /// The journal's entries after number `since`, of these kinds or of all.
    package func journal(since: Int64 = 0, kinds: [String] = []) async throws -> [JSONValue] {
        let target = "/journal?since=\(since)&kind=\(kinds.joined(separator: ","))"
        return try await request(.get, target)["entries"]?.array ?? []
    }

    /// The first entry after number `start`, there already or to come, that `matches`; the test's time limit is the
    /// limit.
    @discardableResult
    package func entry(
        after start: Int64 = 0, where matches: (JSONValue) -> Bool
    ) async throws -> JSONValue {
        var last = start
        while true {
            try Task.checkCancellation()
            let reply = try await request(.get, "/journal?since=\(last)&wait=5")
            if let entry = reply["entries"]?.array?.first(where: matches) { return entry }
            last = reply["last"]?.integer ?? last
        }
    }

    /// Waits until a cluster `isTrue`; looked at whenever something has happened.
    @discardableResult
    package func wait(for cluster: String, until isTrue: (JSONValue) -> Bool) async throws -> JSONValue {
        var last: Int64 = 0
        while true {
            try Task.checkCancellation()
            let state = try await self.state(of: cluster)
            if isTrue(state) { return state }
            last = try await request(.get, "/journal?since=\(last)&wait=1")["last"]?.integer ?? last
        }
    }

    // MARK: Requests

    @discardableResult
    private func post(_ path: String, _ body: JSONValue) async throws -> JSONValue {
        try await request(.post, path, body)
    }

    /// Sends a request of the interface, whose description its root gives.
    ///
    /// - Throws: `SimulatorError` with the simulator's own words if it refuses.
    @discardableResult
    package func request(
        _ method: HTTPMethod, _ target: String, _ body: JSONValue? = nil
    ) async throws -> JSONValue {
        let request = HTTPRequest(
            method: method, target: target, headers: ["Content-Type": "application/json"],
            body: body?.encoded())
        let response = try await transport.send(request)
        guard (200..<300).contains(response.head.status) else {
            throw SimulatorError(
                description:
                    "\(method.rawValue) \(target): \(String(decoding: response.body, as: UTF8.self))")
        }
        return try JSONValue(json: response.body)
    }

    private static func value(_ key: String, _ process: Subprocess) -> String? {
        process.lines.first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    private static func seconds(_ duration: Duration) -> String {
        let (seconds, fraction) = duration.components
        return String(Double(seconds) + Double(fraction) / 1e18)
    }
}

/// Whether a simulated machine has power.
package enum SimulatorPower: String, Sendable, Hashable {
    case on
    /// Nothing listens.
    case off
    /// Connections are taken, and nothing ever comes back.
    case blackHole = "black-hole"
}
