// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import Testing

@testable import ControllerRuntime

@Suite("Leader election")
struct LeaderElectionTests {
    private let key = ObjectKey(namespace: "system", name: "op")

    private func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
    private func time(_ seconds: Int64) -> Timestamp {
        Timestamp(nanosecondsSince1970: seconds * 1_000_000_000)
    }

    private func election() throws -> LeaderElection {
        LeaderElection(settings: try LeaderElectionSettings(key: key, identity: "me"))
    }

    private func lease(
        holder: String, duration: Int64 = 15, renewed: String = "2024-01-01T00:00:00.000000Z",
        transitions: Int64 = 4
    ) throws -> Lease {
        try Lease([
            "metadata": [
                "name": "op", "namespace": "system", "resourceVersion": "9", "labels": ["team": "x"],
            ],
            "spec": [
                "holderIdentity": .string(holder), "leaseDurationSeconds": .integer(duration),
                "renewTime": .string(renewed), "leaseTransitions": .integer(transitions),
                "strategy": "OldestEmulationVersion",
            ],
        ])
    }

    @Test(
        "settings that cannot be safe are refused by name",
        arguments: [
            (15, 15, 2, "me", "lease duration"), (15, 10, 9, "me", "renew deadline"),
            (15, 10, 0, "me", "retry period"), (15, 10, 2, "", "identity"), (0, 0, 0, "me", "retry period"),
        ])
    func settings(lease: Int, renew: Int, retry: Int, identity: String, word: String) {
        let problem = #expect(throws: LeaderElectionSettings.Problem.self) {
            try LeaderElectionSettings(
                key: key, identity: identity, leaseDuration: .seconds(lease), renewDeadline: .seconds(renew),
                retryPeriod: .seconds(retry))
        }
        #expect(problem?.description.contains(word) == true)
    }

    @Test("without a lease it makes one")
    func create() throws {
        var election = try election()
        election.observe(nil, at: at(0))
        #expect(
            election.claim(at: at(0), timestamp: time(5))
                == .create([
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": ["name": "op", "namespace": "system"],
                    "spec": [
                        "holderIdentity": "me", "leaseDurationSeconds": 15, "leaseTransitions": 0,
                        "acquireTime": "1970-01-01T00:00:05.000000Z",
                        "renewTime": "1970-01-01T00:00:05.000000Z",
                    ],
                ]))
    }

    @Test("a lease that nobody holds is taken, and counts as having changed hands")
    func free() throws {
        var election = try election()
        election.observe(try lease(holder: "", duration: 1), at: at(0))
        guard case .replace(let object) = election.claim(at: at(0), timestamp: time(5)) else {
            Issue.record("not claimed")
            return
        }
        #expect(object["spec"]?["holderIdentity"] == "me")
        #expect(object["spec"]?["leaseTransitions"] == 5)
        #expect(object["spec"]?["acquireTime"] == "1970-01-01T00:00:05.000000Z")
        #expect(object["spec"]?["strategy"] == "OldestEmulationVersion")
        #expect(object["metadata"]?["labels"] == ["team": "x"])
        #expect(object["metadata"]?["resourceVersion"] == "9")
    }

    @Test("our own lease is renewed without changing hands")
    func renew() throws {
        var election = try election()
        election.observe(try lease(holder: "me"), at: at(0))
        guard case .replace(let object) = election.claim(at: at(100), timestamp: time(5)) else {
            Issue.record("not claimed")
            return
        }
        #expect(object["spec"]?["leaseTransitions"] == 4)
        #expect(object["spec"]?["acquireTime"] == nil)
        #expect(object["spec"]?["renewTime"] == "1970-01-01T00:00:05.000000Z")
    }

    @Test("another's lease is taken when it has not changed for as long as it says, by our clock")
    func expiry() throws {
        var election = try election()
        // The times in the lease are years away from ours in either direction and do not matter.
        election.observe(try lease(holder: "other", renewed: "2050-01-01T00:00:00.000000Z"), at: at(0))
        #expect(election.claim(at: at(14), timestamp: time(0)) == .standBy)
        election.observe(try lease(holder: "other", renewed: "1980-01-01T00:00:00.000000Z"), at: at(14))
        #expect(election.claim(at: at(28), timestamp: time(0)) == .standBy)
        election.observe(try lease(holder: "other", renewed: "1980-01-01T00:00:00.000000Z"), at: at(28))
        #expect(election.claim(at: at(29), timestamp: time(0)) != .standBy)
    }

    /// What a lease that another held may look like the next time.
    enum Change: CaseIterable { case deleted, emptied, freedByHand, givenBack }

    @Test(
        "a lease that somebody takes from its holder is not claimed before the holder's time is over",
        arguments: Change.allCases)
    func robbed(_ change: Change) throws {
        var election = try election()
        election.observe(try lease(holder: "other"), at: at(0))
        let next: Lease? =
            switch change {
            case .deleted: nil
            case .emptied: try Lease(["metadata": ["name": "op", "namespace": "system"]])
            case .freedByHand: try lease(holder: "")
            case .givenBack: try lease(holder: "", duration: 1)
            }
        for seconds: Int64 in [5, 14] {
            election.observe(next, at: at(seconds))
            let claim = election.claim(at: at(seconds), timestamp: time(0))
            #expect((claim == .standBy) == (change != .givenBack))
        }
        #expect(election.claim(at: at(15), timestamp: time(0)) != .standBy)
        // The holder has noticed, and has it again.
        election.observe(try lease(holder: "other", renewed: "later"), at: at(14))
        #expect(election.claim(at: at(28), timestamp: time(0)) == .standBy)
        #expect(election.claim(at: at(29), timestamp: time(0)) != .standBy)
    }

    @Test("our own lease is made again at once when somebody takes it away")
    func ownLeaseTaken() throws {
        var election = try election()
        election.renewed(try lease(holder: "me"), sentAt: at(0), now: at(0))
        election.observe(nil, at: at(2))
        #expect(election.claim(at: at(2), timestamp: time(0)) != .standBy)
    }

    @Test("leadership reaches from the request of the last renewal to the renew deadline")
    func leaderUntil() throws {
        var election = try election()
        #expect(election.leaderUntil == nil)
        election.renewed(try lease(holder: "me"), sentAt: at(100), now: at(104))
        #expect(election.isLeader)
        #expect(election.leaderUntil == at(110))
        election.resign()
        #expect(!election.isLeader)
    }

    @Test("released, the lease is free at once; one that is not ours is not touched")
    func release() throws {
        var election = try election()
        election.observe(try lease(holder: "me"), at: at(0))
        let object = election.released(timestamp: time(7))
        #expect(object?["spec"]?["holderIdentity"] == "")
        #expect(object?["spec"]?["leaseDurationSeconds"] == 1)
        #expect(object?["spec"]?["leaseTransitions"] == 4)
        election.observe(try lease(holder: "other"), at: at(0))
        #expect(election.released(timestamp: time(7)) == nil)
    }
}
