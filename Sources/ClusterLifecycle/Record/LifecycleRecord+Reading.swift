// SPDX-License-Identifier: Apache-2.0
import Platform
package import StructuredData

/// Why a stored record cannot be read.
///
/// Whoever meets it leaves the cluster alone: what is forgotten could be done a second time.
package struct LifecycleRecordError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The field, such as `operations.n1.step`.
    package var field: String
    /// What is wrong with it and what is allowed.
    package var problem: String

    package var description: String {
        "the record of the cluster's life cannot be read, so nothing is done with the cluster: \(field) \(problem)"
    }
}

extension LifecycleRecord {
    /// Reads what `json` wrote, with a time to the second.
    ///
    /// Fields that are not known are passed over: a later program may have added them, and one that must not be lost
    /// comes with another version. Everything else is strict. A version, an operation, a step or a reason that this
    /// program does not know is an error and never left out, and so is a missing version.
    package init(json: JSONValue) throws(LifecycleRecordError) {
        let reader = RecordReader(json, at: "record")
        let version = try reader.integer("version")
        guard version == Self.formatVersion else {
            let problem = "is \(version), and this program reads \(Self.formatVersion) only"
            throw LifecycleRecordError(field: "record.version", problem: problem)
        }
        self.init()
        bootstrap = try reader.object("bootstrap").map { (part) throws(LifecycleRecordError) in
            try BootstrapRecord(part)
        }
        for (name, part) in try reader.members("operations") {
            operations[name] = try NodeOperation(part)
        }
        halt = try reader.object("halt").map { (part) throws(LifecycleRecordError) in try Halt(part) }
        approvedItems = try reader.strings("approvedItems")
        for (name, part) in try reader.members("nodes") { nodes[name] = try NodeRecord(part) }
        teardownSince = try reader.optionalTime("teardownSince")
        kubernetesTarget = try reader.optionalRelease("kubernetesTarget")
        talosTarget = try reader.optionalRelease("talosTarget")
        snapshot = try reader.object("snapshot").map { (part) throws(LifecycleRecordError) in
            SnapshotRecord(at: try part.time("at"), location: try part.string("location"))
        }
    }
}

extension BootstrapRecord {
    fileprivate init(_ part: RecordReader) throws(LifecycleRecordError) {
        self.init(
            node: try part.string("node"), since: try part.time("since"),
            isConfirmed: try part.bool("confirmed"))
        isAccepted = try part.optionalBool("accepted") ?? false
        lastError = try part.optionalString("lastError")
    }
}

extension NodeOperation {
    fileprivate init(_ part: RecordReader) throws(LifecycleRecordError) {
        self.init(try Kind(part), try part.choice("step"), at: try part.time("started"))
        since = try part.time("since")
        bootID = try part.optionalString("bootID")
        attempts = try part.count("attempts")
        lastError = try part.optionalString("lastError")
        wellSince = try part.optionalTime("wellSince")
        memberID = try part.optionalMember("memberID")
        isHalted = try part.optionalBool("halted") ?? false
    }
}

extension NodeOperation.Kind {
    fileprivate init(_ part: RecordReader) throws(LifecycleRecordError) {
        switch try part.string("kind") {
        case "Install": self = .install
        case "Configure": self = .configure(digest: try part.string("digest"))
        case "Upgrade": self = .upgrade(image: try part.string("image"), to: try part.release("release"))
        case "Component":
            self = .component(try part.choice("component"), to: try part.release("release"))
        case "Remove": self = .remove
        case "Replace": self = .replace
        case "Teardown": self = .teardown
        case let other: throw part.unknown("kind", other)
        }
    }
}

extension Halt {
    fileprivate init(_ part: RecordReader) throws(LifecycleRecordError) {
        self.init(
            try part.choice("reason"), try part.string("message"), node: try part.optionalString("node"),
            at: try part.time("since"), resumeToken: try part.optionalString("resumeToken"),
            desiredHash: try part.string("desiredHash"))
    }
}

extension NodeRecord {
    fileprivate init(_ part: RecordReader) throws(LifecycleRecordError) {
        self.init()
        fingerprint = try part.optionalString("fingerprint")
        wasConfigured = try part.optionalBool("wasConfigured") ?? false
        appliedDigest = try part.optionalString("appliedDigest")
        address = try part.optionalString("address")
        silentSince = try part.optionalTime("silentSince")
        readySince = try part.optionalTime("readySince")
        etcdIdleSince = try part.optionalTime("etcdIdleSince")
        handledChange = try part.optionalString("handledChange")
    }
}
