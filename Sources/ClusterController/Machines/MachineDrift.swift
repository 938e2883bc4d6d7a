// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
import StructuredData

/// What an earlier apply left behind: proof that a Machine is as applied although it does not look so.
///
/// A server may drop fields that its CRD does not know, or fill in lists. Without this memory such a Machine
/// would look changed for ever and be applied again at every turn.
package struct AppliedRecord: Sendable, Hashable {
    /// The digest of the document that was applied.
    package var digest: String
    /// The generation the server answered with; it moves with every change of the Machine's spec.
    package var generation: Int64
    /// The version the server answered with; a watch event that shows it is our own echo.
    package var version: ResourceVersion

    package init(digest: String, generation: Int64, version: ResourceVersion) {
        self.digest = digest
        self.generation = generation
        self.version = version
    }
}

extension DesiredMachine {
    /// Whether `observed` has every field as this Machine wants it; what others added does not count.
    package func isMatched(by observed: Machine, _ record: AppliedRecord? = nil) -> Bool {
        let metadata = document["metadata"] ?? .null
        let owners = observed.metadata.ownerReferences.map(\.json)
        guard Self.matches(metadata["annotations"], observed.metadata.annotations),
            Self.matches(metadata["labels"], observed.metadata.labels),
            (metadata["ownerReferences"]?.array ?? []).allSatisfy(owners.contains)
        else { return false }
        let isAsApplied = record?.digest == digest && record?.generation == observed.metadata.generation
        return isAsApplied || observed.spec.covers(document["spec"] ?? .null)
    }

    private static func matches(_ desired: JSONValue?, _ observed: [String: String]) -> Bool {
        (desired?.object?.members ?? []).allSatisfy { observed[$0.key] == $0.value.string }
    }
}

extension JSONValue {
    /// Whether everything in `other` is here too: members of objects by key, lists element by element.
    ///
    /// A member that `other` sets to null may be absent here, since servers drop those.
    func covers(_ other: JSONValue) -> Bool {
        switch (self, other) {
        case (.object(let own), .object(let wanted)):
            wanted.members.allSatisfy { (own[$0.key] ?? .null).covers($0.value) }
        case (.array(let own), .array(let wanted)):
            own.count == wanted.count && zip(own, wanted).allSatisfy { $0.covers($1) }
        case (.integer(let own), .double(let wanted)), (.double(let wanted), .integer(let own)):
            wanted == Double(own)
        default:
            self == other
        }
    }
}
