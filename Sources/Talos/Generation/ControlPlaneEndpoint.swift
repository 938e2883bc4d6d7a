// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// The URL of a cluster's Kubernetes API, as `https://10.0.0.1:6443`.
struct ControlPlaneEndpoint: Sendable, Hashable {
    /// The URL as written; it goes into configurations as it is.
    let url: String
    /// The name or address, of an IPv6 address without brackets.
    let host: String

    /// Reads a URL of the scheme https, with a host and perhaps a port; the problem says what would do.
    init(_ url: String, path: FieldPath = FieldPath("clusterEndpoint")) throws(ConfigProblem) {
        self.url = url
        do throws(Refusal) {
            host = try Self.host(of: url)
        } catch {
            throw ConfigProblem(path: path, problem: error.reason)
        }
    }

    private struct Refusal: Error {
        let reason: String
    }

    private static func host(of url: String) throws(Refusal) -> String {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw Refusal(reason: "must be a URL such as https://10.0.0.1:6443, without blanks")
        }
        guard let colon = url.utf8.firstRange(of: "://".utf8) else {
            throw Refusal(reason: "must be a URL of the scheme https\(suggestion(for: url))")
        }
        let scheme = url[..<colon.lowerBound]
        guard scheme.lowercased() == "https" else {
            throw Refusal(
                reason: "must have the scheme https\(suggestion(for: String(url[colon.upperBound...])))")
        }
        let authority = url[colon.upperBound...].prefix { !"/?#".contains($0) }
        guard !authority.contains("@") else { throw Refusal(reason: "must not have a user name") }
        let (host, port) = try split(authority)
        guard !host.isEmpty else { throw Refusal(reason: "must have a host, as https://10.0.0.1:6443 has") }
        if let port {
            guard let number = UInt16(port), number > 0, port.first != "+" else {
                throw Refusal(reason: "must have a port of 1 to 65535, not \(port)")
            }
        }
        return host
    }

    /// Host and port; an IPv6 address stands in brackets.
    private static func split(_ authority: Substring) throws(Refusal) -> (host: String, port: Substring?) {
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else {
                throw Refusal(reason: "must have a bracket at the end of the IPv6 address")
            }
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else {
                throw Refusal(reason: "must have nothing but a port after the IPv6 address")
            }
            let host = authority[authority.index(after: authority.startIndex)..<end]
            return (String(host), rest.isEmpty ? nil : rest.dropFirst())
        }
        guard authority.count(where: { $0 == ":" }) <= 1 else {
            throw Refusal(reason: "must have an IPv6 address in brackets, as https://[2001:db8::1]:6443 has")
        }
        let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return (parts.first.map(String.init) ?? "", parts.count == 2 ? parts.last : nil)
    }

    /// What is most likely meant by a host, or host and port, alone.
    private static func suggestion(for text: String) -> String {
        let authority = text.prefix { !"/?#".contains($0) }
        guard !authority.isEmpty, !authority.contains("@") else { return "" }
        let colons = authority.count { $0 == ":" }
        if authority.first != "[", colons > 1 { return ", such as https://[\(authority)]:6443" }
        let hasPort = authority.first == "[" ? authority.last != "]" : colons == 1
        return ", such as https://\(authority)\(hasPort ? "" : ":6443")"
    }
}
