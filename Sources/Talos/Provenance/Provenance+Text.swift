// SPDX-License-Identifier: Apache-2.0
package import StructuredData

extension Provenance {
    /// Longer values are cut, and longer paths push the rest of their line to the right.
    private static let widestValue = 40
    private static let widestPath = 60

    /// A table for people, a value a line, that ends with a line break.
    package var text: String {
        var rows = [["PATH", "VALUE", "SET BY", "OVERRODE"]]
        rows += entries.map { entry in
            [
                "\(entry.path)", entry.value.map(Self.cell) ?? "(removed)", "\(entry.setBy)",
                entry.overrode.map(\.description).joined(separator: ", "),
            ]
        }
        let limits = [Self.widestPath, Self.widestValue, .max]
        let widths = limits.enumerated().map { column, limit in
            min(limit, rows.map { $0[column].width }.max() ?? 0)
        }
        var text = ""
        for row in rows {
            // Nothing is padded for what does not follow.
            let filled = row.prefix { !$0.isEmpty }
            for (column, cell) in filled.enumerated() {
                text += cell
                guard column + 1 < filled.count else { continue }
                text += String(repeating: " ", count: max(0, widths[column] - cell.width) + 2)
            }
            text += "\n"
        }
        return text
    }

    /// A value on one line.
    private static func cell(_ value: JSONValue) -> String {
        var text = String(decoding: value.encoded(), as: UTF8.self)
        if case .string(let string) = value, isReadable(string) { text = string }
        return text.count > widestValue ? text.prefix(widestValue - 1) + "\u{2026}" : text
    }

    /// Whether a text is read as that text without quotes.
    private static func isReadable(_ text: String) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            && text.first != " " && text.last != " "
    }

    /// The same for programs: `values`, each with `document`, `path`, `value` or `removed`, `setBy` and `overrode`, and
    /// `layers` with the number of values that each set.
    package var json: JSONValue {
        let values = entries.map { entry -> JSONValue in
            var members: [JSONObject.Member] = [
                .init(key: "document", value: .string(ConfigPath.name(of: entry.path.document))),
                .init(key: "path", value: .string(entry.path.steps.isEmpty ? "" : "\(entry.path.field)")),
            ]
            if let value = entry.value {
                members.append(.init(key: "value", value: value))
            } else {
                members.append(.init(key: "removed", value: true))
            }
            members.append(.init(key: "setBy", value: entry.setBy.json))
            members.append(.init(key: "overrode", value: .array(entry.overrode.map(\.json))))
            return .object(JSONObject(uniqueMembers: members))
        }
        let layers = summary.map { layer, count -> JSONValue in
            ["name": .string(layer), "values": .integer(Int64(count))]
        }
        return ["values": .array(values), "layers": .array(layers)]
    }
}

extension String {
    /// How wide it is on a terminal, near enough: most of these texts are ASCII.
    fileprivate var width: Int { unicodeScalars.count }
}

extension Provenance.Setter {
    fileprivate var json: JSONValue {
        var members = [JSONObject.Member(key: "layer", value: .string(layer))]
        if let document { members.append(.init(key: "document", value: .integer(Int64(document)))) }
        if let line { members.append(.init(key: "line", value: .integer(Int64(line)))) }
        return .object(JSONObject(uniqueMembers: members))
    }
}
