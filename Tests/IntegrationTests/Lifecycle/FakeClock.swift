// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport

/// A wall clock that a test sets, for a program that is started with its `environment`; time itself goes on as ever.
///
/// It is done by libfaketime, which stands before the C library.
struct FakeClock: Sendable {
    private static let library: String? = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" as String }
        .first { (path: String) in access(path, R_OK) == 0 }

    /// Whether there can be one; a program that is watched by a sanitizer has its own ways with the C library.
    static var isThere: Bool { library != nil && Sanitizer.current == nil }

    private let path: String

    /// One that shows the time.
    init(in directory: String) throws {
        path = "\(directory)/clock"
        try set(aheadBy: 0)
    }

    /// What a program has to be started with.
    var environment: [String: String] {
        [
            "LD_PRELOAD": Self.library ?? "", "FAKETIME_TIMESTAMP_FILE": path, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ]
    }

    /// Lets it show so much more than the real one, or with a negative number less.
    func set(aheadBy seconds: Int) throws {
        try FileSystem.replace(path, with: Array("\(seconds < 0 ? "-" : "+")\(seconds.magnitude)s".utf8))
    }
}
