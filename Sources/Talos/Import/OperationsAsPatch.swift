// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Writes operations of RFC 6902 as a strategic merge patch, since Talos takes no operations for configurations of
/// several documents.
enum OperationsAsPatch {
    /// The patch; nil if an operation is among them that has no counterpart, such as `test` or a place in a list.
    static func patch(of operations: [JSONValue]) -> JSONObject? {
        var patch = JSONObject()
        for operation in operations {
            guard let name = operation["op"]?.string, let pointer = operation["path"]?.string,
                var keys = keys(of: pointer)
            else { return nil }
            let value: JSONValue
            switch name {
            case "add", "replace":
                guard let given = operation["value"], given != .null else { return nil }
                value = keys.last == "-" ? .array([given]) : given
                if keys.last == "-" { keys.removeLast() }
            case "remove": value = ["$patch": "delete"]
            default: return nil
            }
            // A number may be an index, of which strategic patches know nothing.
            guard !keys.isEmpty, !keys.contains(where: { Int($0) != nil || $0 == "-" }),
                place(value, keys[...], in: &patch)
            else { return nil }
        }
        return patch
    }

    private static func keys(of pointer: String) -> [String]? {
        guard pointer.hasPrefix("/") else { return nil }
        return pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map {
            String($0).replacing("~1", with: "/").replacing("~0", with: "~")
        }
    }

    /// False if something else is there already.
    private static func place(
        _ value: JSONValue, _ keys: ArraySlice<String>, in object: inout JSONObject
    ) -> Bool {
        guard let key = keys.first else { return false }
        if keys.count == 1 {
            switch (object[key], value) {
            case (nil, _): object[key] = value
            case (.array(let there)?, .array(let more)): object[key] = .array(there + more)
            default: return false
            }
            return true
        }
        guard var inner = object[key].map(\.object) ?? JSONObject() else { return false }
        guard place(value, keys.dropFirst(), in: &inner) else { return false }
        object[key] = .object(inner)
        return true
    }
}
