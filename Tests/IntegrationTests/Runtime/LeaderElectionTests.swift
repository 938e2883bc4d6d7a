// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Kubernetes
import Observability
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Leader election on a real API server", .timeLimit(.minutes(15)))
struct LeaderElectionTests {
    @Test("of three candidates one leads at any time, and the lease goes round when leaders vanish")
    func threeCandidates() async throws {
        let bench = try await Bench.shared("three")
        let leaders = Journal<String>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<3 {
                let candidate = try Candidate(bench, "candidate-\(number)", .short)
                group.addTask {
                    await candidate.elector.acquire()
                    guard candidate.elector.isLeader else { return }
                    leaders.append(candidate.name)
                    await candidate.writeInTime()
                    // As a process that is killed: nothing is renewed and nothing given back.
                }
            }
            try await group.waitForAll()
        }
        #expect(Set(leaders.entries) == ["candidate-0", "candidate-1", "candidate-2"])
        let lease = try await bench.client.get(Lease.self, bench.key("lease"))
        #expect(lease.transitions == 2)
        #expect(lease.holder == leaders.entries.last)
    }

    @Test("a lease that is given back is taken at once, and the old leader may write no more")
    func release() async throws {
        let bench = try await Bench.shared("release")
        let (first, second) = (try Candidate(bench, "first"), try Candidate(bench, "second"))
        await first.elector.acquire()
        try await first.write()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await second.elector.acquire() }
            try await second.log.lines.first { $0.contains("Lease holder") }
            await first.elector.release()
            let free = try await bench.client.get(Lease.self, bench.key("lease"))
            #expect(free.holder == "" || free.holder == "second")
            #expect(await apiError { try await first.write() } == .fenced)
            try await group.waitForAll()
        }
        try await second.write()
        let lease = try await bench.client.get(Lease.self, bench.key("lease"))
        #expect(lease.holder == "second")
        #expect(lease.transitions == 1)
        #expect(!first.elector.isLeader)
    }

    @Test("a leader that stands still may not write when it moves again, and learns that it leads no more")
    func frozenLeader() async throws {
        let bench = try await Bench.shared("frozen-leader")
        let clock = FreezableClock()
        let (first, second) = (
            try Candidate(bench, "first", .short, clock: clock), try Candidate(bench, "second", .short)
        )
        await first.elector.acquire()
        await first.writeInTime()
        clock.freeze()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: LeadershipLost.self) { try await first.elector.keep() }
            }
            await second.elector.acquire()
            await second.writeInTime()
            // The elector still believes to lead; the fence does not.
            #expect(first.elector.isLeader)
            #expect(await apiError { try await first.write() } == .fenced)
            clock.thaw()
            try await group.waitForAll()
        }
        #expect(!first.elector.isLeader)
        let lease = try await bench.client.get(Lease.self, bench.key("lease"))
        #expect(lease.holder == "second")
    }

    @Test("a leader whose renewals go nowhere stops before another may begin")
    func blackHole() async throws {
        let bench = try await Bench.shared("black-hole")
        let (first, second) = (try Candidate(bench, "first", .short), try Candidate(bench, "second", .short))
        await first.elector.acquire()
        first.link.swallow { $0.target.contains("/leases/") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await #expect(throws: LeadershipLost.self) { try await first.elector.keep() }
            }
            await second.elector.acquire()
            // Whether or not the first has been given the time to notice.
            #expect(await apiError { try await first.write() } == .fenced)
            try await group.waitForAll()
        }
    }

    @Test("a lease that others edit stays ours, with what they wrote, and costs the longer way once")
    func foreignEdit() async throws {
        let bench = try await Bench.shared("foreign-edit")
        let leader = try Candidate(bench, "leader")
        await leader.elector.acquire()
        let key = bench.key("lease")
        try await leader.whileKeeping {
            let edited = try await bench.client.mergePatch(
                Lease.self, key,
                ["metadata": ["annotations": ["somebody": "was here"], "labels": ["a": "b"]]])
            let seen = Locked(Set([edited.metadata.resourceVersion]))
            try await bench.client.waitFor(Lease.self, key) { lease in
                seen.withLock { versions in
                    versions.insert(lease.metadata.resourceVersion)
                    return versions.count >= 3
                }
            }
        }
        let lease = try await bench.client.get(Lease.self, key)
        #expect(lease.holder == "leader")
        #expect(lease.metadata.annotations == ["somebody": "was here"])
        #expect(lease.metadata.labels == ["a": "b"])
        #expect(lease.transitions == 0)
        #expect(leader.slowPaths.withLock { $0 } == 1)
    }

    @Test("a lease that is given to another by hand is lost at once")
    func stolen() async throws {
        let bench = try await Bench.shared("stolen")
        let leader = try Candidate(bench, "leader")
        await leader.elector.acquire()
        _ = try await bench.client.mergePatch(
            Lease.self, bench.key("lease"), ["spec": ["holderIdentity": "thief"]])
        await #expect(throws: LeadershipLost.self) { try await leader.elector.keep() }
        #expect(await apiError { try await leader.write() } == .fenced)
        let lease = try await bench.client.get(Lease.self, bench.key("lease"))
        #expect(lease.holder == "thief")
    }

    @Test("a lease that is deleted is made again by whoever leads")
    func deleted() async throws {
        let bench = try await Bench.shared("deleted")
        let leader = try Candidate(bench, "leader")
        await leader.elector.acquire()
        let key = bench.key("lease")
        try await leader.whileKeeping {
            let old = try await bench.client.get(Lease.self, key)
            _ = try await bench.client.delete(Lease.self, key)
            let new = try await bench.client.waitFor(Lease.self, key) { lease in
                lease.metadata.uid != old.metadata.uid
            }
            #expect(new.holder == "leader")
        }
        #expect(leader.elector.isLeader)
    }

    @Test("a leader keeps its lease while its other requests fill the server")
    func underLoad() async throws {
        let bench = try await Bench.shared("under-load")
        let leader = try Candidate(bench, "leader")
        await leader.elector.acquire()
        let before = try await bench.client.get(Lease.self, bench.key("lease"))
        try await leader.whileKeeping {
            try await bench.fill(1000, width: 64)
            try await bench.client.waitFor(Lease.self, bench.key("lease")) { lease in
                lease.metadata.resourceVersion != before.metadata.resourceVersion
            }
        }
        #expect(leader.elector.isLeader)
        try await leader.write()
        let lease = try await bench.client.get(Lease.self, bench.key("lease"))
        #expect(lease.transitions == 0)
    }

    @Test("a candidate without permission says so where probes and logs show it, and goes on trying")
    func forbidden() async throws {
        let bench = try await Bench.shared("no-lease")
        let user = "candidate-in-\(bench.namespace)"
        let configuration = try await bench.controlPlane.configuration(ofUser: user)
        let candidate = try Candidate(bench, "candidate", configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await candidate.elector.acquire() }
            try await candidate.log.lines.first { $0.contains("Lease request failed") }
            guard case .unhealthy(let reason) = candidate.elector.readiness else {
                Issue.record("a candidate that may not stand counts as ready")
                return
            }
            #expect(reason.contains("403 Forbidden"))
            try await bench.controlPlane.grant(
                user, in: bench.namespace, group: "coordination.k8s.io", resources: ["leases"],
                verbs: ["get", "create", "update"])
            try await group.waitForAll()
        }
        #expect(candidate.elector.isLeader)
        #expect(candidate.elector.readiness == .healthy)
    }
}

/// A process that stands for election.
private struct Candidate: Sendable {
    /// How long a leader may be silent: lease duration and renew deadline.
    struct Patience {
        let lease: Duration
        let renewal: Duration

        /// As short as a busy machine allows, for tests that wait until a lease has run out.
        static let short = Patience(lease: .seconds(10), renewal: .seconds(8))
        /// For tests in which no lease runs out.
        static let long = Patience(lease: .seconds(60), renewal: .seconds(50))
    }

    let name: String
    let elector: LeaderElector
    /// The way to the server of the elector and of `write`.
    let link: NetworkLink
    let log = JournalSink()
    let slowPaths = Locked(0)
    private let fenced: KubernetesClient
    private let key: ObjectKey

    init(
        _ bench: Bench, _ name: String, _ patience: Patience = .long, clock: any Clock = SystemClock(),
        configuration: ClusterConfiguration? = nil
    ) throws {
        self.name = name
        let settings = try LeaderElectionSettings(
            key: bench.key("lease"), identity: name, leaseDuration: patience.lease,
            renewDeadline: patience.renewal, retryPeriod: .seconds(1))
        let fence = WriteFence(clock: clock)
        var (client, link) = try bench.controlPlane.linkedClient(
            try configuration ?? bench.controlPlane.adminConfiguration())
        self.link = link
        elector = LeaderElector(
            settings, client: client, fence: fence, clock: clock, random: { .random(in: 0..<1) },
            logger: Logger(sink: log, clock: SystemClock()),
            observer: LeaderElectorObserver(slowPath: { [slowPaths] in slowPaths.withLock { $0 += 1 } }))
        client.fence = fence
        fenced = client
        key = bench.key("work-of-\(name)")
    }

    /// What only a leader may do.
    func write() async throws {
        _ = try await fenced.apply(ConfigMap.self, key, TestResources.configMap(key.name))
    }

    /// Writes, unless the machine was so slow that the lease has run out meanwhile.
    func writeInTime() async {
        let error = await apiError { try await write() }
        #expect(error == nil || error == .fenced)
    }

    /// Runs `work` while the lease is renewed; to lose it fails the test.
    func whileKeeping(_ work: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await elector.keep() }
            group.addTask { try await work() }
            try await group.next()
            group.cancelAll()
        }
    }
}

/// The machine's clock, whose sleepers a test can keep asleep: a process that gets no time.
private final class FreezableClock: Clock {
    private let thawed = Locked<Latch?>(nil)
    private let system = SystemClock()

    var now: Instant { system.now }
    var timestamp: Timestamp { system.timestamp }

    func sleep(until deadline: Instant) async throws {
        try await system.sleep(until: deadline)
        await thawed.withLock { $0 }?.wait()
    }

    func freeze() { thawed.withLock { $0 = Latch() } }

    func thaw() {
        let latch = thawed.withLock { latch in
            defer { latch = nil }
            return latch
        }
        latch?.open()
    }
}
