// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Strings as go-yaml writes them")
struct AccessYAMLTests {
    @Test(
        "a string is plain unless it would be read as something else",
        arguments: [
            ("abc", "abc"), ("a b", "a b"), ("10.0.0.1", "10.0.0.1"), ("https://a:6443", "https://a:6443"),
            ("", "\"\""),
            ("******", "'******'"), ("yes", "\"yes\""), ("N", "\"N\""), ("null", "\"null\""),
            ("123", "\"123\""),
            ("123456.1234567890123456", "\"123456.1234567890123456\""), ("1e3", "\"1e3\""),
            ("0x1F", "\"0x1F\""),
            ("12:30:45", "\"12:30:45\""), ("2026-01-01", "\"2026-01-01\""), ("a: b", "'a: b'"),
            ("[::1]", "'[::1]'"),
            ("a #b", "'a #b'"), ("it's", "it's"), ("'a", "'''a'"), (" a", "' a'"), ("-", "'-'"), ("-a", "-a"),
            ("a\tb", "\"a\\tb\""), ("1a", "1a"), ("fd00::1", "fd00::1"), ("...", "'...'"),
        ])
    func scalars(text: String, written: String) throws {
        #expect(AccessYAML.scalar(text) == written)
        #expect(try YAML.documents(Array(written.utf8)) == [.string(text)])
    }
}
