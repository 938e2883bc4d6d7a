// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle
package import StructuredData

/// What a status says about a cluster's life: a report for people, and the record that must not be forgotten.
///
/// It is kept as text, for it is long and looked at once in a while; a few words are at hand.
package struct LifecycleStatus: Sendable, Hashable {
    /// The member that the record is kept in.
    package static let recordKey = "record"

    private let packed: PackedJSON
    /// Nil if there is none, or one that this program does not know.
    package let state: LifecycleReport.State?
    /// Whether every check has passed.
    package let isHealthy: Bool
    /// Whether there is something to be done to nodes that run.
    package let hasPlan: Bool
    /// Where the cluster stands among all; nil where there is nothing to change, or no rule over all of them.
    package let standing: FleetStanding?

    /// Reads what anyone may have written; nil if it is no object.
    package init?(_ value: JSONValue) {
        guard value.object != nil else { return nil }
        packed = PackedJSON(value)
        state = value["state"]?.string.flatMap(LifecycleReport.State.init)
        isHealthy = value["health"]?["healthy"]?.bool ?? false
        hasPlan = value["plan"]?["hash"] != nil
        standing = FleetStanding(value[FleetStanding.key])
    }

    /// Puts a report and a record together.
    package init(
        _ report: LifecycleReport, _ record: LifecycleRecord, standing: FleetStanding? = nil
    ) {
        var object = report.json.object ?? JSONObject()
        let ready = report.nodes.count { $0.isReady && !$0.isLeaving }
        object["nodesReady"] = .string("\(ready)/\(report.nodes.count { !$0.isLeaving })")
        object[FleetStanding.key] = standing?.json
        object[Self.recordKey] = record.json
        packed = PackedJSON(.object(object))
        state = report.state
        isHealthy = report.health.isHealthy
        hasPlan = report.plan?.items.isEmpty == false
        self.standing = standing
    }

    /// As the API writes it; made of its text at every call.
    package var json: JSONValue { packed.value }

    /// The record in it; an empty one if there is none.
    ///
    /// - Throws: if it cannot be read, and then nothing may be done with the cluster.
    package func record() throws(LifecycleRecordError) -> LifecycleRecord {
        guard let record = json[Self.recordKey], record != .null else { return LifecycleRecord() }
        return try LifecycleRecord(json: record)
    }
}
