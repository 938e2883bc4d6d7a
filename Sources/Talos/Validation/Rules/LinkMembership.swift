// SPDX-License-Identifier: Apache-2.0

/// Interfaces that are part of a bond or bridge: of one alone, and without addresses of their own.
enum LinkMembership {
    static func check(_ field: ConfigField, _ scope: ValidationScope, _ findings: inout ConfigFindings) {
        var owners: [String: String] = [:]
        for device in field.elements where !device["ignore"].isTrue {
            let owner = device["interface"].text
            for member in ["bond", "bridge"].flatMap({ device[$0]["interfaces"].elements }) {
                if let other = owners.updateValue(owner, forKey: member.text), other != owner {
                    findings.error(member, "is part of two links: \(quoted(other)) and \(quoted(owner))")
                }
            }
        }
        for device in field.elements where !device["ignore"].isTrue {
            guard let owner = owners[device["interface"].text] else { continue }
            for key in ["dhcp", "addresses", "cidr", "vip"] where !device[key].isZero {
                findings.error(device[key], "must not be set: the interface is part of \(quoted(owner))")
            }
        }
    }

    private static func quoted(_ name: String) -> String { name.isEmpty ? "a link" : name }
}
