// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Schema")
struct SchemaTests {
    @Test("The tables name each type once and no type that is not there")
    func consistent() {
        #expect(Schema.defects == [])
    }
}
