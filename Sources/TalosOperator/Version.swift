// SPDX-License-Identifier: Apache-2.0

/// The version of the program: the newest one that CHANGELOG.md names.
enum Version {
    static let current = "0.1.0"
    /// The User-Agent of every request: `talos-operator/<version>`.
    static let userAgent = "talos-operator/\(current)"
}
