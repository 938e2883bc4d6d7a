// SPDX-License-Identifier: Apache-2.0
import Platform
import Talos

/// A released version, written `vX.Y.Z`.
package struct Version: ParsedText, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package let patch: Int

    package init?(_ text: String) {
        guard text.first == "v" else { return nil }
        let numbers = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
            .map { Int(plainDecimal: $0) }
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2]
        else {
            return nil
        }
        (self.major, self.minor, self.patch) = (major, minor, patch)
    }

    package static func rule(against text: String) -> String { "a version such as v1.28.3" }

    package static func < (left: Version, right: Version) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }

    package var description: String { "v\(major).\(minor).\(patch)" }
}

extension TalosVersion {
    /// The major and minor version of a release.
    init(_ version: Version) {
        self.init(major: version.major, minor: version.minor)
    }
}
