// SPDX-License-Identifier: Apache-2.0
import CBuildStamp
import Platform

/// The version of the program: the newest one that CHANGELOG.md names.
enum Version {
    static let current = "0.1.0"
    /// The User-Agent of every request: `talos-operator/<version>`.
    static let userAgent = "talos-operator/\(current)"

    /// What `talos-operator version` prints.
    static var text: String {
        text(
            revision: String(cString: build_stamp_revision()),
            sourceDate: Int64(build_stamp_source_date()))
    }

    /// The version and, as far as the builder has told, what it was built from.
    ///
    /// - `sourceDate`: seconds since 1970 of the last change; 0 if not known. The time of the build itself is told
    ///   nowhere: two builds of the same source are the same.
    static func text(revision: String, sourceDate: Int64) -> String {
        let (nanoseconds, overflow) = sourceDate.multipliedReportingOverflow(by: 1_000_000_000)
        let date = Timestamp(nanosecondsSince1970: nanoseconds).rfc3339()
        let words = [
            revision.isEmpty ? nil : "commit \(revision)",
            sourceDate == 0 || overflow ? nil : "of \(date)",
        ].compactMap(\.self)
        return "talos-operator \(current)" + (words.isEmpty ? "" : " (\(words.joined(separator: " ")))")
    }
}
