// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
package import StructuredData

/// A change in etcd.
package struct EtcdEntry: Sendable {
    package var revision: Int64
    /// As in `/registry/group/machines/namespace/name`.
    package var key: String
    /// What is stored from now on, if it is JSON; nil if it was deleted.
    package var value: JSONValue?
}

/// Every change below a prefix of etcd's keys in order: what an API server did, whoever heard of it.
package final class EtcdJournal: Sendable {
    private let journal = Journal<EtcdEntry>()
    private let transport: CurlTransport
    private let prefix: String
    private let reader: Locked<Task<Void, Never>?> = Locked(nil)

    /// Begins with the next change; `prefix` ends in a slash.
    package init(_ controlPlane: ControlPlane, prefix: String) async throws {
        self.prefix = prefix
        transport = try controlPlane.etcdTransport()
        let request: JSONValue = [
            "create_request": [
                "key": .string(Base64.encode(Array(prefix.utf8))),
                "range_end": .string(Base64.encode(Array(prefix.utf8.dropLast()) + [UInt8(ascii: "0")])),
            ]
        ]
        let (_, body) = try await transport.open(Self.post("/v3/watch", request))
        reader.withLock { [journal] in $0 = Task { await Self.read(body, into: journal) } }
    }

    /// Everything so far.
    package var entries: [EtcdEntry] { journal.entries }

    /// Waits until everything that has happened up to now is among `entries`, and returns these.
    package func upToNow() async throws -> [EtcdEntry] {
        let marker = "\(prefix)\(Random.hexadecimal(digits: 16))"
        let key: JSONValue = .string(Base64.encode(Array(marker.utf8)))
        _ = try await transport.send(Self.post("/v3/kv/put", ["key": key, "value": "bnVsbA=="]))
        return try await journal.wait { $0.suffix(4096).contains { $0.key == marker } }
    }

    /// Lets go of everything so far.
    package func forget() { journal.forget() }

    /// Ends the watch.
    package func stop() {
        reader.withLock { $0?.cancel() }
        transport.shutdown()
    }

    private static func post(_ path: String, _ body: JSONValue) -> HTTPRequest {
        HTTPRequest(
            method: .post, target: path, headers: ["Content-Type": "application/json"], body: body.encoded(),
            timeout: .seconds(60))
    }

    private static func read(_ body: any HTTPBody, into journal: Journal<EtcdEntry>) async {
        var pending: [UInt8] = []
        while case .success(let piece?) = await Self.next(body) {
            pending += piece
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = pending[..<end]
                if case .success(let answer) = Result(catching: { try JSONValue(json: Array(line)) }) {
                    for entry in entries(answer) { journal.append(entry) }
                }
                pending.removeSubrange(...end)
            }
        }
    }

    private static func next(_ body: any HTTPBody) async -> Result<[UInt8]?, TransportError> {
        do { return .success(try await body.next()) } catch { return .failure(error) }
    }

    private static func entries(_ answer: JSONValue) -> [EtcdEntry] {
        (answer["result"]?["events"]?.array ?? []).map { event in
            let stored = event["kv"]?["value"]?.string.flatMap { Base64.decode($0) } ?? []
            var value: JSONValue?
            if event["type"] != "DELETE",
                case .success(let json) = Result(catching: { try JSONValue(json: stored) })
            {
                value = json
            }
            return EtcdEntry(
                revision: event["kv"]?["mod_revision"]?.string.flatMap { Int64($0) } ?? 0,
                key: String(
                    decoding: event["kv"]?["key"]?.string.flatMap { Base64.decode($0) } ?? [], as: UTF8.self),
                value: value)
        }
    }
}
