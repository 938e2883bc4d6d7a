// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What the tests are built with to find errors, and with them the program they start.
package enum Sanitizer: Sendable {
    /// Finds use of memory that is not ours, and memory that nobody gave back.
    case address
    /// Finds data races.
    case thread

    /// The one this process runs under; nil if none.
    package static let current: Sanitizer? =
        isLinked("__asan_init") ? .address : isLinked("__tsan_init") ? .thread : nil

    /// The first lines of what a sanitizer has to say in the output of a program; nil if nothing.
    package static func report(in lines: [String]) -> String? {
        let start = lines.firstIndex { line in
            ["ThreadSanitizer:", "AddressSanitizer:", "LeakSanitizer:"].contains { line.contains($0) }
        }
        return start.map { lines[$0...].prefix(60).joined(separator: "\n") }
    }

    private static func isLinked(_ symbol: String) -> Bool { dlsym(nil, symbol) != nil }
}
