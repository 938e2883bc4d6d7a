// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import StructuredData
import TestSupport

/// What is there: on the API server, on disk, in the metrics.
struct Truth: Sendable {
    var clusters: [StoredCluster] = []
    var machines: [StoredMachine] = []
    var configMaps: [ConfigMap] = []
    /// Manifests by directory, then by Machine.
    var manifests: [String: [String: JSONValue]] = [:]
    /// A page of metrics for each operator that runs.
    var metrics: [String] = []
}

extension Truth {
    /// The samples of a family: the values by the text between the braces.
    static func samples(_ family: String, in page: String) -> [String: Double] {
        var samples: [String: Double] = [:]
        for line in page.split(separator: "\n") where line.hasPrefix("\(family){") {
            guard let end = line.lastIndex(of: "}"), let value = Double(line[line.index(end, offsetBy: 2)...])
            else { continue }
            samples[String(line[line.index(line.startIndex, offsetBy: family.count + 1)..<end])] = value
        }
        return samples
    }
}
