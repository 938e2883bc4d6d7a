// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Platform

@Suite("SystemError")
struct SystemErrorTests {
    @Test(
        "has text and name",
        arguments: [
            (ENOSPC, "No space left on device (ENOSPC)"), (EROFS, "Read-only file system (EROFS)"),
            (EDQUOT, "Disk quota exceeded (EDQUOT)"), (9999, "Unknown error 9999 (error 9999)"),
        ])
    func description(code: Int32, description: String) {
        #expect(SystemError(code: code).description == description)
    }

    @Test("a call is made again after a signal, and fails with its error otherwise")
    func retry() throws {
        var results: [(Int32, Int32)] = [(-1, EINTR), (-1, EINTR), (5, 0)]
        let call = {
            let (value, code) = results.removeFirst()
            errno = code
            return value
        }
        #expect(try retrying(call) == 5)
        results = [(-1, EINTR), (-1, EIO)]
        #expect(throws: SystemError(code: EIO)) { try retrying(call) }
    }
}
