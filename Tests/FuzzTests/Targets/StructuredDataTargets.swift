// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension FuzzTarget {
    private static let jsonWords = [
        "{", "}", "[", "]", ":", ",", "\"", "null", "true", "false", "-", "1e999", "-0", "\\ud800", "\\udc00",
        "\\u0000", "9223372036854775808", "-9223372036854775809", "1e-999", "metadata", "managedFields",
    ]
    private static let yamlWords = [
        "---\n", "...\n", "- ", ": ", "? ", "&a ", "*a", "<<: *a", "!!str ", "!!int ", "!!binary ", "|-\n",
        ">+2\n",
        "'", "\"", "# ", "{", "}", "[", "]", "~", ".inf", "0x", "0o7", "1_0", "yes", "%YAML 1.1\n", "\t",
        "\u{FEFF}",
        "\u{2028}", "\u{85}",
    ]
    /// Small, so that an input that multiplies itself ends soon.
    private static let limits = YAMLLimits(bytes: 1 << 20, depth: 100, nodes: 10_000)

    static let structuredData = [
        FuzzTarget("json", words: jsonWords, json),
        FuzzTarget("json-dropping", words: jsonWords, jsonDropping),
        FuzzTarget("merge-patch", words: jsonWords, mergePatch),
        FuzzTarget("yaml", words: yamlWords, yaml),
    ]

    /// Nil if it is not JSON; an error names a place within the text.
    static func parsedJSON(_ bytes: [UInt8], limits: JSONLimits = .default) throws -> JSONValue? {
        do throws(JSONError) {
            return try JSONValue(json: bytes, limits: limits)
        } catch {
            try require(
                (0...bytes.count).contains(error.offset), "the fault at \(error.offset) lies in the text")
            try require(error.line >= 1 && error.column >= 1, "line and column count from 1")
            return nil
        }
    }

    /// What is read is written, and reads back as the same, as JSON and as YAML.
    private static func json(_ bytes: [UInt8]) throws {
        guard let value = try parsedJSON(bytes) else { return }
        let written = value.encoded()
        try require(try parsedJSON(written) == value, "reads back as JSON: \(written.text)")
        try require(try parsedJSON(written)?.encoded() == written, "is written the same again")
        guard try parsedJSON(bytes, limits: JSONLimits(depth: 90)) != nil else { return }
        try require(try YAML.documents(written) == [value], "reads back as YAML: \(written.text)")
    }

    /// Leaving members out while reading gives what leaving them out afterwards does.
    private static func jsonDropping(_ bytes: [UInt8]) throws {
        var parser = JSONParser(dropping: [.managedFields])
        let dropped = Result { () throws(JSONError) in try parser.parse(bytes) }
        guard let whole = try parsedJSON(bytes) else { return }
        try require(
            try dropped.get() == whole.withoutManagedFields(below: ""), "only managedFields are dropped")
        try require(try parser.parse(bytes) == dropped.get(), "the memory of strings changes nothing")
    }

    /// A patch from one document to another makes the other of the one.
    private static func mergePatch(_ bytes: [UInt8]) throws {
        let documents = try bytes.parts.map { try parsedJSON($0, limits: JSONLimits(depth: 64)) }
        guard documents.count >= 2, let old = documents[0], let new = documents[1] else { return }
        _ = old.mergePatched(with: new)
        guard let patch = JSONValue.mergePatch(from: old, to: new) else {
            return try require(old.withoutNulls == new.withoutNulls, "no patch is needed between equals")
        }
        try require(
            old.mergePatched(with: patch) == new.withoutNulls, "the patch leads from one to the other")
    }

    /// What is read is written, and reads back as the same.
    private static func yaml(_ bytes: [UInt8]) throws {
        let documents: [JSONValue]
        do throws(YAMLError) {
            documents = try YAML.documents(bytes, limits: limits)
        } catch {
            let lines = 2 + bytes.count
            try require((1...lines).contains(error.position.line), "\(error.position) lies in the text")
            try require(error.position.column >= 1, "columns count from 1")
            return
        }
        for document in documents {
            let text = YAML.document(document)
            try require(text.hasSuffix("\n"), "ends with a line break: \(text)")
            try require(try YAML.documents(Array(text.utf8)) == [document], "reads back: \(text)")
            try require(try JSONValue(json: document.encoded()) == document, "reads back as JSON")
        }
    }
}

extension JSONValue {
    fileprivate func withoutManagedFields(below key: String) -> JSONValue {
        switch self {
        case .array(let elements): return .array(elements.map { $0.withoutManagedFields(below: "") })
        case .object(let object):
            let kept = object.members.filter { key != "metadata" || $0.key != "managedFields" }
            return .object(
                JSONObject(
                    kept.map {
                        JSONObject.Member(key: $0.key, value: $0.value.withoutManagedFields(below: $0.key))
                    }))
        default: return self
        }
    }

    /// Members that are null count as absent in a merge patch; elements of lists do not.
    fileprivate var withoutNulls: JSONValue {
        guard case .object(let object) = self else { return self }
        let kept = object.members.filter { $0.value != .null }
        return .object(JSONObject(kept.map { JSONObject.Member(key: $0.key, value: $0.value.withoutNulls) }))
    }
}
