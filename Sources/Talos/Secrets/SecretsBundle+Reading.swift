// SPDX-License-Identifier: Apache-2.0
package import StructuredData

extension SecretsBundle {
    /// Reads talosctl's `secrets.yaml`, or the same in JSON with the names that Cluster API and Terraform use.
    ///
    /// As talosctl does, keys that a bundle does not have (`certs.admin` of old ones) are passed over, and what
    /// is missing stays empty: `problems(for:)` tells.
    /// - Throws: every value that has the wrong type or is no Base64, by name and never by value.
    package init(yaml text: String, source: String) throws(ConfigProblems) {
        let document = try SecretsReader.document(in: text, source: source, kind: "a secrets bundle")
        try self.init(document, source: source)
    }

    /// Reads the bundle that an object of an API holds.
    package init(_ value: JSONValue, source: String) throws(ConfigProblems) {
        try self.init(YAMLNode(value), source: source)
    }

    init(_ node: YAMLNode, source: String) throws(ConfigProblems) {
        var reader = SecretsReader(source: source)
        let root = SecretsReader.Place(node)
        guard Self.parts.contains(where: { reader.member($0, of: root).node != nil }) else {
            let parts = Self.parts.joined(separator: ", ")
            throw ConfigProblems(
                ConfigProblem(source: source, problem: "is no secrets bundle: it has none of \(parts)"))
        }
        self.init()
        read(root, &reader)
        try reader.finish()
    }

    private static let parts = ["cluster", "secrets", "trustdinfo", "certs"]

    private mutating func read(_ root: SecretsReader.Place, _ reader: inout SecretsReader) {
        let cluster = reader.object("cluster", of: root)
        self.cluster.id = reader.text("id", of: cluster)
        self.cluster.secret = reader.text("secret", of: cluster)
        let secrets = reader.object("secrets", of: root)
        bootstrapToken = reader.text("bootstraptoken", of: secrets)
        aescbcEncryptionSecret = reader.optionalText("aescbcencryptionsecret", of: secrets)
        secretboxEncryptionSecret = reader.optionalText("secretboxencryptionsecret", of: secrets)
        trustdToken = reader.text("token", of: reader.object("trustdinfo", of: root))
        let certificates = reader.object("certs", of: root)
        etcd = reader.pair("etcd", of: certificates)
        kubernetes = reader.pair("k8s", of: certificates)
        aggregator = reader.pair("k8saggregator", of: certificates)
        serviceAccountKey = reader.pair("k8sserviceaccount", of: certificates).key
        os = reader.pair("os", of: certificates)
    }
}
