// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import ClusterLifecycle

@Suite("Rules over all clusters")
struct FleetPolicyTests {
    private static let now = Timestamp(nanosecondsSince1970: 1_704_110_400_000_000_000)

    private static func ago(_ seconds: Int) -> Timestamp { now + .seconds(-seconds) }

    /// Waits long enough to have been noticed.
    private static func waiting(_ id: String, _ tier: String = "", since seconds: Int = 100) -> FleetMember {
        FleetMember(id: id, labels: ["tier": tier], turn: .waiting(since: ago(seconds)), wellSince: ago(9999))
    }

    private static func idle(_ id: String, _ tier: String = "", well seconds: Int? = 9999) -> FleetMember {
        FleetMember(id: id, labels: ["tier": tier], wellSince: seconds.map(ago))
    }

    private static func begun(_ id: String, _ tier: String = "") -> FleetMember {
        FleetMember(id: id, labels: ["tier": tier], turn: .begun)
    }

    private static func halted(_ id: String, _ tier: String = "") -> FleetMember {
        FleetMember(id: id, labels: ["tier": tier], turn: .begun, isHalted: true)
    }

    private let waves = ["tier=canary", "tier in (test)"].compactMap(LabelSelector.init)

    private func obstacle(_ policy: FleetPolicy, _ members: [FleetMember], to id: String = "me") -> String? {
        policy.obstacle(to: id, among: members, at: Self.now)
    }

    @Test("Without rules nothing is in the way, whatever the others do")
    func noRules() {
        #expect(FleetPolicy().isEmpty)
        #expect(
            obstacle(FleetPolicy(), [Self.waiting("me", since: 0), Self.halted("a"), Self.begun("b")]) == nil)
    }

    @Test(
        "A cluster is known to wait for a while before it is begun with, for others may be about to say so too"
    )
    func notice() {
        let policy = FleetPolicy(maximumAtOnce: 5)
        #expect(obstacle(policy, [Self.waiting("me", since: 59)]) != nil)
        #expect(obstacle(policy, [Self.waiting("me", since: 60)]) == nil)
        // A clock that was put back, or nothing said yet.
        #expect(obstacle(policy, [Self.waiting("me", since: -5)]) != nil)
        #expect(obstacle(policy, [Self.idle("me")]) != nil)
    }

    @Test("What has begun goes on, and a cluster that the rules are not about is left alone")
    func exempt() {
        let policy = FleetPolicy(waves: waves, maximumAtOnce: 1, failureBudget: 0)
        #expect(obstacle(policy, [Self.begun("me"), Self.begun("a"), Self.halted("b")]) == nil)
        #expect(obstacle(policy, [Self.begun("a")]) == nil)
    }

    @Test("So many at once, those first that have waited longest; of two that have waited as long, by name")
    func concurrency() throws {
        let policy = FleetPolicy(maximumAtOnce: 2)
        #expect(obstacle(policy, [Self.waiting("me"), Self.begun("a")]) == nil)
        #expect(
            obstacle(policy, [Self.waiting("me"), Self.begun("a"), Self.begun("b")])
                == "at most 2 clusters are changed at once, and these come first: a, b")
        let crowd = [
            Self.begun("a"), Self.waiting("b", since: 200), Self.waiting("c", since: 300), Self.waiting("d"),
        ]
        #expect(crowd.map(\.id).filter { obstacle(policy, crowd, to: $0) == nil } == ["a", "c"])
        let twins = ["x", "y", "z"].map { Self.waiting($0) }
        #expect(twins.map(\.id).filter { obstacle(policy, twins, to: $0) == nil } == ["x", "y"])
    }

    @Test(
        "A later wave waits until an earlier one is done and well for the soak time",
        arguments: [
            (idle("c", "canary", well: 600), nil),
            (idle("c", "canary", well: 599), "has not been well for long enough"),
            (idle("c", "canary", well: nil), "is not well"), (begun("c", "canary"), "is not done"),
            (waiting("c", "canary"), "is not done"), (halted("c", "canary"), "is halted"),
            (
                FleetMember(id: "c", labels: ["tier": "canary"], turn: .pending, wellSince: ago(9999)),
                "is not done"
            ),
            (FleetMember(id: "c", labels: ["tier": "canary"], isPaused: true), nil),
            (FleetMember(id: "c", labels: ["tier": "canary"], turn: .pending, isPaused: true), nil),
            (FleetMember(id: "c", labels: ["tier": "canary"], turn: .begun, isPaused: true), "is not done"),
            (begun("c", "test"), nil), (begun("c", ""), nil),
        ] as [(FleetMember, String?)])
    func waves(other: FleetMember, reason: String?) {
        let policy = FleetPolicy(waves: waves, soakTime: .seconds(600))
        let expected = reason.map { "it is in wave 2 of 3, and c of wave 1 \($0)" }
        #expect(obstacle(policy, [Self.waiting("me", "test"), other]) == expected)
        // Whoever is in the first wave waits for no wave.
        #expect(obstacle(policy, [Self.waiting("me", "canary"), other]) == nil)
    }

    @Test("A cluster that no wave selects comes last, and the first laggard is named")
    func lastWave() {
        let policy = FleetPolicy(waves: waves)
        let members = [
            Self.waiting("me"), Self.begun("b", "test"), Self.begun("z", "canary"), Self.begun("y", "canary"),
        ]
        #expect(obstacle(policy, members) == "it is in wave 3 of 3, and y of wave 1 is not done")
    }

    @Test("More halted clusters than the budget allows stop the roll-out for those that have not begun")
    func failureBudget() {
        let policy = FleetPolicy(failureBudget: 1)
        #expect(obstacle(policy, [Self.waiting("me"), Self.halted("a")]) == nil)
        let members = [Self.waiting("me"), Self.halted("a"), Self.halted("b"), Self.begun("c")]
        #expect(
            obstacle(policy, members)
                == "2 clusters are halted, and more than 1 stop the roll-out: a, b")
        #expect(obstacle(policy, members, to: "c") == nil)
        #expect(FleetPolicy(failureBudget: 0).stop([Self.halted("a")]) != nil)
    }

    @Test(
        "However the turns fall, never more are begun than allowed, and all have their turn",
        arguments: [1, 2, 3, 7])
    func simulation(limit: Int) {
        let policy = FleetPolicy(waves: waves, maximumAtOnce: limit, soakTime: .seconds(30))
        let tiers = ["canary", "test", ""]
        var members = (0..<12).map { Self.waiting("c\($0)", tiers[$0 % 3], since: 100 - $0) }
        var now = Self.now
        var order: [String] = []
        for _ in 0..<200 where members.contains(where: { $0.turn != .idle }) {
            // Two workers look at the same statuses.
            let free = members.filter {
                $0.turn != .begun && $0.turn != .idle
                    && policy.obstacle(to: $0.id, among: members, at: now) == nil
            }
            for index in members.indices where members[index].turn == .begun {
                members[index].turn = .idle
                members[index].wellSince = now
            }
            for index in members.indices where free.contains(where: { $0.id == members[index].id }) {
                members[index].turn = .begun
                order.append(members[index].labels["tier"] ?? "")
            }
            #expect(members.count { $0.turn == .begun } <= limit)
            now = now + .seconds(15)
        }
        #expect(
            order == Array(repeating: "canary", count: 4) + Array(repeating: "test", count: 4)
                + Array(repeating: "", count: 4))
    }
}
