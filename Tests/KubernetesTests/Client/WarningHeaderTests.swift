// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Kubernetes

@Suite("WarningHeader")
struct WarningHeaderTests {
    @Test(
        "reads the texts of code 299",
        arguments: [
            ([#"299 - "old API""#], ["old API"]),
            ([#"299 kube "a", 299 - "b, c""#, #"299 - "d""#], ["a", "b, c", "d"]),
            ([#"299 - "say \"hi\" \\ there""#], [#"say "hi" \ there"#]),
            ([#"299 - "dated" "Sat, 25 Aug 2012 23:34:45 GMT",299 - "next""#], ["dated", "next"]),
            ([#"199 - "misc", 299 - "kept""#], ["kept"]), ([#"  299  -  "blanks"  "#], ["blanks"]),
            (["299 - \"a\u{1B}[31m\u{7}b\""], ["a[31mb"]), ([#"299 - """#], [""]),
        ])
    func texts(fields: [String], expected: [String]) {
        #expect(WarningHeader.texts(in: fields) == expected)
    }

    @Test(
        "leaves out what is malformed",
        arguments: [
            "", "299", "299 -", #"299 - "open"#, #"299 - "open\"#, "299 - text", #"29 - "a""#, #"- "a""#,
            #"299 "a""#, #"299 - "a" "date"#,
        ])
    func malformed(field: String) {
        #expect(WarningHeader.texts(in: [field]).isEmpty)
    }

    @Test("a filter lets each text through once and forgets the oldest")
    func filter() {
        let filter = WarningFilter(limit: 2)
        #expect(["a", "a", "b", "b"].map(filter.admits) == [true, false, true, false])
        #expect(["c", "b", "c", "a"].map(filter.admits) == [true, false, false, true])
    }
}
