// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ControllerRuntime

@Suite("Backoff")
struct BackoffTests {
    @Test(
        "the reconcile back-off doubles from 1 s to 5 min",
        arguments: [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (9, 256), (10, 300), (11, 300), (40, 300)])
    func reconcile(failures: Int, seconds: Int) {
        #expect(Backoff.reconcile.delay(failures: failures, random: 0.9) == .seconds(seconds))
    }

    @Test("no number of failures overflows", arguments: [0, -5, 64, 1000, Int.max])
    func overflow(failures: Int) {
        let wide = Backoff(initial: .milliseconds(5), maximum: .seconds(1_000_000))
        #expect(wide.delay(failures: failures, random: 0) > .zero)
        #expect(wide.delay(failures: failures, random: 0) <= .seconds(1_000_000))
    }

    @Test("jitter adds up to its share", arguments: [(0.0, 30.0), (0.5, 45.0), (0.999, 59.97)])
    func jitter(random: Double, seconds: Double) {
        let delay = Backoff.reflector.delay(failures: 20, random: random)
        #expect(abs(delay / .seconds(1) - seconds) < 0.001)
    }

    @Test(
        "a requeue moves by its share in either direction",
        arguments: [(0.0, 27.0), (0.5, 30.0), (1.0, 33.0)])
    func requeue(random: Double, seconds: Double) {
        #expect(abs(Duration.seconds(30).jittered(by: 0.1, random: random) / .seconds(1) - seconds) < 0.001)
    }
}
