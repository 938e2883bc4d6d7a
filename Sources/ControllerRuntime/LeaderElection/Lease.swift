// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import Platform
package import StructuredData

/// A coordination.k8s.io/v1 Lease, kept whole: it is one of the few objects that are written back.
package struct Lease: Resource, Hashable {
    package static let definition = ResourceDefinition(
        group: "coordination.k8s.io", version: "v1", kind: "Lease", plural: "leases")

    package let metadata: ObjectMeta
    /// The object as the server sent it, with fields that this program does not know.
    package let document: JSONValue
    /// Who holds the lease; empty if nobody does.
    package let holder: String
    /// How long the holder has it after each renewal; zero if it does not say.
    package let duration: Duration
    /// How often it has changed hands.
    package let transitions: Int64

    package init(_ object: JSONValue) throws(DecodingProblem) {
        let fields = try object.expectObject()
        let spec = try fields.object("spec") ?? JSONObject()
        metadata = try ObjectMeta(of: object)
        document = object
        holder = try spec.string("holderIdentity") ?? ""
        duration = .seconds(min(max(try spec.integer("leaseDurationSeconds") ?? 0, 0), 1 << 31))
        transitions = try spec.integer("leaseTransitions") ?? 0
    }

    /// What changes with each renewal: only the holder's own clock may look at the times in it.
    var record: JSONValue { document["spec"] ?? .null }

    /// The duration in a lease that is given back; client-go writes the same, and nobody has so short a lease.
    static let givenBackDuration = Duration.seconds(1)

    /// Whether its last holder gave it back.
    var isGivenBack: Bool { holder.isEmpty && duration == Self.givenBackDuration }

    /// The lease written anew for `holder`; what is not named here stays as it is.
    func held(
        by holder: String, duration: Duration, transitions: Int64, acquired: Timestamp?, renewed: Timestamp
    ) -> JSONValue {
        var object = document.object ?? JSONObject()
        var spec = object["spec"]?.object ?? JSONObject()
        Self.fill(&spec, holder, duration, transitions, acquired, renewed)
        object["spec"] = .object(spec)
        return .object(object)
    }

    /// A lease that is not there yet.
    static func new(_ key: ObjectKey, holder: String, duration: Duration, now: Timestamp) -> JSONValue {
        var spec = JSONObject()
        fill(&spec, holder, duration, 0, now, now)
        return [
            "apiVersion": .string(definition.apiVersion), "kind": .string(definition.kind),
            "metadata": ["name": .string(key.name), "namespace": .string(key.namespace)],
            "spec": .object(spec),
        ]
    }

    private static func fill(
        _ spec: inout JSONObject, _ holder: String, _ duration: Duration, _ transitions: Int64,
        _ acquired: Timestamp?, _ renewed: Timestamp
    ) {
        spec["holderIdentity"] = .string(holder)
        spec["leaseDurationSeconds"] = .integer(duration.components.seconds)
        spec["leaseTransitions"] = .integer(transitions)
        if let acquired { spec["acquireTime"] = .string(acquired.rfc3339(.microseconds)) }
        spec["renewTime"] = .string(renewed.rfc3339(.microseconds))
    }
}
