// SPDX-License-Identifier: Apache-2.0

/// Why the API server's address and our credentials cannot be had from where they were looked for.
///
/// Messages name files, entries and fields, and never quote a secret.
package enum ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// This process does not run in a pod, or not in one that has a service account.
    case notInCluster(missing: String)
    /// There is no configuration at any of these places.
    case noConfiguration(searched: [String])
    /// There is one, and this is wrong with it; one line each.
    case invalid([String])

    package var description: String {
        switch self {
        case .notInCluster(let missing): "not in a cluster: \(missing) is not set"
        case .noConfiguration(let places):
            "no configuration for the API server: looked at \(places.joined(separator: ", "))"
        case .invalid(let problems): problems.joined(separator: "; ")
        }
    }
}
