// SPDX-License-Identifier: Apache-2.0

/// Something that a layer took out of a configuration.
package struct RemovedValue: Sendable, Hashable {
    /// Where it was.
    ///
    /// An element that was found by one of its fields has that in place of its number, as in
    /// `machine.network.interfaces["interface=eth0"]`.
    package var path: ConfigPath
    package var removedBy: Origin
    /// Who had set what was there, and whom they had overridden; each once.
    package var setBy: [Origin]
}

extension MachineConfiguration {
    /// Remembers that a value was taken out.
    mutating func remember(_ node: ConfigNode, at path: ConfigPath, removedBy origin: Origin) {
        removed.append(RemovedValue(path: path, removedBy: origin, setBy: node.everyOrigin))
    }
}

extension ConfigNode {
    /// Who set the values in this one, and whom they overrode, each once and in the order of the layers.
    fileprivate var everyOrigin: [Origin] {
        var origins: Set<Origin> = []
        collect(into: &origins)
        return origins.sorted { ($0.layer, $0.document, $0.line) < ($1.layer, $1.document, $1.line) }
    }

    private func collect(into origins: inout Set<Origin>) {
        origins.formUnion(overridden)
        switch value {
        case .list(let elements) where !elements.isEmpty: elements.forEach { $0.collect(into: &origins) }
        case .map(let members) where !members.isEmpty: members.forEach { $0.node.collect(into: &origins) }
        default: origins.insert(origin)
        }
    }
}
