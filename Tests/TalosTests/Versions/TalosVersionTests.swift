// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Talos version")
struct TalosVersionTests {
    @Test(
        "the first two numbers count, whatever comes after the second",
        arguments: [
            ("v1.5.5", "v1.5"), ("1.12", "v1.12"), ("v1.13.0-alpha.1", "v1.13"), ("v1.13", "v1.13"),
        ])
    func reading(text: String, version: String) {
        #expect(TalosVersion(text)?.description == version)
    }

    @Test(
        "what is no version is refused",
        arguments: ["", "v", "v1", "1.", "v1.13-rc", "v1.-3", "v1.+3", "va.b", "v1.99999999999999999999"])
    func refusing(text: String) {
        #expect(TalosVersion(text) == nil)
    }

    @Test("a version with more digits is newer")
    func order() {
        #expect(TalosVersion(minor: 9) < TalosVersion(minor: 10))
        #expect(TalosVersion(major: 2, minor: 0) > TalosVersion(minor: 13))
    }
}
