// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Strings as go-yaml writes them")
struct GoYAMLScalarTests {
    private func written(_ string: String) -> String {
        var text: [UInt8] = []
        GoYAMLScalar.write(string, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    @Test(
        "What reads back as the same string is plain",
        arguments: [
            "a", "a b", "a:b", "a#b", "-a", "?a", ":a", "a,b", "a[b]", "a'b\"c",
            "$(POD_IP):10249",
            "http://a/b?c=d", "10.0.0.0/8", "fd00::1/64", "::1", "1.2.3", "1.2.3.4", "v1.28.0",
            "0raF93qnkMvF-FZ=",
            "/dev/sda", "yess", "nope", "truest", "nULL", "0o8", "0x", "1:90", "12:30:x", "2026-13-01",
            "2026-02-30",
            "2026-01-31x", "é", "\u{A0}", "--", "..", "+", ".",
            "1e", "AbC+/==",
        ])
    func plain(string: String) {
        #expect(written(string) == string)
    }

    @Test(
        "What reads as something else is in double quotes",
        arguments: [
            "", "true", "True", "FALSE", "null", "~", "yes", "Yes", "NO", "on", "off", "y", "N", "1", "-1",
            "+1",
            "1.5", "1e3", ".5", "1_000", ".1_0", "0o17", "017", "08", "0x1F", "0b11", ".inf", "-.INF", ".nan",
            "1:30", "12:30:45", "00:11:22:33:44:55", "2026-01-31", "2026-1-2", "2026-01-31T12:00:00Z",
            "2026-01-31 12:30:45.5", "2024-02-29", "<<",
        ])
    func quoted(string: String) {
        #expect(written(string) == "\"\(string)\"")
    }

    @Test(
        "What YAML's own characters would spoil is in single quotes",
        arguments: [
            "- a", "-", "?", "? a", ":", ": a", "a: b", "a:", "a #b", "#a", "[a]", "{a}", "&a", "*a", "!a",
            "|", ">",
            "'a", "\"a\"", "%a", "@a", "`a", ",a", " a", "a ", "---", "...x", "---a", "it's: here",
        ])
    func single(string: String) {
        #expect(written(string) == "'" + string.replacing("'", with: "''") + "'")
    }

    @Test(
        "Control characters and what is not shown are escaped",
        arguments: [
            ("a\tb", #""a\tb""#), ("\r", #""\r""#), ("a\u{7}\u{1B}\u{0}", #""a\a\e\0""#),
            ("\u{7F}", #""\x7F""#),
            ("😀", #""\U0001F600""#), ("a\u{2028}b", #""a\Lb""#), ("\u{85}\u{FEFF}", #""\N\uFEFF""#),
            ("\"\\\t", #""\"\\\t""#), ("é\t", "\"é\\t\""),
        ])
    func escaped(string: String, text: String) {
        #expect(written(string) == text)
    }

    @Test(
        "Numbers with a fraction are written as Go writes them",
        arguments: [
            (1.5, "1.5"), (1e6, "1e+06"), (1_234_567.5, "1.2345675e+06"), (1e-5, "1e-05"), (0.0001, "0.0001"),
            (123_456.7, "123456.7"), (1e21, "1e+21"), (100_000, "100000"), (3, "3"),
            (12_345_678, "1.2345678e+07"),
            (-2.5e-7, "-2.5e-07"), (0, "0"), (1e100, "1e+100"),
        ])
    func numbers(number: Double, text: String) {
        #expect(GoYAMLScalar.number(number) == text)
    }

    @Test("Keys stand in the order of the numbers within them, letters last")
    func keys() {
        let ordered = [
            "", "-a", "0", "1", "2", "09", "10", "A", "a", "a-b", "a.b", "a1", "a2", "a10", "ab", "b",
        ]
        #expect(ordered.shuffled().sorted(by: GoYAMLKeys.precedes) == ordered)
        #expect(GoYAMLKeys.precedes("audit", "audit-version"))
        #expect(GoYAMLKeys.precedes("x1y", "x10"))
        #expect(GoYAMLKeys.precedes("foo", "metrics-bind-address"))
    }
}
