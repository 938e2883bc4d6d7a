// SPDX-License-Identifier: Apache-2.0
package import StructuredData

extension ConfigDifference {
    /// The difference for people: a heading a document, each place with its lines before and after.
    ///
    /// Empty for configurations that mean the same. `colored` puts what was removed in red and what was added in green.
    package func text(colored: Bool = false) -> String {
        var text = ""
        var document: DocumentIdentity?
        for entry in entries {
            if entry.document != document {
                document = entry.document
                text += "@@ \(entry.document.description.printable) @@\n"
            }
            if entry.path != .root { text += "  \(entry.path.description.printable)\n" }
            for line in entry.lines { text += colored ? line.colored : line.text }
        }
        return text
    }

    /// The difference for programs: a list of what `Entry` holds.
    package var json: JSONValue { .array(entries.map(\.json)) }
}

/// A line of the text, with its line break.
private struct Line {
    let sign: Character
    let content: Substring

    var text: String { "\(sign) \(content)\n" }
    var colored: String {
        let color = sign == "-" ? 31 : sign == "+" ? 32 : 0
        return color == 0 ? text : "\u{1B}[\(color)m\(sign) \(content)\u{1B}[0m\n"
    }
}

extension ConfigDifference.Entry {
    fileprivate var lines: [Line] {
        if isSecret {
            let sign: Character = change == .added ? "+" : change == .removed ? "-" : "~"
            return [Line(sign: sign, content: "\(MachineConfiguration.redaction) (\(change.rawValue))")]
        }
        return Self.lines("-", old) + Self.lines("+", new)
    }

    private static func lines(_ sign: Character, _ value: JSONValue?) -> [Line] {
        guard let value else { return [] }
        let lines = YAML.document(value).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.dropLast().map { Line(sign: sign, content: $0) }
    }

    fileprivate var json: JSONValue {
        var members: [JSONObject.Member] = []
        if case .document(let kind, let name) = document {
            members.append(JSONObject.Member(key: "kind", value: .string(kind)))
            if let name { members.append(JSONObject.Member(key: "name", value: .string(name))) }
        }
        members.append(JSONObject.Member(key: "path", value: .string(path == .root ? "" : path.description)))
        members.append(JSONObject.Member(key: "change", value: .string(change.rawValue)))
        if let old { members.append(JSONObject.Member(key: "old", value: old)) }
        if let new { members.append(JSONObject.Member(key: "new", value: new)) }
        if isSecret { members.append(JSONObject.Member(key: "secret", value: .bool(true))) }
        return .object(JSONObject(uniqueMembers: members))
    }
}
