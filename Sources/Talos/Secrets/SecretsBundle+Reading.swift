// SPDX-License-Identifier: Apache-2.0
import Platform
package import StructuredData

extension SecretsBundle {
    /// Reads talosctl's `secrets.yaml`, or the same in JSON with the names that Cluster API and Terraform use.
    ///
    /// As talosctl does, keys that a bundle does not have (`certs.admin` of old ones) are passed over, and what
    /// is missing stays empty: `problems(for:)` tells.
    /// - Throws: every value that has the wrong type or is no Base64, by name and never by value.
    package init(yaml text: String, source: String) throws(ConfigProblems) {
        try self.init(SecretsDocument.only(in: text, source: source), source: source)
    }

    /// Reads the bundle that an object of an API holds.
    package init(_ value: JSONValue, source: String) throws(ConfigProblems) {
        var reader = SecretsReader(source: source)
        let parts = ["cluster", "secrets", "trustdinfo", "certs"]
        guard case .object = value, parts.contains(where: { reader.member($0, of: value, at: .root) != nil })
        else {
            throw ConfigProblems(
                ConfigProblem(
                    source: source,
                    problem: "is no secrets bundle: it has none of \(parts.joined(separator: ", "))"))
        }
        self.init()
        reader.read(value, into: &self)
        if !reader.problems.isEmpty { throw ConfigProblems(reader.problems) }
    }
}

/// A text with secrets as a value.
enum SecretsDocument {
    /// A bundle is some 10 KB with an RSA key.
    static let limits = YAMLLimits(bytes: 1 << 20, depth: 20, nodes: 10_000)

    /// The one document of a text.
    static func only(in text: String, source: String) throws(ConfigProblems) -> JSONValue {
        let documents = try documents(in: text, source: source).filter { $0 != .null }
        guard documents.count == 1, let document = documents.first else {
            let count = documents.isEmpty ? "is empty" : "has \(documents.count) documents"
            throw ConfigProblems(
                ConfigProblem(source: source, problem: "\(count): a secrets bundle is one document"))
        }
        return document
    }

    /// All documents of a text.
    static func documents(in text: String, source: String) throws(ConfigProblems) -> [JSONValue] {
        do throws(YAMLError) {
            return try YAML.documents(Array(text.utf8), limits: limits)
        } catch {
            throw ConfigProblems(
                ConfigProblem(source: source, line: error.position.line, problem: "\(error.problem)"))
        }
    }
}

/// Takes a bundle's values out of a document and gathers what is wrong with them.
struct SecretsReader {
    let source: String
    private(set) var problems: [ConfigProblem] = []

    init(source: String) {
        self.source = source
    }

    mutating func read(_ value: JSONValue, into bundle: inout SecretsBundle) {
        let (cluster, clusterPath) = part("cluster", of: value, at: .root)
        bundle.cluster.id = text("id", of: cluster, at: clusterPath)
        bundle.cluster.secret = text("secret", of: cluster, at: clusterPath)
        let (secrets, secretsPath) = part("secrets", of: value, at: .root)
        bundle.bootstrapToken = text("bootstraptoken", of: secrets, at: secretsPath)
        bundle.aescbcEncryptionSecret = optionalText("aescbcencryptionsecret", of: secrets, at: secretsPath)
        bundle.secretboxEncryptionSecret =
            optionalText("secretboxencryptionsecret", of: secrets, at: secretsPath)
        let (trustd, trustdPath) = part("trustdinfo", of: value, at: .root)
        bundle.trustdToken = text("token", of: trustd, at: trustdPath)
        let (certificates, path) = part("certs", of: value, at: .root)
        bundle.etcd = pair("etcd", of: certificates, at: path)
        bundle.kubernetes = pair("k8s", of: certificates, at: path)
        bundle.aggregator = pair("k8saggregator", of: certificates, at: path)
        bundle.serviceAccountKey = pair("k8sserviceaccount", of: certificates, at: path).key
        bundle.os = pair("os", of: certificates, at: path)
    }

    /// A member by talosctl's name for it or another spelling of that: `k8saggregator`, `K8sAggregator`,
    /// `k8s_aggregator`.
    func member(_ name: String, of value: JSONValue?, at path: FieldPath) -> (JSONValue, FieldPath)? {
        guard let object = value?.object else { return nil }
        if let exact = object[name] { return (exact, path.appending(name)) }
        let other = object.members.first { Self.spelling($0.key) == name }
        return other.map { ($0.value, path.appending($0.key)) }
    }

    private static func spelling(_ key: String) -> String {
        let plain = key.lowercased().replacing("_", with: "")
        return plain == "cert" ? "crt" : plain
    }

    /// An object within one; nil where there is none.
    mutating func part(
        _ name: String, of value: JSONValue?, at path: FieldPath
    ) -> (JSONValue?, FieldPath) {
        guard let (part, place) = member(name, of: value, at: path), part != .null else {
            return (nil, path.appending(name))
        }
        if part.object == nil { report(place, "must be an object, not \(part.kindDescription)") }
        return (part, place)
    }

    /// A certificate and key; empty where they are missing.
    mutating func pair(_ name: String, of value: JSONValue?, at path: FieldPath) -> KeyAndCertificate {
        let (part, place) = part(name, of: value, at: path)
        return KeyAndCertificate(
            crt: bytes("crt", of: part, at: place), key: bytes("key", of: part, at: place, isKey: true))
    }

    /// A string; empty where it is missing.
    mutating func text(_ name: String, of value: JSONValue?, at path: FieldPath) -> String {
        guard let (member, place) = member(name, of: value, at: path), member != .null else { return "" }
        if let text = member.string { return text }
        report(place, "must be a string, not \(member.kindDescription); put it in quotes")
        return ""
    }

    /// A string; nil where it is missing or empty.
    mutating func optionalText(_ name: String, of value: JSONValue?, at path: FieldPath) -> String? {
        let text = text(name, of: value, at: path)
        return text.isEmpty ? nil : text
    }

    private mutating func bytes(
        _ name: String, of value: JSONValue?, at path: FieldPath, isKey: Bool = false
    ) -> [UInt8] {
        let text = text(name, of: value, at: path)
        if isKey, Array(text.utf8) == SecretsBundle.redactionMarker { return SecretsBundle.redactionMarker }
        if let bytes = Base64.decode(text) { return bytes }
        let isPEM = text.hasPrefix("-----BEGIN")
        report(
            member(name, of: value, at: path)?.1 ?? path.appending(name),
            "must be PEM text in Base64, on one line" + (isPEM ? ", not the PEM text itself" : ""))
        return []
    }

    mutating func report(_ path: FieldPath, _ problem: String) {
        problems.append(ConfigProblem(source: source, path: path, problem: problem))
    }
}
