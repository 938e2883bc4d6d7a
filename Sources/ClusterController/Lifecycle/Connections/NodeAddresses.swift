// SPDX-License-Identifier: Apache-2.0
package import Platform
package import StructuredData
import TalosAPI

/// Chooses where to look for the Talos API of a cluster's nodes.
package struct NodeAddresses: Sendable {
    /// The networks of pods and services, in which no node is reached.
    private let networks: [IPPrefix]
    /// The host of the Kubernetes API: a virtual address that moves from node to node, or a load balancer's.
    private let endpoint: IPAddress?

    package init(podsAndServices networks: [IPPrefix], endpointHost: String) {
        self.networks = networks.map(\.network)
        endpoint = IPAddress(endpointHost)
    }

    /// Where to try, the best first.
    ///
    /// Addresses keep the order in which they are reported, without those by which no node can be told from another.
    /// That of the API's endpoint is left to the node that has no other. What a node last answered at comes first
    /// as long as it is reported, and last when it is not: a provider's status may be empty for a moment.
    ///
    /// - Parameters:
    ///   - explicit: What somebody has set for the node, `host` or `host:port`; nothing else is tried then.
    ///   - reported: See `MachineAddresses`.
    ///   - lastGood: The endpoint at which the node last answered as one of this cluster, and not in maintenance mode.
    /// - Returns: Endpoints as `host:port`; none if there is nothing to try.
    package func candidates(explicit: String?, reported: [String], lastGood: String?) -> [String] {
        if let explicit { return NodeEndpoint(explicit).map { [$0.description] } ?? [] }
        let usable = reported.compactMap(Self.address).filter(isUsable)
        let own = usable.filter { $0 != endpoint }
        var endpoints: [String] = []
        for address in own.isEmpty ? usable : own {
            let text = NodeEndpoint(host: address.text).description
            if !endpoints.contains(text) { endpoints.append(text) }
        }
        guard let lastGood else { return endpoints }
        return endpoints.contains(lastGood)
            ? [lastGood] + endpoints.filter { $0 != lastGood } : endpoints + [lastGood]
    }

    /// An address with or without the length of its network.
    private static func address(_ text: String) -> IPAddress? {
        IPAddress(text) ?? IPPrefix(text)?.address
    }

    private func isUsable(_ address: IPAddress) -> Bool {
        let holds = { (network: IPPrefix) in
            network.address.family == address.family && address.prefix(network.length) == network.address
        }
        return !networks.contains(where: holds) && !Self.unusable.contains(where: holds)
    }

    /// Unspecified, loopback, link-local, multicast and beyond; those that stand for IPv4 addresses too.
    private static let unusable: [IPPrefix] = [
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "::ffff:0:0/96", "fe80::/10",
        "ff00::/8",
    ].compactMap { IPPrefix($0) }
}

/// The addresses that a provider reports of a machine.
package enum MachineAddresses {
    /// Every address in a Machine's status, the best first: public ones, then all, then private ones.
    ///
    /// Anyone may have written the status; what is no list of texts is passed over.
    package static func reported(in status: JSONValue) -> [String] {
        var addresses: [String] = []
        for field in ["publicIPAddresses", "ipAddresses", "privateIPAddresses"] {
            for case .string(let text) in status[field]?.array ?? []
            where !text.isEmpty && !addresses.contains(text) && addresses.count < limit {
                addresses.append(text)
            }
        }
        return addresses
    }

    /// More than any machine has that can be reached.
    private static let limit = 16
}
