// SPDX-License-Identifier: Apache-2.0

/// The pod and service networks, which may be set at the top of the specification, in its `talosConfig`, or not.
///
/// Where both are set they have to say the same: neither silently beats the other. Of all networks no two may
/// overlap, defaults included. An empty list counts as absent.
struct NetworkFields {
    let podSubnets: [CIDR]
    let serviceSubnets: [CIDR]

    init(_ spec: Field, _ talosNetwork: Field) {
        let pods = Self.read("podSubnets", spec, talosNetwork, default: ClusterSpec.Default.podSubnets)
        let services = Self.read(
            "serviceSubnets", spec, talosNetwork, default: ClusterSpec.Default.serviceSubnets)
        Self.checkOverlaps(pods + services)
        podSubnets = pods.map(\.network)
        serviceSubnets = services.map(\.network)
    }

    /// A network and the words for where it comes from; the field is nil for a default.
    private struct Source {
        let network: CIDR
        let place: String
        let field: Field?
    }

    private static func read(_ key: String, _ spec: Field, _ talos: Field, default fallback: [CIDR])
        -> [Source]
    {
        let top = parse(spec[key])
        let nested = parse(talos[key])
        guard top.isEmpty || nested.isEmpty else {
            if top.map(\.network) != nested.map(\.network) {
                talos[key].report("must be the same as \(spec[key].path), or absent")
            }
            return top
        }
        let given = top + nested
        guard given.isEmpty else { return given }
        return fallback.map { Source(network: $0, place: "the default of \(spec[key].path)", field: nil) }
    }

    /// More networks than anybody has, and few enough to compare each with each.
    private static let longestList = 16

    private static func parse(_ field: Field) -> [Source] {
        field.elements(atMost: longestList).compactMap { element in
            element.required.parsed(as: CIDR.self).map {
                Source(network: $0, place: element.path, field: element)
            }
        }
    }

    private static func checkOverlaps(_ sources: [Source]) {
        for (index, later) in sources.enumerated() {
            for earlier in sources[..<index] where later.network.overlaps(earlier.network) {
                // A default cannot be at fault; then the other one is.
                let (culprit, other) = later.field == nil ? (earlier, later) : (later, earlier)
                culprit.field?.report("\(culprit.network) overlaps \(other.network) of \(other.place)")
            }
        }
    }
}
