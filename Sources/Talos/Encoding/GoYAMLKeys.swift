// SPDX-License-Identifier: Apache-2.0

/// The order in which go-yaml v3 writes the keys of a map (`sorter.go`): numbers within keys count as such,
/// so that `eth2` stands before `eth10`, and letters come after all other characters.
enum GoYAMLKeys {
    static func precedes(_ left: String, _ right: String) -> Bool {
        let left = Array(left.unicodeScalars)
        let right = Array(right.unicodeScalars)
        var isAfterDigit = false
        for place in 0..<min(left.count, right.count) {
            guard left[place] != right[place] else {
                isAfterDigit = isDigit(left[place])
                continue
            }
            switch (left[place].properties.isAlphabetic, right[place].properties.isAlphabetic) {
            case (true, true): return left[place] < right[place]
            // After a digit it is the letter that ends a number, and the shorter one comes first.
            case (true, false): return isAfterDigit
            case (false, true): return !isAfterDigit
            case (false, false): return numberPrecedes(left, right, at: place)
            }
        }
        return left.count < right.count
    }

    private static func numberPrecedes(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar], at place: Int)
        -> Bool
    {
        // A zero within a number is a digit of it, one at its beginning is not.
        let isWithin =
            (left[place] == "0" || right[place] == "0")
            && left[..<place].reversed().prefix(while: isDigit).contains { $0 != "0" }
        let leftDigits = left[place...].prefix(while: isDigit)
        let rightDigits = right[place...].prefix(while: isDigit)
        let start = isWithin ? 1 : 0
        let leftNumber = number(leftDigits, start)
        let rightNumber = number(rightDigits, start)
        if leftNumber != rightNumber { return leftNumber < rightNumber }
        if leftDigits.count != rightDigits.count { return leftDigits.count < rightDigits.count }
        return left[place] < right[place]
    }

    private static func number(_ digits: ArraySlice<Unicode.Scalar>, _ start: Int) -> Int {
        digits.reduce(start) { $0 &* 10 &+ Int($1.value) &- 0x30 }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        (0x30...0x39).contains(scalar.value)
    }
}
