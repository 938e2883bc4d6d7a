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

/// The same at every request there is: `make end-to-end`.
@Suite(
    "End to end, at length", .serialized, .enabled(if: EndToEndForm.isLong), .timeLimit(.minutes(60))
)
struct EndToEndSweepTests {
    @Test(
        "Operators that are killed before a node does what they ask for carry on as if nothing had been",
        arguments: EndToEndLife.all)
    func killedBeforeEffect(_ life: EndToEndLife) async throws { try await life.kill(at: .beforeEffect) }

    @Test(
        "Operators that are killed when a node has done what they asked for carry on as if nothing had been",
        arguments: EndToEndLife.all)
    func killedAfterEffect(_ life: EndToEndLife) async throws { try await life.kill(at: .afterEffect) }

    @Test(
        "Operators that are killed before they have written something down carry on as if nothing had been",
        arguments: EndToEndLife.all)
    func killedBeforeWrite(_ life: EndToEndLife) async throws { try await life.kill(at: .beforeWrite) }

    @Test(
        "Operators that are killed when they have just written something down carry on as if nothing had been",
        arguments: EndToEndLife.all)
    func killedAfterWrite(_ life: EndToEndLife) async throws { try await life.kill(at: .afterWrite) }

    @Test(
        "What a dead operator has written arrives when the next one is at work, and does no harm",
        arguments: EndToEndLife.all)
    func killedBeforeLateWrite(_ life: EndToEndLife) async throws { try await life.kill(at: .lateWrite) }

    @Test(
        "An answer that is lost, before its effect or after it, is made up for",
        arguments: EndToEndLife.all, [SimulatorFault.Moment.before, .after])
    func lost(_ life: EndToEndLife, _ moment: SimulatorFault.Moment) async throws {
        try await life.loseAnswers(moment, seed: moment == .before ? 1 : 2)
    }

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
