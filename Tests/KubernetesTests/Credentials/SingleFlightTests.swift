// SPDX-License-Identifier: Apache-2.0
import HTTP
import TestSupport
import Testing

@testable import Kubernetes

@Suite("SingleFlight")
struct SingleFlightTests {
    private let flight = SingleFlight<String>()
    private let work = ScriptedBody()

    private func start(_ name: String) -> Task<String, Never> {
        Task {
            do {
                return try await flight.run { () async throws(APIError) in
                    try await Self.wait(for: work)
                    return "done by \(name)"
                }
            } catch {
                return "\(name) failed: \(error)"
            }
        }
    }

    private static func wait(for body: ScriptedBody) async throws(APIError) {
        do {
            _ = try await body.next()
        } catch {
            throw .transport(error)
        }
    }

    private func waitUntil(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }

    @Test("everybody gets what the first caller gets")
    func shared() async {
        let first = start("first")
        await waitUntil { flight.isBusy }
        let second = start("second")
        await waitUntil { flight.waiterCount == 1 }
        work.yield([1])
        #expect(await first.value == "done by first")
        #expect(await second.value == "done by first")
        #expect(!flight.isBusy)
    }

    @Test("a failure is everybody's")
    func failure() async {
        let first = start("first")
        await waitUntil { flight.isBusy }
        let second = start("second")
        await waitUntil { flight.waiterCount == 1 }
        work.fail(.timedOut)
        #expect(await first.value == "first failed: no response in time")
        #expect(await second.value == "second failed: no response in time")
    }

    @Test("a caller who gives up does not disturb the others")
    func waiterCancelled() async {
        let first = start("first")
        await waitUntil { flight.isBusy }
        let second = start("second")
        await waitUntil { flight.waiterCount == 1 }
        second.cancel()
        #expect(await second.value == "second failed: cancelled")
        work.yield([1])
        #expect(await first.value == "done by first")
    }

    @Test("when the first caller gives up, another does the work")
    func leaderCancelled() async {
        let leader = Task {
            await apiError { () async throws(APIError) in
                try await flight.run { () async throws(APIError) in
                    try await Self.wait(for: ScriptedBody())
                    return ""
                }
            }
        }
        await waitUntil { flight.isBusy }
        let second = start("second")
        await waitUntil { flight.waiterCount == 1 }
        leader.cancel()
        #expect(await leader.value?.isCancelled == true)
        work.yield([1])
        #expect(await second.value == "done by second")
    }
}
