// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Where the machine runs that a configuration is for; it decides what the configuration needs.
package enum ValidationMode: String, Sendable, Hashable, CaseIterable {
    /// Talos installs itself on a disk.
    case metal
    /// Talos is on the disk already: it came with the cloud's image.
    case cloud
    /// Talos runs in a container of the host's kernel.
    case container
}

/// What rules may know besides the place they are about.
struct ValidationScope: Sendable {
    /// What a machine is in its cluster.
    enum Role: Sendable {
        case controlPlane
        case worker
    }

    let version: TalosVersion
    let mode: ValidationMode
    /// Nil if the type of the machine is none that Talos knows.
    let role: Role?
    /// The document without a kind; nil if the configuration has none.
    let machine: ConfigField?
    /// All others by kind.
    let documents: [String: [ConfigField]]
    /// The layers whose values are never shown.
    let secretLayers: Set<UInt16>

    /// A value for a message: quoted, at most 80 characters of it; nil if it is none to show.
    func shown(_ field: ConfigField) -> String? {
        guard let text = field.node?.string, !secretLayers.contains(field.origin.layer) else { return nil }
        let part = text.unicodeScalars.count > 80 ? String(text.unicodeScalars.prefix(80)) + "…" : text
        return String(decoding: JSONValue.string(part).encoded(), as: UTF8.self)
    }
}
