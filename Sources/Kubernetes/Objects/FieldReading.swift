// SPDX-License-Identifier: Apache-2.0
package import Platform
package import StructuredData

/// Typed access to the members of an API object.
///
/// A member that is absent or null reads as nil or as empty, because the API leaves out what is empty; a
/// member of the wrong type is a `DecodingProblem` whose path begins with the key.
extension JSONObject {
    /// A string, which may be empty.
    package func string(_ key: String) throws(DecodingProblem) -> String? {
        try read(key, "a string", \.string)
    }

    /// A whole number within `Int64`.
    package func integer(_ key: String) throws(DecodingProblem) -> Int64? {
        try read(key, "a whole number", \.integer)
    }

    /// A truth value.
    package func bool(_ key: String) throws(DecodingProblem) -> Bool? {
        try read(key, "true or false", \.bool)
    }

    /// An object, which may be empty.
    package func object(_ key: String) throws(DecodingProblem) -> JSONObject? {
        try read(key, "an object", \.object)
    }

    /// The member, which must be there and must not be empty.
    package func requiredString(_ key: String) throws(DecodingProblem) -> String {
        guard let text = try string(key) else { throw DecodingProblem(path: key, problem: "is missing") }
        guard !text.isEmpty else { throw DecodingProblem(path: key, problem: "must not be empty") }
        return text
    }

    /// A time in RFC 3339 text.
    package func timestamp(_ key: String) throws(DecodingProblem) -> Timestamp? {
        guard let text = try string(key) else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw DecodingProblem(path: key, problem: "must be a time in RFC 3339 text, not \"\(text)\"")
        }
        return time
    }

    /// The elements of a list, each read by `element`; empty if the member is absent.
    package func list<Element>(
        _ key: String, of element: (JSONValue) throws(DecodingProblem) -> Element
    ) throws(DecodingProblem) -> [Element] {
        guard let values = try read(key, "a list", \.array) else { return [] }
        var elements: [Element] = []
        elements.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            do {
                elements.append(try element(value))
            } catch {
                throw error.within("\(key)[\(index)]")
            }
        }
        return elements
    }

    /// A list of strings; empty if the member is absent.
    package func strings(_ key: String) throws(DecodingProblem) -> [String] {
        try list(key) { value throws(DecodingProblem) in
            guard let text = value.string else { throw .wrongType("a string", value) }
            return text
        }
    }

    /// An object whose values are strings, such as labels; empty if the member is absent, null values left out.
    package func stringMap(_ key: String) throws(DecodingProblem) -> [String: String] {
        guard let object = try object(key) else { return [:] }
        var map: [String: String] = [:]
        map.reserveCapacity(object.count)
        for member in object.members where member.value != .null {
            guard let text = member.value.string else {
                throw DecodingProblem.wrongType("a string", member.value).within(member.key).within(key)
            }
            map[member.key] = text
        }
        return map
    }

    private func read<Value>(
        _ key: String, _ expectation: String, _ convert: (JSONValue) -> Value?
    ) throws(DecodingProblem) -> Value? {
        guard let value = self[key], value != .null else { return nil }
        guard let converted = convert(value) else { throw .wrongType(expectation, value).within(key) }
        return converted
    }
}

extension DecodingProblem {
    /// A value of another type than expected, with the path still empty.
    package static func wrongType(_ expectation: String, _ value: JSONValue) -> DecodingProblem {
        DecodingProblem(path: "", problem: "must be \(expectation), not \(value.kindDescription)")
    }

    /// The same problem seen from one level further out: `prefix.path`, or `prefix[3].path`.
    package func within(_ prefix: String) -> DecodingProblem {
        let joined = path.isEmpty || path.hasPrefix("[") ? prefix + path : "\(prefix).\(path)"
        return DecodingProblem(path: joined, problem: problem)
    }
}

extension JSONValue {
    /// The object, or the problem that this is none.
    package func expectObject() throws(DecodingProblem) -> JSONObject {
        guard let object else { throw .wrongType("an object", self) }
        return object
    }
}
