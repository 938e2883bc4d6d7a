// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import PKI

@Suite("Threads for work with keys")
struct KeyThreadTests {
    @Test("what the thread makes arrives")
    func success() async throws {
        #expect(try await KeyThread.run { () throws(PKIError) in 7 } == 7)
    }

    @Test("whoever gives up waiting does not wait for the thread")
    func cancellation() async {
        let gate = Gate()
        let task = Task { () throws(PKIError) -> Int in
            try await KeyThread.run { () throws(PKIError) in
                gate.wait()
                return 1
            }
        }
        task.cancel()
        await #expect(throws: PKIError.cancelled) { try await task.value }
        gate.open()
    }

    @Test("what the thread throws arrives")
    func failure() async {
        let error = PKIError.failed(operation: "a", reason: "b")
        await #expect(throws: error) {
            try await KeyThread.run { () throws(PKIError) -> Int in throw error }
        }
    }
}

/// Holds a thread until it is opened.
private final class Gate: Sendable {
    private let pipe: (read: Int32, write: Int32)

    init() {
        var ends: [Int32] = [0, 0]
        Glibc.pipe(&ends)
        pipe = (ends[0], ends[1])
    }

    func wait() {
        var byte: UInt8 = 0
        _ = Glibc.read(pipe.read, &byte, 1)
    }

    func open() {
        _ = Glibc.write(pipe.write, [1] as [UInt8], 1)
    }

    deinit {
        close(pipe.read)
        close(pipe.write)
    }
}
