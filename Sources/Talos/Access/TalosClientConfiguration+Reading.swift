// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension TalosClientConfiguration {
    /// Reads a talosconfig; keys that it does not have are passed over, as talosctl does.
    ///
    /// `target` of very old ones is one more endpoint.
    /// - Throws: every value that has the wrong type or is no Base64, by name and never by value.
    package init(yaml text: String, source: String) throws(ConfigProblems) {
        let document = try SecretsReader.document(in: text, source: source, kind: "a talosconfig")
        var reader = SecretsReader(source: source)
        let root = reader.checked(SecretsReader.Place(document))
        let contexts = reader.object("contexts", of: root)
        context = reader.text("context", of: root)
        self.contexts = (contexts.node?.members ?? []).map { member in
            let place = SecretsReader.Place(member.value, at: contexts.path.appending(member.key))
            return reader.context(member.key, reader.checked(place))
        }
        try reader.finish()
    }
}

extension SecretsReader {
    fileprivate mutating func context(
        _ name: String, _ place: Place
    ) -> TalosClientConfiguration.Context {
        var context = TalosClientConfiguration.Context(name: name)
        context.endpoints = texts("endpoints", of: place)
        if let target = optionalText("target", of: place) { context.endpoints.append(target) }
        context.nodes = texts("nodes", of: place)
        context.authority = bytes("ca", of: place)
        context.client = pair(of: place)
        context.cluster = text("cluster", of: place)
        context.authentication = authentication(object("auth", of: place))
        return context
    }

    private mutating func authentication(_ place: Place) -> TalosClientConfiguration.Authentication? {
        let basic = object("basic", of: place)
        if basic.node != nil {
            return .basic(username: text("username", of: basic), password: text("password", of: basic))
        }
        let identity = object("siderov1", of: place)
        return identity.node == nil ? nil : .siderov1(identity: text("identity", of: identity))
    }
}
