// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// How much of it is tested.
enum EndToEndForm {
    static let isLong = Repository.environment["END_TO_END"] == "long"

    /// Prints a line at once, so that whoever waits sees how far it has got, even through a pipe.
    static func tell(_ words: String...) {
        print("END TO END: " + words.joined(separator: " "))
        fflush(nil)
    }
}

/// One life of a cluster, and what goes wrong all the way.
struct EndToEndCell: Sendable, CustomTestStringConvertible {
    /// What goes wrong.
    enum Trouble: Sendable {
        case killed(KillPoint)
        case lost(SimulatorFault.Moment)

        static let all = KillPoint.allCases.map(killed) + SimulatorFault.Moment.allCases.map(lost)
    }

    var trouble: Trouble
    var life: EndToEndLife

    static let all = EndToEndLife.all.flatMap { life in
        Trouble.all.map { EndToEndCell(trouble: $0, life: life) }
    }

    /// Those that `END_TO_END_CELLS` names, such as `lateWrite/scaled,hopping`; all if it is not set.
    ///
    /// What goes wrong stands for all lives, a life for all that goes wrong.
    static let wanted: [EndToEndCell] = {
        guard let names = Repository.environment["END_TO_END_CELLS"] else { return all }
        let wanted = names.split(separator: ",").map { $0.split(separator: "/").map(String.init) }
        return all.filter { cell in
            wanted.contains { Set($0).isSubset(of: [cell.row, cell.life.name]) }
        }
    }()

    /// The name of what goes wrong.
    private var row: String {
        switch trouble {
        case .killed(let point): point.rawValue
        case .lost(.before): "lostBefore"
        case .lost(.after): "lostAfter"
        }
    }

    var testDescription: String { "\(row)/\(life.name)" }

    func run() async throws {
        switch trouble {
        case .killed(let point): try await life.kill(at: point)
        case .lost(let moment): try await life.loseAnswers(moment, seed: moment == .before ? 1 : 2)
        }
    }
}

/// Whole lives with trouble at every request there is: `make end-to-end`.
@Suite(
    "End to end, at length", .serialized, .enabled(if: EndToEndForm.isLong), .timeLimit(.minutes(60))
)
struct EndToEndSweepTests {
    @Test(
        "A life goes on as if nothing had been, wherever operators are killed or answers lost",
        arguments: EndToEndCell.wanted)
    func livedThrough(_ cell: EndToEndCell) async throws { try await cell.run() }

    @Test("END_TO_END_CELLS names cells that there are")
    func named() { #expect(!EndToEndCell.wanted.isEmpty) }

    @Test("Twenty clusters of five nodes come up bounded by what their machines take")
    func twenty() async throws {
        try await EndToEndBench.run("e2e-twenty", delay: .seconds(1)) { bench in
            let process = try await bench.startOperator()
            let clock = SystemClock()
            let names = (0..<20).map { "quebec-\($0)" }
            for name in names { try await bench.apply(bench.document(name, controlPlane: 3, workers: 2)) }
            try await bench.scenario.waitForMachines { machines in
                machines.count == 100 && machines.allSatisfy { $0.status["phase"] == "Running" }
            }
            let ready = clock.now
            for name in names { try await bench.running(name) }
            EndToEndForm.tell(
                "20 x 5 nodes run \((clock.now - ready).seconds) s after their Machines are ready"
            )
            let before = try ProcessUsage(process)
            let start = clock.now
            try await bench.looks(200, of: process)
            let after = try ProcessUsage(process)
            EndToEndForm.tell(
                "at rest \((after.cpu - before.cpu).seconds) s of CPU in \((clock.now - start).seconds) s,",
                "peak \(after.peakResidentBytes >> 20) MiB")
        }
    }
}

extension EndToEndTests {
    @Test(
        "Operators that are killed wherever it may matter carry a small cluster through a short life",
        arguments: [KillPoint.afterEffect, .lateWrite])
    func killedAllTheWay(_ point: KillPoint) async throws { try await EndToEndLife.brief.kill(at: point) }
}
