// SPDX-License-Identifier: Apache-2.0

extension ConfigNode {
    /// The same value set by somebody else, who overrides nobody.
    func stamped(_ origin: Origin) -> ConfigNode {
        var node = ConfigNode(value, origin: origin)
        switch value {
        case .list(let elements): node.value = .list(elements.map { $0.stamped(origin) })
        case .map(let members):
            node.value = .map(members.map { Member(key: $0.key, node: $0.node.stamped(origin)) })
        default: break
        }
        return node
    }

    /// This value where `old` stood: it, and what is in it at the same places, remembers whom it replaces.
    func laid(over old: ConfigNode) -> ConfigNode {
        var node = self
        // Whom a layer overrides within itself nobody wants to know.
        node.overridden = old.overridden + (old.origin.layer == origin.layer ? [] : [old.origin]) + overridden
        switch (value, old.value) {
        case (.map(let members), .map(let oldMembers)):
            node.value = .map(
                members.map { member in
                    guard let old = oldMembers.first(where: { $0.key == member.key }) else { return member }
                    return Member(key: member.key, node: member.node.laid(over: old.node))
                })
        case (.list(let elements), .list(let oldElements)):
            node.value = .list(
                elements.enumerated().map { place, element in
                    place < oldElements.count ? element.laid(over: oldElements[place]) : element
                })
        default: break
        }
        return node
    }

    /// This value with what `other`, which has the same shape, knows of who set what.
    func takingOrigins(of other: ConfigNode) -> ConfigNode {
        var node = self
        node.origin = other.origin
        node.overridden = other.overridden
        switch (value, other.value) {
        case (.map(let members), .map(let others)):
            node.value = .map(
                members.map { member in
                    guard let other = others.first(where: { $0.key == member.key }) else { return member }
                    return Member(key: member.key, node: member.node.takingOrigins(of: other.node))
                })
        case (.list(let elements), .list(let others)):
            node.value = .list(
                elements.enumerated().map { place, element in
                    place < others.count ? element.takingOrigins(of: others[place]) : element
                })
        default: break
        }
        return node
    }
}
