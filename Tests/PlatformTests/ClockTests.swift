// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@Suite("Clock")
struct ClockTests {
    @Test(
        "a duration in seconds prints no more digits than it has",
        arguments: [
            (Duration.nanoseconds(53_576_843), "0.053576843"), (.nanoseconds(3_413_407), "0.003413407"),
            (.nanoseconds(93_059), "9.3059e-05"), (.seconds(2), "2.0"), (.milliseconds(-1500), "-1.5"),
            (.zero, "0.0"), (.nanoseconds(1), "1e-09"),
        ])
    func seconds(_ duration: Duration, _ text: String) {
        #expect(String(duration.seconds) == text)
    }
}
