// SPDX-License-Identifier: Apache-2.0

/// Interfaces that are part of a bond or bridge: of one alone, and without addresses of their own.
enum LinkMembership {
    static func check(_ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings) {
        let shown = { (owner: ConfigField) in scope.shown(owner) ?? "another link" }
        let devices = field.elements.filter { !$0["ignore"].isTrue }
        var owners: [String: ConfigField] = [:]
        for device in devices {
            let owner = device["interface"]
            for member in ["bond", "bridge"].flatMap({ device[$0]["interfaces"].elements }) {
                guard let other = owners.updateValue(owner, forKey: member.text), other.text != owner.text
                else {
                    continue
                }
                findings.error(member, "is part of two links, \(shown(other)) and \(shown(owner))")
            }
        }
        for device in devices {
            guard let owner = owners[device["interface"].text] else { continue }
            for key in ["dhcp", "addresses", "cidr", "vip"] where !device[key].isZero {
                findings.error(device[key], "must not be set: the interface is part of \(shown(owner))")
            }
        }
    }
}
