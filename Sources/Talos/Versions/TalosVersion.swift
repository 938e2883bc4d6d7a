// SPDX-License-Identifier: Apache-2.0

/// The major and minor version of Talos that a configuration is made for: what Talos calls the version contract.
package struct TalosVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    package init(major: Int = 1, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads `v1.12.3`, `1.12` or `v1.13.0-alpha.1`, of which all but the first two numbers is ignored.
    ///
    /// Nil for anything else; `v1.13-rc` is nothing Talos takes either.
    package init?(_ text: some StringProtocol) {
        let digits = text.first == "v" ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let major = Self.number(parts[0]), let minor = Self.number(parts[1]) else {
            return nil
        }
        self.init(major: major, minor: minor)
    }

    private static func number(_ text: some StringProtocol) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }

    package static func < (left: TalosVersion, right: TalosVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    /// As in `v1.12`.
    package var description: String { "v\(major).\(minor)" }

    /// The oldest and the newest version that configurations are made for.
    package static let supported = TalosVersion(minor: 3)...TalosVersion(minor: 13)
}
