// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Platform

@Suite("Random")
struct RandomTests {
    @Test("makes UUIDs of version 4 that differ")
    func uuid() {
        let uuids = (0..<100).map { _ in Random.uuid() }
        #expect(Set(uuids).count == 100)
        for uuid in uuids {
            let parts = uuid.split(separator: "-", omittingEmptySubsequences: false)
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts[2].first == "4")
            #expect("89ab".contains(parts[3].first ?? " "))
            #expect(uuid.allSatisfy { $0 == "-" || $0.isHexDigit && !$0.isUppercase })
        }
    }

    @Test("makes as much as asked for")
    func sizes() {
        #expect(Random.bytes(0).isEmpty)
        #expect(Random.bytes(33).count == 33)
        #expect(Random.hexadecimal(digits: 7).count == 7)
        #expect((0..<1000).allSatisfy { _ in (0..<1).contains(Random.fraction()) })
    }
}
