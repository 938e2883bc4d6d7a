// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Testing

@Suite("ResourceVersion")
struct ResourceVersionTests {
    @Test(
        "compares decimal numbers of any length, and nothing else",
        arguments: [
            ("10", "9", true), ("9", "10", false), ("9", "9", false), ("123", "124", false),
            ("99999999999999999999999999", "99999999999999999999999998", true),
            ("100000000000000000000", "99999999999999999999", true), ("010", "9", nil), ("9", "010", nil),
            ("0", "1", nil), ("", "1", nil), ("1", "", nil), ("abc", "1", nil), ("1", "1a", nil),
            ("-1", "1", nil),
            ("abc", "abc", false), ("", "", false), ("١", "1", nil),
        ] as [(String, String, Bool?)])
    func comparison(left: String, right: String, expected: Bool?) {
        #expect(ResourceVersion(left).isNewer(than: ResourceVersion(right)) == expected)
    }
}
