// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData

/// Entries of `clusters`.
extension KubeconfigResolver {
    /// What the entry says about the server; nil if there is no usable URL.
    mutating func cluster(_ entry: Kubeconfig.Entry) -> ClusterConfiguration? {
        let trust = trust(entry)
        let serverName = text(entry, "tls-server-name")
        let proxy = proxy(entry)
        guard let server = text(entry, "server") else {
            fail(entry, "server: is missing")
            return nil
        }
        guard let endpoint = Endpoint(url: server) else {
            // A user in the URL would come with a password, so that is not quoted.
            let quoted = server.contains("@") ? "" : ", not \"\(server)\""
            fail(entry, "server: must be a URL https://host[:port][/path] without user\(quoted)")
            return nil
        }
        return ClusterConfiguration(
            endpoint: endpoint, trust: trust, serverName: serverName, proxy: proxy, origin: "")
    }

    private mutating func trust(_ entry: Kubeconfig.Entry) -> ClusterConfiguration.Trust {
        let isInsecure = flag(entry, "insecure-skip-tls-verify")
        guard let authority = source(entry, "certificate-authority") else {
            return isInsecure ? .insecure : .system
        }
        if isInsecure {
            fail(entry, "insecure-skip-tls-verify: must not be set together with certificate-authority")
        }
        return .certificates(authority)
    }

    private mutating func proxy(_ entry: Kubeconfig.Entry) -> String? {
        guard let url = text(entry, "proxy-url") else { return nil }
        guard ["http://", "https://", "socks5://"].contains(where: url.lowercased().hasPrefix) else {
            fail(entry, "proxy-url: must begin with http://, https:// or socks5://")
            return nil
        }
        return url
    }
}
