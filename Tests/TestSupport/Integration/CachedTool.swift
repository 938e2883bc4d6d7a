// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// Programs that `hack/install-deps.sh` has put into the cache; tests fetch nothing themselves.
package enum CachedTool {
    /// The program is not there.
    package struct Missing: Error, CustomStringConvertible {
        package var description: String
    }

    /// Debian's promtool.
    package static func promtool() throws -> String { try path("prometheus/promtool", group: "prometheus") }
    /// Debian's Prometheus.
    package static func prometheus() throws -> String {
        try path("prometheus/prometheus", group: "prometheus")
    }

    /// The path of a program in the cache, as hack/control-plane/common.sh finds it.
    ///
    /// - Throws: `Missing`, which names the group to install.
    package static func path(_ name: String, group: String) throws -> String {
        let variables = Repository.environment
        let cache =
            variables["TALOS_OPERATOR_CACHE"]
            ?? "\(variables["XDG_CACHE_HOME"] ?? "\(variables["HOME"] ?? "")/.cache")/talos-operator"
        let path = "\(cache)/\(name)"
        guard access(path, X_OK) == 0 else {
            throw Missing(description: "\(path) is missing: run hack/install-deps.sh \(group)")
        }
        return path
    }
}
