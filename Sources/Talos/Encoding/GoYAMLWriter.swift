// SPDX-License-Identifier: Apache-2.0

/// Writes block YAML in the layout of go-yaml v3, which is how Talos writes its configuration.
///
/// Four spaces a level; within a list's element two, and from there on to the next multiple of four.
struct GoYAMLWriter {
    private(set) var text: [UInt8] = []
    /// Where the text ended when a block that keeps its line breaks had been written.
    private var openEnd = -1

    /// What a value comes after.
    enum Place {
        /// `key:`, the key at that column.
        case key(column: Int)
        /// The `:` at that column, on the line below a key that has several lines or is very long.
        case colon(column: Int)
        /// `- `, the dash at that column.
        case dash(column: Int)

        /// Where the keys or elements of the value begin.
        var inner: Int {
            switch self {
            case .key(let column), .colon(let column): (column + 4) / 4 * 4
            case .dash(let column): column + 2
            }
        }
    }

    /// Writes a key and its colon at a column and says where its value stands; the first entry of a list's
    /// element stands after its dash.
    mutating func key(_ key: String, column: Int, isFirstAfterDash: Bool) -> Place {
        if !isFirstAfterDash { indent(column) }
        // A reader looks no further than so many bytes, nor beyond the line, for the colon.
        guard key.utf8.count > 128 || key.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) else {
            GoYAMLScalar.write(key, to: &text)
            text.append(UInt8(ascii: ":"))
            return .key(column: column)
        }
        text.append(UInt8(ascii: "?"))
        string(key, at: .key(column: column))
        indent(column)
        text.append(UInt8(ascii: ":"))
        return .colon(column: column)
    }

    /// Writes a dash at a column; the first element of a list within a list stands after the outer dash.
    mutating func dash(column: Int, isFirstAfterDash: Bool) {
        if !isFirstAfterDash { indent(column) }
        text.append(UInt8(ascii: "-"))
    }

    /// Begins the entries of a value that has some; true if its first one stands on the line that is there.
    mutating func begin(_ place: Place) -> Bool {
        switch place {
        case .dash:
            text.append(UInt8(ascii: " "))
            return true
        case .key:
            text.append(UInt8(ascii: "\n"))
            return false
        case .colon(let column):
            indent(place.inner - column - 1)
            return true
        }
    }

    /// Writes a scalar that needs no quotes and ends its line.
    mutating func plain(_ scalar: String) {
        text.append(UInt8(ascii: " "))
        text.append(contentsOf: scalar.utf8)
        text.append(UInt8(ascii: "\n"))
    }

    /// Writes a string as its content asks for and ends its line.
    mutating func string(_ string: String, at place: Place) {
        text.append(UInt8(ascii: " "))
        if let block = GoYAMLScalar.Block(string, place) {
            block.write(to: &text, indentation: place.inner)
            if block.keepsBreaks { openEnd = text.count }
        } else {
            GoYAMLScalar.write(string, to: &text)
            text.append(UInt8(ascii: "\n"))
        }
    }

    /// Ends a document: after a block that keeps its line breaks only a marker tells where it ends.
    mutating func endDocument() {
        if openEnd == text.count { text.append(contentsOf: "...\n".utf8) }
    }

    /// Begins a document that is not the first one.
    mutating func separate() {
        text.append(contentsOf: "---\n".utf8)
    }

    private mutating func indent(_ column: Int) {
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: column))
    }
}
