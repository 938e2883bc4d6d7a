// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform
import StructuredData

extension Kubeconfig {
    /// The configuration of a context, by default the current one, and what is odd but not wrong about it.
    ///
    /// - Throws: `noConfiguration` if the files are empty; `invalid` with every problem found.
    package func resolve(
        context name: String? = nil
    ) throws(ConfigurationError) -> (ClusterConfiguration, warnings: [String]) {
        guard !sections.values.allSatisfy(\.isEmpty) else { throw .noConfiguration(searched: paths) }
        let name = name ?? currentContext
        guard !name.isEmpty else { throw .invalid(["current-context: is not set in \(origin)"]) }
        var resolver = KubeconfigResolver(self)
        let configuration = resolver.configuration(ofContext: name)
        guard let configuration, resolver.problems.isEmpty else {
            throw .invalid(resolver.problems.map { "\(origin): \($0)" })
        }
        return (configuration, resolver.warnings)
    }

    var origin: String { paths.joined(separator: ", ") }
}

/// Follows a context to its cluster and its user and collects all that is wrong on the way.
struct KubeconfigResolver {
    private let kubeconfig: Kubeconfig
    private(set) var problems: [String] = []
    var warnings: [String]

    init(_ kubeconfig: Kubeconfig) {
        self.kubeconfig = kubeconfig
        warnings = kubeconfig.warnings
    }

    /// Nil only if `problems` says why.
    mutating func configuration(ofContext name: String) -> ClusterConfiguration? {
        guard let context = kubeconfig.entry(.contexts, name) else {
            problems.append("context \"\(name)\": there is no context of that name")
            return nil
        }
        let clusterName = text(context, "cluster")
        if clusterName == nil { problems.append("\(context.place): cluster: is missing") }
        let clusterEntry = clusterName.flatMap { find(.clusters, $0, for: context) }
        let userEntry = text(context, "user").flatMap { find(.users, $0, for: context) }
        guard let clusterEntry, var configuration = cluster(clusterEntry) else {
            if let userEntry { _ = authentication(userEntry, cluster: nil) }
            return nil
        }
        if let userEntry {
            configuration.identity = identity(userEntry)
            configuration.authentication = authentication(userEntry, cluster: (clusterEntry, configuration))
        }
        configuration.namespace = text(context, "namespace") ?? "default"
        configuration.origin = "context \"\(name)\" of \(kubeconfig.origin)"
        return configuration
    }

    private mutating func find(
        _ section: Kubeconfig.Section, _ name: String, for context: Kubeconfig.Entry
    ) -> Kubeconfig.Entry? {
        let entry = kubeconfig.entry(section, name)
        if entry == nil {
            problems.append("\(context.place): \(section.member): there is no \(section.member) \"\(name)\"")
        }
        return entry
    }
}

/// Fields of an entry; an empty one counts as absent, as it does for kubectl.
extension KubeconfigResolver {
    mutating func text(_ entry: Kubeconfig.Entry, _ key: String) -> String? {
        read(entry) { fields throws(DecodingProblem) in try fields.string(key) }.flatMap {
            $0.isEmpty ? nil : $0
        }
    }

    mutating func flag(_ entry: Kubeconfig.Entry, _ key: String) -> Bool {
        read(entry) { fields throws(DecodingProblem) in try fields.bool(key) } ?? false
    }

    /// A path, made independent of the working directory.
    mutating func path(_ entry: Kubeconfig.Entry, _ key: String) -> String? {
        text(entry, key).map { entry.resolve($0) }
    }

    /// PEM text given in `key`-data, which goes first, or by the path in `key`.
    mutating func source(_ entry: Kubeconfig.Entry, _ key: String) -> ClusterConfiguration.PEMSource? {
        let file = path(entry, key)
        guard let data = text(entry, "\(key)-data") else { return file.map { .file($0) } }
        if file != nil { warnings.append("\(entry.place): \(key)-data is used and \(key) is not") }
        guard let bytes = Base64.decode(data.filter { !$0.isWhitespace }), !bytes.isEmpty else {
            fail(entry, "\(key)-data: must be Base64")
            return nil
        }
        return .inline(bytes)
    }

    mutating func fail(_ entry: Kubeconfig.Entry, _ problem: String) {
        problems.append("\(entry.place): \(problem)")
    }

    mutating func read<Value>(
        _ entry: Kubeconfig.Entry, _ body: (JSONObject) throws(DecodingProblem) -> Value?
    ) -> Value? {
        do {
            return try body(entry.fields)
        } catch {
            fail(entry, error.description)
            return nil
        }
    }
}

extension Kubeconfig.Entry {
    /// `relative` as seen from the entry's file.
    func resolve(_ relative: String) -> String {
        relative.hasPrefix("/") ? relative : "\(directory)/\(relative)"
    }
}
