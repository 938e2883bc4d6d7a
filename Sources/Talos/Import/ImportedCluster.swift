// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// A file that an importer is given: what it says, and where it lies below the directory that is imported.
package struct SourceFile: Sendable, Hashable {
    /// Relative to the directory, with slashes between its parts.
    package var path: String
    package var text: String
    /// Whether the text was encrypted; then nothing of it may be written where it could be read by others.
    package var wasEncrypted: Bool

    package init(path: String, text: String, wasEncrypted: Bool = false) {
        self.path = path
        self.text = text
        self.wasEncrypted = wasEncrypted
    }
}

/// Something that an import could not carry over as it was.
package struct ImportNote: Sendable, Hashable, CustomStringConvertible {
    /// How much of it is there.
    package enum Kind: String, Sendable, Hashable {
        /// Nothing of it is in the result.
        case lost
        /// It is in the result, but in another way.
        case changed
    }

    package var kind: Kind
    package var file: String
    /// The line of the file, from 1; nil where the place is a field.
    package var line: Int?
    /// The field, as in `nodes[2].machineSpec`; empty for the file as a whole.
    package var path: String
    package var reason: String

    package init(_ kind: Kind, file: String, line: Int? = nil, path: String = "", reason: String) {
        self.kind = kind
        self.file = file
        self.line = line
        self.path = path
        self.reason = reason
    }

    /// As in `lost: topf.yaml: nodesProvider: programs are not run`.
    package var description: String {
        var place = file
        if let line { place += ", line \(line)" }
        if !path.isEmpty { place += ": \(path)" }
        return "\(kind.rawValue): \(place): \(reason)"
    }
}

/// What an import made: a KubernetesCluster, the Secrets that its layers refer to, and what is missing.
package struct ImportedCluster: Sendable {
    /// Which node became which machine.
    package struct Machine: Sendable, Hashable {
        /// The node's name where it came from.
        package var host: String
        /// The name of its Machine here.
        package var name: String
    }

    /// The name of the cluster, which the files are called after.
    package var name: String
    /// The KubernetesCluster.
    package var cluster: JSONValue
    /// Secrets with the layers that were encrypted.
    package var secrets: [JSONValue]
    package var machines: [Machine]
    package var notes: [ImportNote]
    /// Whether the KubernetesCluster itself holds values that were encrypted.
    package var holdsSecrets: Bool

    /// The report for people, in Markdown: which machine is which, and each note.
    package var report: String {
        var text = "# Import of \(name)\n\n| node | machine |\n|---|---|\n"
        for machine in machines { text += "| \(machine.host) | \(machine.name) |\n" }
        for (kind, title) in [
            (ImportNote.Kind.lost, "Not carried over"), (.changed, "Carried over in another way"),
        ] {
            let lines = notes.filter { $0.kind == kind }.map { "- \($0)\n" }
            text += "\n## \(title)\n\n" + (lines.isEmpty ? "Nothing.\n" : lines.joined())
        }
        return text
    }
}
