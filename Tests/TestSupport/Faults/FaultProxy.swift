// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import StructuredData

/// A fault that a request, or a relayed connection, has suffered.
package struct InjectedFault: Sendable, Hashable {
    /// The number of the rule.
    package var rule: Int
    /// Which of the requests that the rule matched it was, from 1.
    package var ordinal: Int
    /// What happened, in the proxy's word for it.
    package var action: String
    package var method: String
    /// Path and query.
    package var target: String
    /// When, on the machine's own time line.
    package var time: Duration
    /// What the API server answered, where that is known.
    package var status: Int?
    /// What `FaultProxy.release` wants to know, if the request is held.
    package var held: Int?
}

/// `hack/fault-proxy.py` between clients and a control plane: it breaks what the rules say and tells of it.
package final class FaultProxy: Sendable {
    /// The proxy refused a command, or did not start.
    package struct ProxyError: Error, CustomStringConvertible {
        package var description: String
    }

    private struct Reply: Sendable {
        var id: Int
        var rule: Int?
        var error: String?
    }

    private let process: Subprocess
    private let replies: Journal<Reply>
    private let nextID = Locked(1)
    /// The faults so far; of a rule that throttles or cuts into single bytes, at the start of the response.
    package let injected: Journal<InjectedFault>
    /// The port that speaks HTTP.
    package let port: UInt16
    /// The port that passes bytes on unread.
    package let relayPort: UInt16
    /// The kubeconfig of the operator's user with the proxy as the server.
    package let kubeconfig: String
    /// The same through the relay port.
    package let relayKubeconfig: String

    /// Starts one without rules; it ends with this process at the latest.
    ///
    /// - `seed`: from which random decisions follow.
    /// - `http1`: whether only HTTP/1.1 is offered to clients.
    package static func start(
        to controlPlane: ControlPlane, seed: UInt64, http1: Bool = false
    ) async throws -> FaultProxy {
        let (injected, replies) = (Journal<InjectedFault>(), Journal<Reply>())
        let certificate = "\(controlPlane.stateDirectory)/pki/server"
        let process = try Subprocess(
            [
                "\(Repository.root)/hack/fault-proxy.py", "--server", controlPlane.server,
                "--ca", controlPlane.certificateAuthorityFile, "--certificate", "\(certificate).crt",
                "--key", "\(certificate).key", "--seed", String(seed),
            ] + (http1 ? ["--http1"] : []),
            environment: Repository.environment, hasInput: true
        ) { line in
            receive(line, injected, replies)
        }
        let ready = await process.line { $0.hasPrefix("{\"port\"") }
        guard let ready, let ports = value(of: ready), let port = portNumber(ports["port"]),
            let relayPort = portNumber(ports["relay_port"])
        else {
            process.closeInput()
            throw ProxyError(
                description: "the proxy did not start:\n\(process.lines.joined(separator: "\n"))")
        }
        return FaultProxy(
            process, replies: replies, injected: injected, port: port, relayPort: relayPort,
            kubeconfig: try await writeKubeconfig(controlPlane, port),
            relayKubeconfig: try await writeKubeconfig(controlPlane, relayPort))
    }

    private init(
        _ process: Subprocess, replies: Journal<Reply>, injected: Journal<InjectedFault>, port: UInt16,
        relayPort: UInt16, kubeconfig: String, relayKubeconfig: String
    ) {
        self.process = process
        self.replies = replies
        self.injected = injected
        self.port = port
        self.relayPort = relayPort
        self.kubeconfig = kubeconfig
        self.relayKubeconfig = relayKubeconfig
    }

    deinit {
        process.closeInput()
    }

    /// Lets the requests that come from now on suffer a rule; returns its number.
    @discardableResult
    package func add(_ rule: FaultRule) async throws -> Int {
        guard let number = try await command(["do": "add", "rule": rule.json]).rule else {
            throw ProxyError(description: "the proxy gave the rule no number")
        }
        return number
    }

    /// Takes a rule away and releases what it holds.
    package func remove(_ rule: Int) async throws {
        try await command(["do": "remove", "rule": .integer(Int64(rule))])
    }

    /// Takes all rules away and releases all that is held.
    package func clear() async throws {
        try await command(["do": "clear"])
    }

    /// Lets a held request go on.
    package func release(_ fault: InjectedFault) async throws {
        guard let held = fault.held else { throw ProxyError(description: "\(fault) is not held") }
        try await command(["do": "release", "held": .integer(Int64(held))])
    }

    /// Breaks every connection there is with RST; new ones are as they would be.
    package func resetConnections() async throws {
        try await command(["do": "reset"])
    }

    /// Lets every connection there is stay open and carry nothing more; new ones are as they would be.
    package func blackHoleConnections() async throws {
        try await command(["do": "black-hole"])
    }

    /// The faults of a rule so far.
    package func faults(of rule: Int) -> [InjectedFault] {
        injected.entries.filter { $0.rule == rule }
    }

    /// Waits for the `ordinal`th fault of a rule, there already or to come, and returns it.
    @discardableResult
    package func fault(_ ordinal: Int = 1, of rule: Int) async throws -> InjectedFault {
        try await injected.wait { entries in entries.count { $0.rule == rule } >= ordinal }
        return faults(of: rule)[ordinal - 1]
    }

    /// Ends it and every connection through it.
    package func stop() async {
        process.closeInput()
        _ = await process.ending()
    }

    @discardableResult
    private func command(_ command: JSONValue) async throws -> Reply {
        let id = nextID.withLock { next in
            defer { next += 1 }
            return next
        }
        let line = command.mergePatched(with: ["id": .integer(Int64(id))])
        process.write(String(decoding: line.encoded(), as: UTF8.self))
        let reply = try await replies.first { $0.id == id }
        if let error = reply.error { throw ProxyError(description: "\(command): \(error)") }
        return reply
    }

    private static func receive(
        _ line: String, _ injected: Journal<InjectedFault>, _ replies: Journal<Reply>
    ) {
        guard let value = value(of: line) else {
            // A traceback: whoever looks for why a test failed wants it.
            print("fault-proxy: \(line)")
            return
        }
        if let id = number(value["id"]) {
            replies.append(Reply(id: id, rule: number(value["rule"]), error: value["error"]?.string))
        } else if let action = value["injected"]?.string {
            injected.append(
                InjectedFault(
                    rule: number(value["rule"]) ?? 0, ordinal: number(value["ordinal"]) ?? 0, action: action,
                    method: value["method"]?.string ?? "", target: value["target"]?.string ?? "",
                    time: .milliseconds(number(value["at_ms"]) ?? 0), status: number(value["status"]),
                    held: number(value["held"])))
        }
    }

    private static func value(of line: String) -> JSONValue? {
        let value = Result { () throws(JSONError) in try JSONValue(json: Array(line.utf8)) }
        guard case .success(let value) = value else { return nil }
        return value
    }

    private static func number(_ value: JSONValue?) -> Int? { value?.integer.flatMap { Int(exactly: $0) } }

    private static func portNumber(_ value: JSONValue?) -> UInt16? {
        value?.integer.flatMap { UInt16(exactly: $0) }
    }

    private static func writeKubeconfig(_ controlPlane: ControlPlane, _ port: UInt16) async throws -> String {
        let path = "\(controlPlane.stateDirectory)/fault-proxy-\(port).kubeconfig"
        let lines = try await controlPlane.shell(
            "kubeconfig \"$1\" \"$OPERATOR_USER\" \"tokenFile: $STATE/operator.token\"",
            "https://127.0.0.1:\(port)")
        try FileSystem.replace(path, with: Array((lines.joined(separator: "\n") + "\n").utf8))
        return path
    }
}
