// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import Testing

@Suite("ThreadExecutor")
struct ThreadExecutorTests {
    /// Notes on which threads it ran, and whether two calls ever ran at once.
    private actor Diary {
        private nonisolated let executor: ThreadExecutor
        private(set) var threads: Set<UInt> = []
        private(set) var order: [Int] = []

        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        init() throws {
            executor = try ThreadExecutor()
        }

        func note(_ number: Int) {
            threads.insert(UInt(pthread_self()))
            order.append(number)
        }
    }

    @Test("An actor runs on its one thread, which is not the caller's")
    func oneThread() async throws {
        let diary = try Diary()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<100 { group.addTask { await diary.note(number) } }
        }
        #expect(await diary.threads.count == 1)
        #expect(await diary.order.sorted() == Array(0..<100))
    }

    @Test("Two actors do not wait for each other")
    func twoThreads() async throws {
        let (first, second) = (try Diary(), try Diary())
        await first.note(1)
        await second.note(2)
        #expect(await first.threads.isDisjoint(with: await second.threads))
    }

    @Test("Actors that come and go leave nothing that breaks")
    func lifetime() async throws {
        for number in 0..<50 {
            let diary = try Diary()
            await diary.note(number)
        }
    }
}
