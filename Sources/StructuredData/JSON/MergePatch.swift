// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// The value after a JSON merge patch (RFC 7386).
    ///
    /// Members of `patch` replace those here, `null` removes, objects merge, lists are replaced whole.
    package func mergePatched(with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = object ?? JSONObject()
        for change in changes.members {
            result[change.key] =
                change.value == .null ? nil : (result[change.key] ?? .null).mergePatched(with: change.value)
        }
        return .object(result)
    }

    /// The smallest merge patch that makes `target` of `source`; nil if they are equal already.
    ///
    /// A merge patch cannot set a member to `null`, so such members of `target` count as absent.
    package static func mergePatch(from source: JSONValue, to target: JSONValue) -> JSONValue? {
        guard case .object(let old) = source, case .object(let new) = target else {
            return source == target ? nil : target
        }
        var changes = JSONObject()
        for member in new.members where member.value != .null {
            let change = old[member.key].map { mergePatch(from: $0, to: member.value) } ?? member.value
            if let change { changes[member.key] = change }
        }
        for member in old.members where (new[member.key] ?? .null) == .null {
            changes[member.key] = .null
        }
        return changes.isEmpty ? nil : .object(changes)
    }
}
