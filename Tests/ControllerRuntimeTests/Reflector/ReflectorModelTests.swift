// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Observability
import Platform
import TestSupport
import Testing

@testable import ControllerRuntime

/// Follows the changes that handlers hear of and notes what cannot be true.
private final class Shadow: Sendable {
    struct State {
        var objects: [ObjectKey: Widget] = [:]
        var faults: [String] = []
    }

    let state = Locked(State())

    func apply(_ change: StoreChange<Widget>) {
        state.withLock { state in
            guard let key = change.key else { return state.faults.append("a change of nothing") }
            if state.objects[key] != change.old { state.faults.append("\(key): not the last state") }
            if let old = change.old, let new = change.new, old.metadata.uid != new.metadata.uid {
                state.faults.append("\(key): one object turned into another")
            }
            state.objects[key] = change.new
        }
    }
}

@Suite("Reflector against a random server")
struct ReflectorModelTests {
    @Test(
        "whatever the server does, the store becomes what the server has, and handlers hear every step",
        arguments: 0..<300)
    func convergence(seed: UInt64) async throws {
        let (clock, server, shadow) = (ManualClock(), ModelServer(seed: seed), Shadow())
        let (store, writers) = Store<Widget>.make()
        let reflector = Reflector(
            client: KubernetesClient(server, clock: clock), into: try #require(writers.first),
            handlers: [{ shadow.apply($0) }], clock: clock, random: { 0.3 }, logger: .silent(clock))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await reflector.run() }
            var random = SeededGenerator(seed: seed &+ 1_000_000)
            for _ in 0..<60 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5: server.write()
                case 5..<7: server.disturb()
                default: clock.advance(by: .milliseconds(Int.random(in: 1..<20_000, using: &random)))
                }
                for _ in 0..<Int.random(in: 0..<6, using: &random) { await Task.yield() }
            }
            server.stopFaults()
            await settle(store, server, clock)
            if seed % 3 == 0 {
                server.restoreBackup()
                await settle(store, server, clock)
            }
            group.cancelAll()
        }
        #expect(
            Dictionary(uniqueKeysWithValues: store.list().map { ($0.metadata.name, $0) }) == server.objects)
        #expect(shadow.state.withLock { $0.faults } == [])
        #expect(Set(shadow.state.withLock { $0.objects.values }) == Set(server.objects.values))
    }

    /// Lets time pass until the store is right, for a thousand sleeps at most.
    ///
    /// Time passes only for those who sleep, however long the system keeps the others from running.
    private func settle(_ store: Store<Widget>, _ server: ModelServer, _ clock: ManualClock) async {
        var sleeps = 0
        while !(store.hasSynced && Set(store.list()) == Set(server.objects.values)), sleeps < 1000 {
            for _ in 0..<20 { await Task.yield() }
            guard let deadline = clock.nextDeadline else { continue }
            clock.advance(by: deadline - clock.now)
            sleeps += 1
        }
    }
}
