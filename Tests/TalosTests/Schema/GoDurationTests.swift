// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Go durations")
struct GoDurationTests {
    @Test(
        "are read and written as Go does",
        arguments: [
            ("0", "0s"), ("0s", "0s"), ("1m", "1m0s"), ("90s", "1m30s"), ("1h", "1h0m0s"),
            ("168h", "168h0m0s"),
            ("1h30m", "1h30m0s"), ("1.5h", "1h30m0s"), ("1.5s", "1.5s"), ("100ms", "100ms"),
            ("1500us", "1.5ms"),
            ("1\u{3BC}s", "1\u{B5}s"), ("1\u{B5}s", "1\u{B5}s"), ("10ns", "10ns"), ("-1m", "-1m0s"),
            ("+2s", "2s"), (".5s", "500ms"),
            ("1.s", "1s"), ("1m1m", "2m0s"), ("2562047h47m16.854775807s", "2562047h47m16.854775807s"),
            ("-2562047h47m16.854775808s", "-2562047h47m16.854775808s"), ("0.0000000019s", "1ns"),
        ])
    func valid(text: String, written: String) throws {
        #expect(try #require(GoDuration(text)).description == written)
    }

    @Test(
        "are nothing else",
        arguments: [
            "", "1", "s", "1 s", "1d", "1hh", "h1", "-", "+", ".s", "1m ", "--1s", "2562048h", "1e3s",
            "99999999999h",
        ])
    func invalid(text: String) {
        #expect(GoDuration(text) == nil)
    }
}
