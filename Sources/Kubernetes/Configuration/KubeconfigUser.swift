// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData

/// Entries of `users`.
extension KubeconfigResolver {
    /// A certificate is of no use without its key, nor the other way round.
    mutating func identity(_ entry: Kubeconfig.Entry) -> ClusterConfiguration.Identity? {
        switch (source(entry, "client-certificate"), source(entry, "client-key")) {
        case (let certificate?, let key?):
            return ClusterConfiguration.Identity(certificate: certificate, key: key)
        case (.some, nil):
            fail(entry, "client-certificate: needs a client-key")
        case (nil, .some):
            fail(entry, "client-key: needs a client-certificate")
        case (nil, nil): break
        }
        return nil
    }

    /// `cluster` is what a plugin may be told about it; nil if it could not be read.
    mutating func authentication(
        _ entry: Kubeconfig.Entry, cluster: (Kubeconfig.Entry, ClusterConfiguration)?
    ) -> Authentication {
        var found: [(String, Authentication)] = []
        if let token = token(entry) { found.append(token) }
        if let basic = basic(entry) { found.append(("username", basic)) }
        if let plugin = plugin(entry, cluster: cluster) { found.append(("exec", .plugin(plugin))) }
        refuseUnsupported(entry)
        if found.count > 1 {
            fail(entry, "only one of \(found.map(\.0).joined(separator: ", ")) may be set")
        }
        return found.first?.1 ?? .none
    }

    /// The file goes before the text, since it is the one that is kept fresh.
    private mutating func token(_ entry: Kubeconfig.Entry) -> (String, Authentication)? {
        let inline = text(entry, "token")
        guard let file = path(entry, "tokenFile") else { return inline.map { ("token", .token($0)) } }
        if inline != nil { warnings.append("\(entry.place): tokenFile is used and token is not") }
        return ("tokenFile", .tokenFile(file))
    }

    private mutating func basic(_ entry: Kubeconfig.Entry) -> Authentication? {
        let password = text(entry, "password")
        guard let username = text(entry, "username") else {
            if password != nil { fail(entry, "password: needs a username") }
            return nil
        }
        return .basic(username: username, password: password ?? "")
    }

    /// Being somebody else than asked for is worse than not starting.
    private mutating func refuseUnsupported(_ entry: Kubeconfig.Entry) {
        if entry.fields["auth-provider"] != nil { fail(entry, "auth-provider: is not supported; use exec") }
        for key in ["as", "as-uid", "as-groups", "as-user-extra"] where entry.fields[key] != nil {
            fail(entry, "\(key): acting as another user is not supported")
        }
    }
}

/// `users[].user.exec`.
extension KubeconfigResolver {
    private static let versions = ["v1", "v1beta1"].map { "client.authentication.k8s.io/\($0)" }

    private mutating func plugin(
        _ user: Kubeconfig.Entry, cluster: (Kubeconfig.Entry, ClusterConfiguration)?
    ) -> PluginConfiguration? {
        guard let fields = read(user, { fields throws(DecodingProblem) in try fields.object("exec") }) else {
            return nil
        }
        let exec = Kubeconfig.Entry(
            section: .users, name: user.name, fields: fields, directory: user.directory, inner: "exec")
        let version = text(exec, "apiVersion") ?? ""
        if !Self.versions.contains(version) {
            fail(exec, "apiVersion: must be \(Self.versions.joined(separator: " or ")), not \"\(version)\"")
        }
        guard let command = text(exec, "command") else {
            fail(exec, "command: is missing")
            return nil
        }
        return PluginConfiguration(
            apiVersion: version, command: command.contains("/") ? exec.resolve(command) : command,
            arguments: read(exec) { fields throws(DecodingProblem) in try fields.strings("args") } ?? [],
            environment: environment(exec), installHint: text(exec, "installHint") ?? "",
            needsTerminal: needsTerminal(exec, version),
            cluster: flag(exec, "provideClusterInfo") ? cluster.flatMap { information($0.0, $0.1) } : nil)
    }

    private mutating func environment(_ exec: Kubeconfig.Entry) -> [String: String] {
        let pairs = read(exec) { fields throws(DecodingProblem) in
            try fields.list("env") { element throws(DecodingProblem) in
                let pair = try element.expectObject()
                return (try pair.requiredString("name"), try pair.string("value") ?? "")
            }
        }
        return Dictionary(pairs ?? []) { _, last in last }
    }

    private mutating func needsTerminal(_ exec: Kubeconfig.Entry, _ version: String) -> Bool {
        let modes = ["Never", "IfAvailable", "Always"]
        guard let mode = text(exec, "interactiveMode") else {
            if version == Self.versions[0] {
                fail(exec, "interactiveMode: is missing; must be one of \(modes.joined(separator: ", "))")
            }
            return false
        }
        if !modes.contains(mode) {
            fail(exec, "interactiveMode: must be one of \(modes.joined(separator: ", ")), not \"\(mode)\"")
        }
        return mode == "Always"
    }

    private mutating func information(
        _ entry: Kubeconfig.Entry, _ configuration: ClusterConfiguration
    ) -> PluginConfiguration.Cluster {
        let extensions = entry.fields["extensions"]?.array ?? []
        let own = extensions.first { $0["name"]?.string == "client.authentication.k8s.io/exec" }
        return PluginConfiguration.Cluster(
            server: text(entry, "server") ?? "", serverName: configuration.serverName,
            trust: configuration.trust, proxy: configuration.proxy, config: own?["extension"])
    }
}
