// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport

/// A request that the API server has answered, from its audit log.
struct AuditEntry: Sendable {
    var verb: String
    var group: String
    var resource: String
    var subresource: String
    /// Empty if it was about all of them, or about an object that lives in none.
    var namespace: String
    var name: String
    var user: String
    var status: Int
    /// When it came in, in RFC 3339 with microseconds: sorts as text.
    var time: String

    init(_ event: JSONValue) {
        let object = event["objectRef"] ?? .null
        verb = event["verb"]?.string ?? ""
        group = object["apiGroup"]?.string ?? ""
        resource = object["resource"]?.string ?? ""
        subresource = object["subresource"]?.string ?? ""
        namespace = object["namespace"]?.string ?? ""
        name = object["name"]?.string ?? ""
        user = event["user"]?["username"]?.string ?? ""
        status = Int(event["responseStatus"]?["code"]?.integer ?? 0)
        time = event["requestReceivedTimestamp"]?.string ?? ""
    }

    var isWrite: Bool { !["get", "list", "watch"].contains(verb) }
    var isCreation: Bool { status == 201 }
}

extension Scenario {
    /// The name of the user that operators run as unless a test says otherwise: the shipped account.
    static let operatorUser = "system:serviceaccount:talos-operator-system:talos-operator-controller-manager"

    /// What the operators' user asked for in the namespace, in order.
    func requests(of user: String = operatorUser) async throws -> [AuditEntry] {
        try await auditEntries().filter { $0.user == user }.sorted { $0.time < $1.time }
    }

    /// What the operators' user wrote in the namespace, in order.
    func writes(of user: String = operatorUser) async throws -> [AuditEntry] {
        try await requests(of: user).filter(\.isWrite)
    }

    /// Everything asked in the namespace, by anybody, up to now; of a second API server too, if there was one.
    ///
    /// The log is written after the answer, by each request for itself: one that was answered before ours may be
    /// written after ours. By the time that a second one of ours is asked, answered and written, it is there.
    private func auditEntries() async throws -> [AuditEntry] {
        let present = try await markedEntries().last?.time ?? ""
        let entries = try await markedEntries() + lines(of: controlPlane.secondAuditLog).map(Self.entry)
        return entries.filter { $0.time < present }
    }

    /// The log up to a request that is made for this, which is the last entry.
    private func markedEntries() async throws -> [AuditEntry] {
        let marker = "marker-\(UInt32.random(in: 0 ... .max))"
        while true {
            _ = try await client.delete(ConfigMap.self, key(marker))
            let lines = try await lines(of: controlPlane.auditLog)
            if let end = lines.firstIndex(where: { $0.contains(marker) }) {
                return try lines[...end].map(Self.entry)
            }
            try Task.checkCancellation()
        }
    }

    /// The lines of a log that are about the namespace; none if there is no such log.
    private func lines(of log: String) async throws -> [String] {
        let grep = try Subprocess(["/usr/bin/grep", "-sF", namespace, log])
        _ = await grep.ending()
        return grep.lines
    }

    static func entry(_ line: String) throws -> AuditEntry {
        AuditEntry(try JSONValue(json: Array(line.utf8)))
    }
}
