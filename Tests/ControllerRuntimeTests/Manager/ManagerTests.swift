// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ControllerRuntime

@Suite("Manager")
struct ManagerTests {
    private struct Failed: Error {}

    private let clock = ManualClock()
    private let log = Recorder<String>()
    private let lines = RecordingLogSink()
    private let abandoned = Recorder<ManagerOutcome>()
    private let signal = Gate()

    /// Runs until it is cancelled, and says when it begins and ends.
    private func runnable(_ name: String) -> Runnable {
        let log = log
        return Runnable(name: name) {
            log.append("+\(name)")
            await Gate().wait()
            log.append("-\(name)")
        }
    }

    /// Runs until it is asked to stop and `permission` is given.
    private func graceful(_ name: String, _ permission: Gate) -> Runnable {
        let (log, asked) = (log, Gate())
        return Runnable(
            name: name,
            run: {
                log.append("+\(name)")
                await asked.wait()
                if !Task.isCancelled { await permission.wait() }
                log.append("-\(name)")
            }, stop: { asked.open() })
    }

    private func cache(_ name: String, _ synced: Gate, error: APIError? = nil) -> CacheRunnable {
        CacheRunnable(
            runnable: runnable(name), waitForSync: { await synced.wait() }, hasSynced: { synced.isOpen },
            lastError: { error })
    }

    private func manager(_ parts: Manager.Parts, grace: Duration = .seconds(30)) -> Manager {
        let abandoned = abandoned
        return Manager(
            parts, gracePeriod: grace, clock: clock, logger: .recording(lines, clock),
            abandon: { abandoned.append($0) })
    }

    /// Runs the manager while `body` does, which must see to it that it ends.
    private func run(_ manager: Manager, _ body: () async -> Void) async -> ManagerOutcome {
        await withTaskGroup(of: ManagerOutcome.self) { group in
            let signal = signal
            group.addTask { await manager.run { await signal.wait() } }
            await body()
            return await group.next() ?? ManagerOutcome()
        }
    }

    private func parts(synced: Gate = Gate(), controller: Runnable? = nil) -> Manager.Parts {
        var parts = Manager.Parts()
        parts.servers = [runnable("server")]
        parts.caches = [cache("cache", synced)]
        parts.background = [runnable("background")]
        parts.controllers = [controller ?? runnable("controller")]
        return parts
    }

    @Test("parts start in order, controllers only when caches are filled, and stop in reverse")
    func order() async {
        let synced = Gate()
        let manager = manager(parts(synced: synced))
        let outcome = await run(manager) {
            await log.wait(for: 2)
            #expect(Set(log.values) == ["+server", "+cache"])
            #expect(manager.cachesSynced != .healthy)
            synced.open()
            await log.wait(for: 4)
            #expect(manager.cachesSynced == .healthy)
            #expect(manager.notStopping == .healthy)
            signal.open()
        }
        #expect(log.values.suffix(4) == ["-controller", "-background", "-cache", "-server"])
        #expect(outcome.isClean)
        #expect(outcome.exitCode == 0)
        #expect(manager.notStopping != .healthy)
    }

    @Test("work in flight is finished before what it depends on stops")
    func graceful() async {
        let (synced, permission) = (Gate(), Gate())
        synced.open()
        let outcome = await run(
            manager(parts(synced: synced, controller: graceful("controller", permission)))
        ) {
            await log.wait(for: 4)
            signal.open()
            await clock.waitForSleepers()
            #expect(!log.values.contains("-cache"))
            permission.open()
        }
        #expect(log.values.suffix(4) == ["-controller", "-background", "-cache", "-server"])
        #expect(outcome.isClean)
    }

    @Test("after the grace period what still runs is cancelled and named")
    func graceOver() async {
        let synced = Gate()
        synced.open()
        let outcome = await run(
            manager(parts(synced: synced, controller: graceful("controller", Gate())), grace: .seconds(5))
        ) {
            await log.wait(for: 4)
            signal.open()
            while clock.nextDeadline != clock.now + .seconds(5) { await Task.yield() }
            clock.advance(by: .seconds(5))
        }
        #expect(outcome.stillRunning.contains("controller"))
        #expect(outcome.exitCode == 1)
        #expect("\(outcome)".contains("controller"))
        #expect(abandoned.values.isEmpty)
    }

    @Test("without a grace period everything is cancelled at once")
    func noGrace() async {
        let synced = Gate()
        synced.open()
        let outcome = await run(
            manager(parts(synced: synced, controller: graceful("controller", Gate())), grace: .zero)
        ) {
            await log.wait(for: 4)
            signal.open()
        }
        #expect(log.values.contains("-controller"))
        #expect(!outcome.isClean)
    }

    @Test("a negative grace period waits for ever")
    func endlessGrace() async {
        let (synced, permission) = (Gate(), Gate())
        synced.open()
        let outcome = await run(
            manager(
                parts(synced: synced, controller: graceful("controller", permission)), grace: .seconds(-1))
        ) {
            await log.wait(for: 4)
            signal.open()
            clock.advance(by: .seconds(100_000))
            permission.open()
        }
        #expect(outcome.isClean)
    }

    @Test("what does not even heed cancellation is given up, by name")
    func stuck() async {
        let (log, release, abandoned) = (log, Gate(), abandoned)
        var parts = Manager.Parts()
        parts.controllers = [
            Runnable(name: "stuck") {
                log.append("+stuck")
                while !release.isOpen { await Task.yield() }
            }
        ]
        let outcome = await run(manager(parts, grace: .seconds(1))) {
            await log.wait(for: 1)
            signal.open()
            for _ in 0..<2 {
                while clock.nextDeadline != clock.now + .seconds(1) { await Task.yield() }
                clock.advance(by: .seconds(1))
            }
            await abandoned.wait(for: 1)
            release.open()
        }
        #expect(abandoned.values.first?.stillRunning == ["stuck"])
        #expect(outcome.stillRunning == ["stuck"])
    }

    @Test("the first failure stops everything and is told; a mere return is none")
    func failure() async {
        let synced = Gate()
        synced.open()
        var parts = parts(synced: synced)
        parts.background = [Runnable(name: "short") {}]
        parts.controllers.append(Runnable(name: "bad") { throw Failed() })
        let outcome = await run(manager(parts)) {}
        #expect(outcome.failures.map(\.name) == ["bad"])
        #expect(outcome.exitCode == 1)
        #expect(log.values.contains("-server"))
    }

    @Test("a failure before the caches are filled stops the start")
    func earlyFailure() async {
        var parts = parts()
        parts.servers.append(Runnable(name: "port") { throw Failed() })
        let outcome = await run(manager(parts)) {}
        #expect(outcome.failures.map(\.name) == ["port"])
        #expect(!log.values.contains("+controller"))
    }

    @Test("a cache that does not fill is logged with its reason, every two minutes, and waited for")
    func slowCache() async {
        let synced = Gate()
        let error = APIError.status(APIStatus(code: 403, reason: "Forbidden", message: "not you"))
        var parts = Manager.Parts()
        parts.caches = [cache("widgets", synced, error: error)]
        parts.controllers = [runnable("controller")]
        let manager = manager(parts)
        _ = await run(manager) {
            for _ in 0..<2 {
                while clock.nextDeadline != clock.now + .seconds(120) { await Task.yield() }
                clock.advance(by: .seconds(120))
            }
            while lines.lines.count(where: { $0.contains("not filled yet") }) < 2 { await Task.yield() }
            if case .unhealthy(let reason) = manager.cachesSynced {
                #expect(reason.contains("widgets") && reason.contains("not you"))
            }
            synced.open()
            await log.wait(for: 2)
            signal.open()
        }
        #expect(lines.lines.contains { $0.contains("widgets") && $0.contains("not you") })
    }

    @Test("it runs once, and names are unique")
    func misuse() async {
        signal.open()
        let manager = manager(Manager.Parts())
        #expect(await run(manager) {}.isClean)
        #expect(await run(manager) {}.isClean == false)
        var twins = Manager.Parts()
        twins.controllers = [runnable("a"), runnable("a")]
        #expect(await run(self.manager(twins)) {}.failures.first?.reason.contains("name") == true)
        #expect(log.values.isEmpty)
    }

    // MARK: Leader election

    private func elector(_ transport: ScriptedTransport) throws -> LeaderElector {
        LeaderElector(
            try LeaderElectionSettings(key: ObjectKey(namespace: "system", name: "op"), identity: "me"),
            client: KubernetesClient(transport, clock: clock), fence: WriteFence(clock: clock), clock: clock,
            random: { 0 }, logger: .recording(lines, clock))
    }

    private static func lease(_ holder: String) -> ScriptedTransport.Answer {
        .json(
            200,
            [
                "metadata": ["name": "op", "namespace": "system", "resourceVersion": "1"],
                "spec": ["holderIdentity": .string(holder), "leaseDurationSeconds": 15],
            ])
    }

    @Test("controllers start when we lead, and the lease is given back after everything has ended")
    func leads() async throws {
        let log = log
        let transport = ScriptedTransport { request in
            if request.method == .put,
                request.body.map({ String(decoding: $0, as: UTF8.self) })?
                    .contains("\"holderIdentity\":\"\"") == true
            {
                log.append("released")
            }
            return Self.lease("me")
        }
        var parts = Manager.Parts()
        parts.servers = [runnable("server")]
        parts.elector = try elector(transport)
        parts.controllers = [runnable("controller")]
        let outcome = await run(manager(parts)) {
            await log.wait(for: 2)
            signal.open()
        }
        #expect(outcome.isClean)
        #expect(log.values == ["+server", "+controller", "-controller", "-server", "released"])
    }

    @Test("who waits for leadership stops without having led")
    func standsBy() async throws {
        let transport = ScriptedTransport { _ in Self.lease("other") }
        var parts = Manager.Parts()
        parts.elector = try elector(transport)
        parts.controllers = [runnable("controller")]
        let outcome = await run(manager(parts)) {
            await transport.waitForRequests(1)
            signal.open()
        }
        #expect(outcome.isClean)
        #expect(log.values.isEmpty)
        #expect(transport.requests.allSatisfy { $0.method == .get })
    }

    @Test("lost leadership cancels the work at once and fails the program")
    func loses() async throws {
        let isLost = Locked(false)
        let transport = ScriptedTransport { _ in Self.lease(isLost.withLock { $0 } ? "other" : "me") }
        var parts = Manager.Parts()
        parts.elector = try elector(transport)
        parts.controllers = [graceful("controller", Gate())]
        let outcome = await run(manager(parts)) {
            await log.wait(for: 1)
            isLost.withLock { $0 = true }
            while clock.nextDeadline != clock.now + .seconds(2) { await Task.yield() }
            clock.advance(by: .seconds(2))
        }
        #expect(outcome.failures.map(\.name) == ["leader election"])
        #expect(outcome.exitCode == 1)
        #expect(log.values == ["+controller", "-controller"])
    }
}
