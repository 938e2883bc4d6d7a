// SPDX-License-Identifier: Apache-2.0
import Platform

/// Work with keys that keeps a processor busy for seconds, as that with RSA does, on a thread of its own.
package enum KeyThread {
    /// Runs `work`, for which no other task waits meanwhile.
    ///
    /// - Throws: what it throws; `PKIError.cancelled` at once if the task is cancelled: the thread then ends by itself,
    ///   and what it made is dropped.
    package static func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(PKIError) -> Value
    ) async throws(PKIError) -> Value {
        let answer = Answer<Value>()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                answer.deliver(to: continuation)
                do throws(SystemThread.StartError) {
                    try SystemThread.start { answer.give(Result(catching: work)) }.detach()
                } catch {
                    answer.give(.failure(.failed(operation: "starting a thread", reason: "\(error)")))
                }
            }
        } onCancel: {
            answer.give(.failure(.cancelled))
        }
        return try result.get()
    }
}

/// One result for one who waits for it; those that come later are dropped.
private final class Answer<Value: Sendable>: Sendable {
    typealias Continuation = CheckedContinuation<Result<Value, PKIError>, Never>

    private enum State {
        case empty
        case awaited(Continuation)
        case given(Result<Value, PKIError>)
        case done
    }

    private let state = Locked(State.empty)

    func deliver(to continuation: Continuation) {
        let given: Result<Value, PKIError>? = state.withLock { state in
            if case .given(let result) = state {
                state = .done
                return result
            }
            state = .awaited(continuation)
            return nil
        }
        if let given { continuation.resume(returning: given) }
    }

    func give(_ result: Result<Value, PKIError>) {
        let waiting: Continuation? = state.withLock { state in
            switch state {
            case .empty:
                state = .given(result)
                return nil
            case .awaited(let continuation):
                state = .done
                return continuation
            case .given, .done:
                return nil
            }
        }
        waiting?.resume(returning: result)
    }
}
