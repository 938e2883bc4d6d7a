// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Platform
import TestSupport
import Testing

@Suite("Waiting")
struct WakeupTests {
    @Test("a ring before the wait is not lost, and counts once")
    func early() async {
        let (bell, clock) = (Wakeup(), ManualClock())
        bell.ring()
        bell.ring()
        await bell.wait()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await bell.wait(until: clock.now + .seconds(1), on: clock) }
            await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
        }
    }

    @Test("a cancelled wait returns")
    func cancelled() async {
        let bell = Wakeup()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await bell.wait() }
            group.cancelAll()
        }
        bell.ring()
        await bell.wait()
    }

    @Test("a deadline cancels the operation and says so")
    func deadline() async {
        let (clock, gate) = (ManualClock(), Gate())
        await withTaskGroup(of: Int?.self) { group in
            group.addTask {
                await withDeadline(clock.now + .seconds(5), on: clock) {
                    await gate.wait()
                    return 1
                }
            }
            await clock.waitForSleepers()
            clock.advance(by: .seconds(5))
            #expect(await group.next() == .some(nil))
        }
        #expect(!gate.isOpen)
    }

    @Test("an operation in time returns its value")
    func inTime() async {
        let clock = ManualClock()
        #expect(await withDeadline(clock.now + .seconds(5), on: clock) { 7 } == 7)
    }

    @Test("an open gate lets everybody through, before and after")
    func gate() async {
        let gate = Gate()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<5 { group.addTask { await gate.wait() } }
            gate.open()
        }
        await gate.wait()
        #expect(gate.isOpen)
    }
}
