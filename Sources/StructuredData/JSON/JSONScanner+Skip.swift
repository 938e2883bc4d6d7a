// SPDX-License-Identifier: Apache-2.0

extension JSONScanner {
    /// Passes over the array or object that begins here.
    ///
    /// Its strings must end and its brackets must match in number; nothing else is looked at. It does not
    /// recurse, so the depth is not limited.
    mutating func skipContainer() throws(JSONFault) {
        var open = 0
        repeat {
            guard position < bytes.count else { throw unexpected("a closing bracket") }
            switch bytes[position] {
            case UInt8(ascii: "\""): try skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["): open += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): open -= 1
            default: break
            }
            position += 1
        } while open > 0
    }

    /// Moves from the opening to the closing quote.
    private mutating func skipString() throws(JSONFault) {
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < bytes.count else {
            position = bytes.count
            throw unexpected("the closing quote")
        }
    }
}
