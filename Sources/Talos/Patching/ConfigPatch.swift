// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// A layer that was read once, to be applied to any number of configurations of its version.
package struct ConfigPatch: Sendable {
    /// What a layer comes to.
    package enum Body: Sendable {
        /// Nothing: no text, or comments alone.
        case empty
        /// Documents that are merged, and what is deleted before.
        case strategic([Step])
        /// An RFC 6902 patch.
        case operations([PatchOperation])
    }

    /// One step of a strategic merge.
    package enum Step: Sendable {
        case delete(DeleteSelector, in: DocumentIdentity)
        case merge(ConfigDocument)
    }

    /// Replaces the variables of a document of a layer; gives what is wrong, with lines and paths.
    package typealias Substitution = (inout YAMLNode) -> [ConfigProblem]

    /// The layer's name.
    package let name: String
    /// The layer's place in the list of layers, that `Origin` tells.
    package let number: UInt16
    package let version: TalosVersion
    /// Whether its values must not be shown.
    package let isSecret: Bool
    package let body: Body
    /// Whether its documents have numbers in messages: it has more than one.
    let isNumbered: Bool

    /// The problem of a layer that says nothing.
    package static let emptyProblem =
        "is empty: neither documents to merge nor a list of operations; a layer that is not needed has to be removed"

    /// Reads a layer as Talos does: as documents to merge if they are maps, as operations if it is a list.
    ///
    /// Nothing of it is kept if anything in it is wrong. A layer without any content is wrong too, unless
    /// `allowsEmpty`, which is for files of a directory that are commented out.
    package init(
        _ layer: Layer, number: UInt16, version: TalosVersion, allowsEmpty: Bool = false,
        substituting variables: Substitution? = nil
    ) throws(ConfigProblems) {
        name = layer.name
        self.number = number
        self.version = version
        isSecret = layer.isSecret
        let reader = PatchReader(source: layer.name, number: number, version: version)
        (body, isNumbered) = try reader.read(layer.content, substituting: variables)
        if case .empty = body, !allowsEmpty {
            throw ConfigProblems(ConfigProblem(source: layer.name, problem: Self.emptyProblem))
        }
    }

    /// Whether applying it changes nothing, ever.
    package var isEmpty: Bool {
        if case .empty = body { true } else { false }
    }
}
