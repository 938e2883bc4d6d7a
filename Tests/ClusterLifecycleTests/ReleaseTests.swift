// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Releases")
struct ReleaseTests {
    @Test("A release is read with and without its v, and printed with it")
    func reading() {
        #expect(Release("1.12.3")?.description == "v1.12.3")
        #expect(Release("v1.13.0-beta.1")?.description == "v1.13.0-beta.1")
    }

    @Test(
        "What is no release is refused",
        arguments: ["", "v", "v1.12", "1.2.3.4", "v1.-2.3", "v1.2.3-", "v1.2.9999999999"])
    func refused(_ text: String) {
        #expect(Release(text) == nil)
    }

    @Test("Releases are compared by number, and a pre-release comes before its release")
    func order() {
        let sorted = ["v1.9.9", "v1.10.0-alpha.1", "v1.10.0", "v1.10.1"].compactMap { Release($0) }
        #expect(sorted.count == 4 && sorted == sorted.sorted())
    }
}
