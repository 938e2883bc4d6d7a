// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import TalosOperator

@Suite("GoDuration")
struct GoDurationTests {
    @Test(
        "reads what Go programs write",
        arguments: [
            ("0", Duration.zero), ("30s", .seconds(30)), ("1m30s", .seconds(90)), ("1.5h", .seconds(5400)),
            ("250ms", .milliseconds(250)), ("2h45m10s", .seconds(9910)), ("1us", .microseconds(1)),
            ("1µs", .microseconds(1)), ("7ns", .nanoseconds(7)), ("0s", .zero), ("0.1s", .milliseconds(100)),
        ])
    func reading(text: String, expected: Duration) {
        #expect(GoDuration.parse(text) == expected)
    }

    @Test(
        "refuses what is not a duration",
        arguments: [
            "", "s", "30", "-1s", "+1s", "1d", "1s ", " 1s", "1.s", ".5s", "1..5s", "1e3s", "30 s", "infs",
            "99999999999999999999h", "9999999h", "1h1", "1S",
        ])
    func refusal(text: String) {
        #expect(GoDuration.parse(text) == nil)
    }

    @Test(
        "writes text that reads back as the same duration",
        arguments: [
            (Duration.seconds(90), "1m30s"), (.zero, "0s"), (.milliseconds(1500), "1s500ms"),
            (.seconds(86_400), "24h"), (.nanoseconds(1), "1ns"), (.milliseconds(-5), "0s"),
        ])
    func writing(duration: Duration, text: String) {
        #expect(GoDuration.text(duration) == text)
        #expect(GoDuration.parse(text) == max(duration, .zero))
    }
}
