// SPDX-License-Identifier: Apache-2.0
import HTTP
import Talos
import TalosAPI
import TestSupport
import Testing

@Suite("Connections to nodes of Talos", .timeLimit(.minutes(15)))
struct TalosConnectionTests {
    private let access: NodeAccess
    private let connections: NodeConnections

    init() throws {
        access = try NodeAccess()
        connections = NodeConnections(engine: try HTTPEngine(), userAgent: "test", connectTimeout: patience)
    }

    @Test("A hundred calls at once share a connection, and each identity has its own")
    func sharing() async throws {
        let recorder = try await Recorder(authority: access.bundle.os)
        let credentials = [try access.credentials(), try access.credentials(["os:reader"])]
        for each in credentials {
            _ = try await connections.node(at: recorder.endpoint, as: each).hostname(within: patience)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                let node = try connections.node(at: recorder.endpoint, as: credentials[number % 2])
                group.addTask { _ = try await node.hostname(within: patience) }
            }
            try await group.waitForAll()
        }
        let calls = await recorder.calls(102)
        let admin = calls.filter { $0.peer.contains("os:admin") }
        let reader = calls.filter { $0.peer.contains("os:reader") }
        #expect(admin.count == 51 && reader.count == 51)
        #expect(Set(admin.map(\.connection)).isDisjoint(with: reader.map(\.connection)))
        #expect(Set(calls.map(\.connection)).count == 2)
    }

    @Test("A node's words come through whole, whatever they are")
    func words() async throws {
        let recorder = try await Recorder(authority: access.bundle.os)
        let node = try connections.node(at: recorder.endpoint, as: access.credentials())
        let failure = await Result { () async throws(TalosError) in
            try await node.read(path: "error/7/not authorized: 100% \"naïve\"", within: patience)
        }
        #expect(
            failure.failure == .status(GRPCStatus(.permissionDenied, "not authorized: 100% \"naïve\"")))
        let own = await Result { () async throws(TalosError) in
            try await node.read(path: "node/no such file", within: patience)
        }
        #expect(own.failure == .node(hostname: "10.0.0.9", GRPCStatus(.failedPrecondition, "no such file")))
    }

    @Test("A node that does not answer, or stops within an answer, may have acted")
    func lost() async throws {
        let recorder = try await Recorder(authority: access.bundle.os)
        let node = try connections.node(at: recorder.endpoint, as: access.credentials())
        for path in ["silence", "cut", "half"] {
            let result = await Result { () async throws(TalosError) in
                try await node.read(path: path, within: .milliseconds(path == "silence" ? 300 : 300_000))
            }
            #expect(result.failure?.mayHaveBeenProcessed == true, "\(path)")
            #expect(result.failure?.isUnavailable == true, "\(path)")
        }
        // The next call has a connection that works.
        _ = try await node.hostname(within: patience)
    }

    @Test("A call ends when its task is cancelled")
    func cancelled() async throws {
        let recorder = try await Recorder(authority: access.bundle.os)
        let node = try connections.node(at: recorder.endpoint, as: access.credentials())
        let task = Task {
            await Result { () async throws(TalosError) in
                try await node.read(path: "silence", within: patience)
            }
        }
        task.cancel()
        #expect(await task.value.failure?.isCancellation == true)
    }

    @Test("A file of many messages arrives whole, and one over the limit is refused")
    func large() async throws {
        let recorder = try await Recorder(authority: access.bundle.os)
        let node = try connections.node(at: recorder.endpoint, as: access.credentials())
        #expect(try await node.read(path: "bytes/5000000", within: patience).count == 5_000_000)
        let result = await Result { () async throws(TalosError) in
            try await node.read(path: "bytes/40000000", within: patience)
        }
        #expect(
            "\(result.failure, default: "none")".contains("larger than")
                || "\(result.failure, default: "none")".contains("longer than"))
    }

    @Test("A node of another cluster is refused, and is told nothing")
    func stranger() async throws {
        let recorder = try await Recorder(authority: try NodeAccess().bundle.os)
        let credentials = try access.credentials()
        let node = try connections.node(at: recorder.endpoint, as: credentials)
        let result = await Result { () async throws(TalosError) in try await node.hostname(within: patience) }
        #expect(result.failure?.isUntrusted == true)
        #expect(result.failure?.mayHaveBeenProcessed == false)
        // On a busy machine the connection may be gone before its handshake shows: the next look tells.
        var contact = NodeContact.unreachable("")
        for _ in 0..<10 {
            contact = await connections.contact(
                recorder.endpoint, as: credentials, fingerprint: nil, within: patience)
            guard case .unreachable = contact else { break }
        }
        guard case .refused = contact else {
            Issue.record("\(contact)")
            return
        }
    }

    @Test("A node of ours is found, and so is one in maintenance mode with its fingerprint")
    func contact() async throws {
        let ours = try await Recorder(authority: access.bundle.os)
        let fresh = try await Recorder()
        let credentials = try access.credentials()
        let status = MachineStatus(stage: .running, isReady: true)
        #expect(
            await connections.contact(ours.endpoint, as: credentials, fingerprint: nil, within: patience)
                == .configured(status))
        let key = try #require(ServerFingerprint(fresh.fingerprint))
        #expect(
            await connections.contact(fresh.endpoint, as: credentials, fingerprint: nil, within: patience)
                == .maintenance(key, status))
        #expect(
            await connections.contact(fresh.endpoint, as: credentials, fingerprint: key, within: patience)
                == .maintenance(key, status))
        let calls = await fresh.calls(2)
        #expect(calls.allSatisfy { $0.peer.isEmpty && $0.method.hasSuffix("State/Get") })
    }

    @Test("Another node in maintenance mode than the pinned one is refused, and gets no configuration")
    func pinned() async throws {
        let (first, second) = (try await Recorder(), try await Recorder())
        let key = try #require(ServerFingerprint(first.fingerprint))
        let contact = await connections.contact(
            second.endpoint, as: try access.credentials(), fingerprint: key, within: patience)
        guard case .refused = contact else {
            Issue.record("\(contact)")
            return
        }
        let other = try connections.maintenanceNode(at: second.endpoint, fingerprint: key)
        let refused = await Result { () async throws(TalosError) in
            try await other.applyConfiguration([1], mode: .auto, dryRun: false, within: patience)
        }
        #expect(refused.failure?.isUntrusted == true)
        let right = try connections.maintenanceNode(at: first.endpoint, fingerprint: key)
        _ = try await right.applyConfiguration([1], mode: .auto, dryRun: false, within: patience)
        #expect(await first.calls(1).first?.peer == "")
    }

    @Test("Where nothing listens nothing is reached, and nothing was processed")
    func nobody() async throws {
        let server = try ScriptedServer { _ in }
        let endpoint = NodeEndpoint(host: "127.0.0.1", port: server.port)
        server.stop()
        let credentials = try access.credentials()
        let contact = await connections.contact(
            endpoint, as: credentials, fingerprint: nil, within: patience)
        guard case .unreachable = contact else {
            Issue.record("\(contact)")
            return
        }
        let node = try connections.node(at: endpoint, as: credentials)
        let result = await Result { () async throws(TalosError) in
            try await node.bootstrap(recovery: nil, within: patience)
        }
        #expect(result.failure?.mayHaveBeenProcessed == false)
        #expect(result.failure?.isUnavailable == true)
    }
}
