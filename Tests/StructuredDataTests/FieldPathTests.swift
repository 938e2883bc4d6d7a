// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StructuredData

@Suite("FieldPath")
struct FieldPathTests {
    @Test("reads as people write it")
    func description() {
        let spec = FieldPath("spec")
        #expect(
            spec.appending("workers").appending(1).appending("name").description == "spec.workers[1].name")
        #expect(FieldPath("metadata", "labels", "a.b/c").description == #"metadata.labels["a.b/c"]"#)
        #expect(FieldPath("metadata", "labels", "").description == #"metadata.labels[""]"#)
        #expect(FieldPath("a\"\n").description == #"["a\"\n"]"#)
        #expect(FieldPath.root.appending(0).appending("x-y_z").description == "[0].x-y_z")
        #expect(FieldPath.root.description == "(document)")
    }

    @Test("is equal to a path of the same steps")
    func equality() {
        #expect(FieldPath("a").appending("b") == FieldPath("a", "b"))
        #expect(FieldPath("a").appending("0") != FieldPath("a").appending(0))
    }
}
