// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import Testing

@testable import ClusterController

@Suite("Events of a cluster")
struct ConditionEventsTests {
    /// A status of which the conditions are `T`rue, `F`alse or absent (`-`), in the order of `ConditionType`.
    private func status(_ letters: String, message: String = "m", readyReason: String? = nil) -> ClusterStatus
    {
        var status = ClusterStatus()
        for (type, letter) in zip(ConditionType.allCases, letters) where letter != "-" {
            status.conditions[type] = Condition(
                type: type.rawValue, status: letter == "T" ? .true : .false,
                reason: type == .ready
                    ? readyReason ?? "\(type.rawValue)\(letter)" : "\(type.rawValue)\(letter)",
                message: message, observedGeneration: 1, lastTransitionTime: Fixture.noon)
        }
        return status
    }

    private func lines(_ announcements: [Announcement]) -> [String] {
        announcements.map { "\($0.type.rawValue) \($0.reason)" }
    }

    // Ready, MachinesCreated, FilesGenerated, TopologyValid.
    @Test(
        "Events follow the flips of conditions",
        arguments: [
            ("----", "FTTT", []), ("----", "TTTT", []), ("FTTT", "TTTT", ["Normal ReadyT"]),
            ("TTTT", "FTTT", ["Warning ReadyF"]), ("TTTT", "TTTT", []), ("FTTT", "FTTT", []),
            ("----", "F--F", ["Warning TopologyValidF"]), ("TTTT", "FTTF", ["Warning TopologyValidF"]),
            ("FTTF", "FTTT", ["Normal TopologyValidT"]), ("F--F", "F--F", []),
            ("----", "FFTT", ["Warning MachinesCreatedF"]), ("FFTT", "FFTT", []),
            ("FFTT", "FTTT", ["Normal MachinesCreatedT"]),
            ("TTTT", "TTFT", ["Warning FilesGeneratedF"]), ("TTFT", "TTTT", ["Normal FilesGeneratedT"]),
            (
                "FFFF", "TTTT",
                [
                    "Normal MachinesCreatedT", "Normal FilesGeneratedT", "Normal TopologyValidT",
                    "Normal ReadyT",
                ]
            ),
        ])
    func flips(old: String, new: String, expected: [String]) {
        #expect(lines(Announcement.all(from: status(old), to: status(new))) == expected)
    }

    @Test("Another invalid edit is another event, the same one is not")
    func anotherProblem() {
        let old = status("F--F", message: "a")
        #expect(Announcement.all(from: old, to: status("F--F", message: "a")).isEmpty)
        #expect(
            lines(Announcement.all(from: old, to: status("F--F", message: "b"))) == ["Warning TopologyValidF"]
        )
    }

    @Test("Another reason why Machines are missing is not another event")
    func changedMessage() {
        #expect(
            Announcement.all(from: status("FFTT", message: "a"), to: status("FFTT", message: "b")).isEmpty)
    }

    @Test("A deletion does not warn that the cluster is no longer ready")
    func deleting() {
        #expect(Announcement.all(from: status("TTTT"), to: status("FTTT", readyReason: "Deleting")).isEmpty)
    }

    @Test(
        "A change of size is told, the creation is not",
        arguments: [
            ("TTTT", 2, 1, "Created 2 and deleted 1 Machines"), ("TTTT", 1, 0, "Created 1 Machine"),
            ("TTTT", 0, 3, "Deleted 3 Machines"), ("TTTT", 0, 0, nil), ("----", 5, 0, nil),
        ])
    func scaling(old: String, created: Int, deleted: Int, message: String?) {
        let all = Announcement.all(from: status(old), to: status("TTTT"), created: created, deleted: deleted)
        #expect(all.map(\.message) == [message].compactMap(\.self))
        #expect(all.allSatisfy { $0.reason == "CreationSucceeded" && $0.type == .normal })
    }
}
