// SPDX-License-Identifier: Apache-2.0

/// Writes one document in block style, two spaces a level.
struct YAMLWriter {
    private var text = ""

    /// The text of a document, with a line break at its end.
    mutating func document(_ value: JSONValue) -> String {
        write(value, indentation: 0, after: .start)
        return text
    }

    /// What stands before a value on its line.
    private enum Predecessor {
        case start
        case key
        case dash
    }

    private mutating func write(_ value: JSONValue, indentation: Int, after predecessor: Predecessor) {
        switch value {
        case .array(let elements) where !elements.isEmpty:
            let isInMapping = predecessor == .key
            write(elements, indentation: isInMapping ? indentation - 2 : indentation, after: predecessor)
        case .object(let object) where !object.isEmpty:
            write(object, indentation: indentation, after: predecessor)
        default:
            if predecessor != .start { text += " " }
            write(scalar: value, indentation: max(indentation, 2))
        }
    }

    private mutating func write(_ elements: [JSONValue], indentation: Int, after predecessor: Predecessor) {
        var begins = begin(after: predecessor)
        for element in elements {
            if !begins { text += String(repeating: " ", count: indentation) }
            begins = false
            text += "-"
            write(element, indentation: indentation + 2, after: .dash)
        }
    }

    private mutating func write(_ object: JSONObject, indentation: Int, after predecessor: Predecessor) {
        var begins = begin(after: predecessor)
        for member in object.members {
            if !begins { text += String(repeating: " ", count: indentation) }
            begins = false
            write(key: member.key, indentation: indentation)
            write(member.value, indentation: indentation + 2, after: .key)
        }
    }

    /// Begins a list or mapping; true if its first entry goes on the line that is there.
    private mutating func begin(after predecessor: Predecessor) -> Bool {
        switch predecessor {
        case .start: return true
        case .dash:
            text += " "
            return true
        case .key:
            text += "\n"
            return false
        }
    }

    /// Writes a key and its colon; a reader need not look further than 1024 characters for the latter, so
    /// that a longer key must be marked as one.
    private mutating func write(key: String, indentation: Int) {
        let written = YAMLText.inLine(key)
        if written.unicodeScalars.count > 1000 {
            text += "? \(written)\n" + String(repeating: " ", count: indentation) + ":"
        } else {
            text += written + ":"
        }
    }

    private mutating func write(scalar value: JSONValue, indentation: Int) {
        switch value {
        case .array: text += "[]"
        case .object: text += "{}"
        case .double(let number) where Int64(exactly: number) == nil: text += YAMLText.float(number)
        case .string(let string):
            if let block = YAMLText.literal(string, indentation: indentation) {
                text += block
                return
            }
            text += YAMLText.inLine(string)
        default: text += String(decoding: value.encoded(), as: UTF8.self)
        }
        text += "\n"
    }
}
