// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Platform

@Suite("Timestamp")
struct TimestampTests {
    @Test(
        "writes and reads RFC 3339 text",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (1_704_110_400, "2024-01-01T12:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
        ])
    func roundTrip(seconds: Int64, text: String) {
        let time = Timestamp(nanosecondsSince1970: seconds * 1_000_000_000)
        #expect(time.rfc3339() == text)
        #expect(Timestamp(rfc3339: text) == time)
    }

    @Test("writes the digits that the precision asks for and cuts the rest")
    func precision() {
        let time = Timestamp(nanosecondsSince1970: 1_704_110_400_012_345_678)
        #expect(time.rfc3339(.milliseconds) == "2024-01-01T12:00:00.012Z")
        #expect(time.rfc3339(.microseconds) == "2024-01-01T12:00:00.012345Z")
    }

    @Test("reads offsets and any number of digits up to nine")
    func offsets() {
        let expected = Timestamp(nanosecondsSince1970: 1_704_110_400_500_000_000)
        #expect(Timestamp(rfc3339: "2024-01-01T14:00:00.5+02:00") == expected)
        #expect(Timestamp(rfc3339: "2024-01-01t06:30:00.500000000-05:30") == expected)
    }

    @Test(
        "refuses what is not a time",
        arguments: [
            "", "2024", "2024-01-01", "2024-01-01 12:00:00Z", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00.1234567890Z", "2024-01-01T00:00:00Zx", "9999-01-01T00:00:00Z",
        ])
    func refusal(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test("every day from 1900 to 2100 is itself again after a round trip")
    func everyDay() {
        for day in -25_567...47_482 {
            #expect(CivilDate(daysSince1970: day).daysSince1970 == day)
        }
    }

    @Test("a time moves by a duration, and stays within what there is")
    func addition() {
        #expect((Timestamp(nanosecondsSince1970: 5) + .nanoseconds(-7)).nanosecondsSince1970 == -2)
        #expect(
            Timestamp(nanosecondsSince1970: .max - 1) + .seconds(1) == Timestamp(nanosecondsSince1970: .max))
        #expect(
            Timestamp(nanosecondsSince1970: .min + 1) + .seconds(-1) == Timestamp(nanosecondsSince1970: .min))
    }
}
