// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Platform
package import StructuredData

/// Where a cluster stands, in one word.
package enum ClusterPhase: String, Sendable, Hashable, CaseIterable {
    /// Accepted; none of its Machines exists yet.
    case pending = "Pending"
    /// Machines are missing or not ready.
    case provisioning = "Provisioning"
    /// Every Machine exists and is ready.
    case running = "Running"
    /// The specification is invalid, or a Machine failed.
    case failed = "Failed"
    /// On its way out: Machines and manifests first.
    case deleting = "Deleting"
}

/// The conditions this program reports; the order is the order in the status.
package enum ConditionType: String, Sendable, Hashable, CaseIterable {
    case ready = "Ready"
    case machinesCreated = "MachinesCreated"
    case filesGenerated = "FilesGenerated"
    case topologyValid = "TopologyValid"
    /// Only of clusters whose configurations the operator makes.
    case configGenerated = "ConfigGenerated"
    /// Only of clusters whose lives the operator manages, like those that follow.
    case bootstrapped = "Bootstrapped"
    case healthy = "Healthy"
    case progressing = "Progressing"
    case drifted = "Drifted"
    case halted = "Halted"
}

/// The status of a cluster.
package struct ClusterStatus: Sendable, Hashable {
    /// Nil before the first report.
    package var phase: ClusterPhase?
    package var conditions: [ConditionType: Condition] = [:]
    /// Conditions that others report about the cluster; a patch replaces the whole list, so they go along.
    package var foreignConditions: [JSONValue] = []
    /// Every control plane Machine is ready.
    package var controlPlaneReady = false
    /// Ready worker Machines.
    package var workersReady = 0
    /// Machines that exist, those on their way out included.
    package var machineCount = 0
    /// The generation of the specification that the rest is about.
    package var observedGeneration: Int64 = 0
    package var lastUpdated: Timestamp?
    /// Only of clusters whose lives the operator manages.
    package var lifecycle: LifecycleStatus?

    package init() {}

    /// Reads a status that anyone may have written; what cannot be read counts as absent and is reported anew.
    package init(_ status: JSONValue) {
        phase = status["phase"]?.string.flatMap(ClusterPhase.init)
        for element in status["conditions"]?.array ?? [] {
            guard let type = element["type"]?.string.flatMap(ConditionType.init) else {
                foreignConditions.append(element)
                continue
            }
            // An unreadable condition of ours is replaced by a readable one.
            if case .success(let condition) = Self.condition(element) { conditions[type] = condition }
        }
        controlPlaneReady = status["controlPlaneReady"]?.bool ?? false
        workersReady = Int(status["workersReady"]?.integer ?? 0)
        machineCount = Int(status["machineCount"]?.integer ?? 0)
        observedGeneration = status["observedGeneration"]?.integer ?? 0
        lastUpdated = status["lastUpdated"]?.string.flatMap { Timestamp(rfc3339: $0) }
        lifecycle = status["lifecycle"].flatMap(LifecycleStatus.init)
    }

    private static func condition(_ element: JSONValue) -> Result<Condition, DecodingProblem> {
        Result { () throws(DecodingProblem) in try Condition(element) }
    }

    /// The status as the API writes it.
    package var json: JSONValue {
        let own = ConditionType.allCases.compactMap { conditions[$0]?.json }
        var object: JSONObject = [
            "conditions": .array(own + foreignConditions),
            "controlPlaneReady": .bool(controlPlaneReady),
            "workersReady": .integer(Int64(workersReady)),
            "machineCount": .integer(Int64(machineCount)),
            "observedGeneration": .integer(observedGeneration),
        ]
        object["lifecycle"] = lifecycle?.json
        if let phase { object["phase"] = .string(phase.rawValue) }
        if let lastUpdated { object["lastUpdated"] = .string(lastUpdated.rfc3339()) }
        return .object(object)
    }
}
