// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Model checker: what happened on the way")
struct TrailTests {
    // MARK: History

    /// Cluster `a` of one control plane Machine and `workers` workers.
    private static func cluster(
        _ revision: Int64, workers: Int, controlPlane: Int = 1, generation: Int64, observed: Int64 = 0,
        isDeleting: Bool = false, hasFinalizer: Bool = true, uid: String = "uid-a", isBroken: Bool = false
    ) -> Change {
        var intent = ClusterIntent(name: "a")
        intent.workers = [ClusterIntent.Group(name: "w", replicas: workers)]
        (intent.controlPlane, intent.isBroken) = (controlPlane, isBroken)
        var metadata: JSONObject = ["uid": .string(uid), "generation": .integer(generation)]
        if hasFinalizer { metadata["finalizers"] = ["cluster.vitistack.io/finalizer"] }
        if isDeleting { metadata["deletionTimestamp"] = "2024-01-01T00:00:00Z" }
        return Change(
            revision, .cluster, "a",
            [
                "metadata": .object(metadata), "spec": intent.spec,
                "status": ["observedGeneration": .integer(observed)],
            ])
    }

    private static func machine(
        _ revision: Int64, _ name: String, uid: String? = nil, isDeleting: Bool = false
    ) -> Change {
        var metadata: JSONObject = [
            "uid": .string(uid ?? "uid-\(name)"), "ownerReferences": [["uid": "uid-a", "controller": true]],
        ]
        if isDeleting { metadata["deletionTimestamp"] = "2024-01-01T00:00:00Z" }
        return Change(revision, .machine, name, ["metadata": .object(metadata)])
    }

    private static func gone(_ revision: Int64, _ name: String, _ kind: Change.Kind = .machine) -> Change {
        Change(revision, kind, name, nil)
    }

    struct History: Sendable, CustomTestStringConvertible {
        let clause: Clause?
        let testDescription: String
        let changes: [Change]
        var ledger = Ledger()

        init(
            _ clause: Clause?, _ what: String, _ changes: [Change], _ fill: (inout Ledger) -> Void = { _ in }
        ) {
            (self.clause, testDescription, self.changes) = (clause, what, changes)
            fill(&ledger)
        }
    }

    @Test("each change that nobody asked for is found, and no other", arguments: sound + unsound)
    func history(_ history: History) {
        var checker = HistoryChecker()
        for change in history.changes { checker.take(change, history.ledger) }
        #expect(Set(checker.violations.map(\.clause)) == Set(history.clause.map { [$0] } ?? []))
    }

    private static let born = [
        cluster(1, workers: 2, generation: 1), machine(2, "a-cp-0"), machine(3, "a-w-0"), machine(4, "a-w-1"),
        cluster(5, workers: 2, generation: 1, observed: 1),
    ]

    private static let sound: [History] = [
        History(
            nil, "a cluster is made and scaled down",
            born + [
                cluster(6, workers: 1, generation: 2, observed: 1), gone(7, "a-w-1"),
                cluster(8, workers: 1, generation: 2, observed: 2),
            ]),
        History(
            nil, "the operator does not know yet that it is scaled up again",
            born + [
                cluster(6, workers: 1, generation: 2, observed: 1),
                cluster(7, workers: 2, generation: 3, observed: 1), gone(8, "a-w-1"),
                machine(9, "a-w-1", uid: "x"),
            ]),
        History(nil, "the workload deletes a Machine", born + [gone(6, "a-w-1")]) {
            $0.deleted = ["uid-a-w-1"]
        },
        History(
            nil, "a cluster is deleted",
            born + [
                cluster(6, workers: 2, generation: 2, observed: 1, isDeleting: true),
                machine(7, "a-cp-0", isDeleting: true), gone(8, "a-w-0"), gone(9, "a-w-1"),
                gone(10, "a-cp-0"),
                gone(11, "a", .cluster),
            ]),
        History(
            nil, "the API server overlooks the finalizer",
            [
                cluster(1, workers: 1, generation: 1), gone(2, "a", .cluster), machine(3, "a-w-0"),
                gone(4, "a-w-0"),
            ]),
        History(
            nil, "somebody else's Machine comes and goes", born + [machine(6, "a-w-2"), gone(7, "a-w-2")]
        ) {
            ($0.everForeign, $0.deleted) = (["uid-a-w-2"], ["uid-a-w-2"])
        },
    ]

    private static let unsound: [History] = [
        History(
            .createdTwice, "a Machine is in the place of another", born + [machine(6, "a-w-0", uid: "x")]),
        History(.createdUnasked, "a Machine that no specification has", born + [machine(6, "a-w-2")]),
        History(
            .createdUnasked, "a Machine of a specification long seen to be over",
            born + [
                cluster(6, workers: 1, generation: 2, observed: 2), gone(7, "a-w-1"),
                machine(8, "a-w-1", uid: "x"),
            ]),
        History(
            .createdUnasked, "a Machine of a cluster that is gone",
            [
                cluster(1, workers: 1, generation: 1, isDeleting: true), gone(2, "a", .cluster),
                machine(3, "a-w-0"),
            ]),
        History(
            .createdBeforeFinalizer, "a Machine before the finalizer",
            [
                cluster(1, workers: 1, generation: 1, hasFinalizer: false), machine(2, "a-w-0"),
            ]),
        History(.deletedUnasked, "a Machine that is wanted", born + [gone(6, "a-w-1")]),
        History(
            .deletedUnasked, "a Machine that is wanted begins to go",
            born + [
                machine(6, "a-w-1", isDeleting: true)
            ]),
        History(
            .deletedUnasked, "a Machine of a specification that has become invalid",
            born + [
                cluster(6, workers: 2, generation: 2, observed: 1, isBroken: true),
                cluster(7, workers: 2, generation: 2, observed: 2, isBroken: true), gone(8, "a-w-1"),
            ]),
        History(
            .controlPlaneTogether, "two of the control plane at a time",
            [
                cluster(1, workers: 0, controlPlane: 3, generation: 1), machine(2, "a-cp-0"),
                machine(3, "a-cp-1"),
                machine(4, "a-cp-2"), cluster(5, workers: 0, generation: 2),
                machine(6, "a-cp-2", isDeleting: true), machine(7, "a-cp-1", isDeleting: true),
            ]),
        History(
            .foreignTouched, "somebody else's Machine is changed",
            born + [
                machine(6, "a-w-2"), machine(7, "a-w-2"),
            ]
        ) { $0.everForeign = ["uid-a-w-2"] },
        History(
            .foreignTouched, "somebody else's Machine is deleted",
            born + [
                machine(6, "a-w-2"), gone(7, "a-w-2"),
            ]
        ) { $0.everForeign = ["uid-a-w-2"] },
        History(
            .foreignTouched, "somebody else's cluster is changed",
            [
                cluster(1, workers: 0, generation: 1), cluster(2, workers: 0, generation: 1, observed: 1),
            ]
        ) { $0.everForeign = ["uid-a"] },
    ]

    // MARK: Audit log

    private static func request(
        _ second: Int, _ user: String, _ verb: String, _ resource: String, _ name: String,
        _ status: Int = 200,
        subresource: String = ""
    ) -> AuditEntry {
        AuditEntry([
            "verb": .string(verb), "user": ["username": .string(user)],
            "objectRef": [
                "resource": .string(resource), "name": .string(name), "subresource": .string(subresource),
            ],
            "responseStatus": ["code": .integer(Int64(status))],
            "requestReceivedTimestamp": .string(time(second).rfc3339(.microseconds)),
        ])
    }

    private static func time(_ second: Int) -> Timestamp {
        Timestamp(nanosecondsSince1970: 1_700_000_000_000_000_000 + Int64(second) * 1_000_000_000)
    }

    struct Log: Sendable, CustomTestStringConvertible {
        let clause: Clause?
        let testDescription: String
        let entries: [AuditEntry]

        init(_ clause: Clause?, _ what: String, _ entries: [AuditEntry]) {
            (self.clause, testDescription, self.entries) = (clause, what, entries)
        }
    }

    @Test("each request that nobody should make is found, and no other", arguments: logs)
    func audit(_ log: Log) {
        var checker = AuditChecker()
        checker.incarnations = [
            .init(user: "one", ended: Self.time(50)), .init(user: "two"), .init(user: "three"),
        ]
        checker.quietPoints = [Self.time(10), Self.time(20)]
        let violations = checker.violations(log.entries, creations: ["a-w-0": 1])
        #expect(Set(violations.map(\.clause)) == Set(log.clause.map { [$0] } ?? []))
    }

    private static let logs: [Log] = [
        Log(
            nil, "a cluster is made, changed by a user, and reported on",
            [
                request(1, "one", "patch", "machines", "a-w-0", 201),
                request(2, "one", "patch", "kubernetesclusters", "a", subresource: "status"),
                request(3, "one", "create", "events", ""), request(4, "one", "update", "leases", "l"),
                request(11, "admin", "patch", "kubernetesclusters", "a"),
                request(12, "one", "patch", "machines", "a-w-0"),
                request(21, "one", "update", "leases", "l"), request(22, "one", "watch", "machines", ""),
            ]),
        Log(
            nil, "leaders follow one another",
            [
                request(1, "one", "patch", "machines", "a-w-0"),
                request(2, "two", "patch", "machines", "a-w-0"),
                request(3, "three", "patch", "machines", "a-w-0"),
            ]),
        Log(
            nil, "what the network held of one that is dead arrives",
            [
                request(21, "admin", "patch", "kubernetesclusters", "a"),
                request(22, "one", "patch", "machines", "a-w-0"),
                request(23, "two", "patch", "machines", "a-w-0"),
                request(51, "one", "patch", "machines", "a-w-0"),
            ]),
        Log(.forbiddenWrite, "a ConfigMap is written", [request(1, "one", "update", "configmaps", "x")]),
        Log(
            .forbiddenWrite, "a Machine's status is written",
            [
                request(1, "one", "patch", "machines", "a-w-0", subresource: "status")
            ]),
        Log(
            .createdTwice, "a Machine is made twice",
            [
                request(1, "one", "patch", "machines", "a-w-0", 201),
                request(2, "one", "patch", "machines", "a-w-0", 201),
            ]),
        Log(
            .twoLeaders, "a former leader writes again",
            [
                request(1, "one", "patch", "machines", "a-w-0"),
                request(2, "two", "patch", "machines", "a-w-0"),
                request(3, "one", "patch", "machines", "a-w-0"),
            ]),
        Log(
            .writeOnSettled, "a Machine is written though nothing has changed",
            [
                request(11, "one", "patch", "machines", "a-w-0")
            ]),
        Log(
            .writeOnSettled, "a status is written though nothing has changed since the second quiet point",
            [
                request(11, "admin", "patch", "kubernetesclusters", "a"),
                request(21, "one", "patch", "kubernetesclusters", "a", subresource: "status"),
            ]),
        Log(
            .writeOnSettled, "a cluster is written because another has changed",
            [
                request(11, "admin", "patch", "kubernetesclusters", "b"),
                request(12, "one", "patch", "kubernetesclusters", "a"),
            ]),
    ]

    @Test("every clause has a case")
    func coverage() {
        let clauses = Set(Self.unsound.compactMap(\.clause) + Self.logs.compactMap(\.clause))
        // How an operator may end is decided where it is started.
        #expect(
            clauses == Set(Clause.allCases).subtracting(ClusterModelTests.clauses).subtracting([.crashed]))
    }

    @Test("the same seed makes the same script, another one another")
    func scripts() {
        func script(_ seed: UInt64) -> [String] {
            var script = Script(seed: seed, writer: 3)
            return (0..<3).flatMap { _ in script.round(20).map(\.description) }
        }
        #expect(script(7) == script(7))
        #expect(script(7) != script(8))
    }
}
