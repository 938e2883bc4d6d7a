// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import StructuredData

/// A Machine as this program reads it.
///
/// The cache holds every Machine there is, so little of each is kept. Of the status, which providers fill with
/// addresses, disks and more, it is what readiness takes; of the specification, which is looked at when a Machine
/// may have changed and never again, the text.
package struct Machine: Resource, Hashable {
    package static let definition = ResourceDefinition(
        group: APINames.group, version: APINames.version, kind: "Machine", plural: "machines")

    package var metadata: ObjectMeta
    package var state: State
    /// Where its provider says that it is reached, the best first; nothing is kept of one without a configuration.
    package var addresses: [String]
    private var packedSpec: PackedJSON

    /// What a provider says about the machine.
    package enum State: Sendable, Hashable {
        /// Its phase is `Running` and its `Ready` condition, if it has one, is True.
        case ready
        /// Its phase is `Failed`.
        case failed
        /// Anything else, or nothing yet.
        case notReady
    }

    package init(
        metadata: ObjectMeta, spec: JSONValue, state: State = .notReady, addresses: [String] = []
    ) {
        self.metadata = metadata
        self.state = state
        self.addresses = addresses
        packedSpec = PackedJSON(spec)
    }

    /// Null if it is absent; made of its text at every call.
    package var spec: JSONValue {
        get { packedSpec.value }
        set { packedSpec = PackedJSON(newValue) }
    }

    package init(_ object: JSONValue) throws(DecodingProblem) {
        let metadata = try ObjectMeta(of: object)
        let status = object["status"] ?? .null
        let isConfigured = metadata.annotations[APINames.configDigestAnnotation] != nil
        self.init(
            metadata: metadata, spec: object["spec"] ?? .null, state: State(status: status),
            addresses: isConfigured ? MachineAddresses.reported(in: status) : [])
    }

    package var isReady: Bool { state == .ready }
}

extension Machine.State {
    /// Reads a status that anyone may have written; what cannot be read does not make a Machine ready.
    init(status: JSONValue) {
        switch status["phase"]?.string {
        case "Running":
            let ready = status["conditions"]?.array?.first { $0["type"] == "Ready" }
            self = ready == nil || ready?["status"] == "True" ? .ready : .notReady
        case "Failed":
            self = .failed
        default:
            self = .notReady
        }
    }
}
