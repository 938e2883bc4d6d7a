// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Where a command prints to; a text is written whole.
struct Output: Sendable {
    var print: @Sendable (String) -> Void
    var printError: @Sendable (String) -> Void

    /// Standard output and standard error.
    static let standard = Output(
        print: { write($0, to: STDOUT_FILENO) }, printError: { write($0, to: STDERR_FILENO) })

    /// Nothing can be done about a reader that went away.
    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
