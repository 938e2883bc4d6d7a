// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("JSONStringTable")
struct JSONStringTableTests {
    @Test("gives back every string, whatever falls on its place")
    func strings() {
        var table = JSONStringTable()
        let texts =
            (0..<2000).map { "example.com/key-number-\($0 * 7919)" } + ["", "short", "ünïcödé-ünïcödé-ü"]
        for text in texts + texts {
            #expect(Array(text.utf8).withUnsafeBufferPointer { table.string($0, isASCII: false) } == text)
        }
    }

    @Test("refuses strings that are not UTF-8")
    func invalid() {
        var table = JSONStringTable()
        let bytes = [UInt8](repeating: 0xFF, count: 20)
        #expect(bytes.withUnsafeBufferPointer { table.string($0, isASCII: false) } == nil)
    }
}
