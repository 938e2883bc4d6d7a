// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ControllerRuntime

@Suite("Reconcile policy")
struct ReconcilePolicyTests {
    private func error(
        _ disposition: ReconcileError.Disposition, retryAfter: Duration? = nil
    ) -> ReconcileOutcome {
        .failure(
            ReconcileError(
                errorType: "Some", message: "bad", disposition: disposition, retryAfter: retryAfter))
    }

    private func effect(_ outcome: ReconcileOutcome, failures: Int = 0) -> ReconcilePolicy.Effect {
        ReconcilePolicy().effect(of: outcome, failures: failures, random: 0.5)
    }

    @Test("what follows from each outcome")
    func effects() {
        #expect(effect(.success(.done)) == .forget)
        #expect(effect(.success(.requeue(after: .seconds(30)))) == .requeue(after: .seconds(30)))
        let requeue = ReconcilePolicy().effect(
            of: .success(.requeue(after: .seconds(30))), failures: 0, random: 0.75)
        #expect(requeue != .requeue(after: .seconds(30)))
        let exact = ReconcilePolicy().effect(
            of: .success(.requeueExactly(after: .seconds(30))), failures: 0, random: 0.75)
        #expect(exact == .requeue(after: .seconds(30)))
        #expect(effect(error(.retry)) == .retry(after: .seconds(1), failures: 1))
        #expect(effect(error(.conflict)) == .retry(after: .seconds(1), failures: 1))
        #expect(effect(error(.terminal), failures: 3) == .forget)
        #expect(effect(.timedOut, failures: 2) == .retry(after: .seconds(4), failures: 3))
        #expect(effect(.cancelled) == .forget)
    }

    @Test("failures in a row wait longer", arguments: [(0, 1), (1, 2), (2, 4), (3, 8), (8, 256), (9, 300)])
    func backoff(failures: Int, seconds: Int) {
        #expect(
            effect(error(.retry), failures: failures)
                == .retry(after: .seconds(seconds), failures: failures + 1))
    }

    @Test(
        "what passes by itself never waits long, nor counts for long",
        arguments: [(0, 1, 1), (3, 8, 4), (4, 16, 5), (5, 16, 5), (40, 16, 5)])
    func passing(failures: Int, seconds: Int, counted: Int) {
        for disposition in [ReconcileError.Disposition.conflict, .unavailable] {
            #expect(
                effect(error(disposition), failures: failures)
                    == .retry(after: .seconds(seconds), failures: counted))
        }
    }

    @Test("the server's wish is a lower bound of the wait")
    func retryAfter() {
        #expect(
            effect(error(.retry, retryAfter: .seconds(20))) == .retry(after: .seconds(20), failures: 1))
        #expect(
            effect(error(.retry, retryAfter: .seconds(2)), failures: 5)
                == .retry(after: .seconds(32), failures: 6))
        #expect(
            effect(error(.unavailable, retryAfter: .seconds(60)), failures: 9)
                == .retry(after: .seconds(60), failures: 5))
    }

    @Test("the result label of each outcome")
    func labels() {
        #expect(ReconcileOutcome.success(.done).resultLabel == "success")
        #expect(ReconcileOutcome.success(.requeue(after: .seconds(1))).resultLabel == "requeue_after")
        #expect(ReconcileOutcome.success(.requeueExactly(after: .seconds(1))).resultLabel == "requeue_after")
        #expect(error(.retry).resultLabel == "error")
        #expect(error(.terminal).resultLabel == "error")
        #expect(error(.conflict).resultLabel == "requeue")
        #expect(ReconcileOutcome.timedOut.resultLabel == "error")
        #expect(ReconcileOutcome.cancelled.resultLabel == nil)
    }
}
