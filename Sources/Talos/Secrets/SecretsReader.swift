// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData

/// Takes strings and keys out of documents that hold secrets, and gathers what is wrong with them.
///
/// As lenient as Talos' own readers of such files: keys that nobody asks for are passed over, and every scalar is the
/// string that is written. Names fields in what it reports and never values.
struct SecretsReader {
    /// A place in a document, with what stands there; nil where there is nothing or null.
    struct Place {
        var node: YAMLNode?
        var path: FieldPath

        init(_ node: YAMLNode?, at path: FieldPath = .root) {
            self.node = node.flatMap { $0.isNull ? nil : $0 }
            self.path = path
        }
    }

    /// A bundle is some 10 KB with an RSA key, a machine configuration some hundred at most.
    static let limits = YAMLLimits(bytes: 4 << 20, depth: 64, nodes: 200_000)

    let source: String
    /// The number of the document that is read, if there are several.
    var document: Int?
    private(set) var problems: [ConfigProblem] = []

    init(source: String) {
        self.source = source
    }

    /// All documents of a text; empty ones are nil.
    static func documents(in text: String, source: String) throws(ConfigProblems) -> [YAMLNode?] {
        do throws(YAMLError) {
            return try YAML.nodes(Array(text.utf8), limits: limits)
        } catch {
            throw ConfigProblems(ConfigProblem(source: source, yaml: error))
        }
    }

    /// The one document of a text; `kind` is what it should be.
    static func document(in text: String, source: String, kind: String) throws(ConfigProblems) -> YAMLNode {
        try only(of: documents(in: text, source: source), source: source, kind: kind)
    }

    /// The one document that is not empty.
    static func only(of documents: [YAMLNode?], source: String, kind: String) throws(ConfigProblems)
        -> YAMLNode
    {
        let documents = documents.compactMap { $0 }
        guard documents.count == 1, let document = documents.first else {
            let count = documents.isEmpty ? "is empty" : "has \(documents.count) documents"
            throw ConfigProblems(ConfigProblem(source: source, problem: "\(count): \(kind) is one document"))
        }
        return document
    }

    /// Throws all that was reported.
    func finish() throws(ConfigProblems) {
        if !problems.isEmpty { throw ConfigProblems(problems) }
    }

    mutating func report(_ place: Place, _ problem: String) {
        let line = place.node.flatMap { $0.line > 0 ? $0.line : nil }
        problems.append(
            ConfigProblem(source: source, document: document, line: line, path: place.path, problem: problem))
    }

    /// A member by talosctl's name for it or another spelling of that: `k8saggregator`, `K8sAggregator`,
    /// `k8s_aggregator`.
    func member(_ name: String, of place: Place) -> Place {
        let members = place.node?.members ?? []
        let member = members.first { $0.key == name } ?? members.first { Self.spelling($0.key) == name }
        return Place(member?.value, at: place.path.appending(member?.key ?? name))
    }

    private static func spelling(_ key: String) -> String {
        let plain = key.lowercased().replacing("_", with: "")
        return plain == "cert" ? "crt" : plain
    }

    /// An object within one.
    mutating func object(_ name: String, of place: Place) -> Place {
        checked(member(name, of: place))
    }

    /// A place that must be an object if anything.
    mutating func checked(_ place: Place) -> Place {
        guard let node = place.node, node.members == nil else { return place }
        report(place, "must be an object, not \(node.kindDescription)")
        return Place(nil, at: place.path)
    }

    /// A string; empty where it is missing.
    mutating func text(_ name: String, of place: Place) -> String {
        text(member(name, of: place))
    }

    private mutating func text(_ place: Place) -> String {
        guard let node = place.node else { return "" }
        if case .scalar(let scalar) = node.content { return scalar.text }
        report(place, "must be a string, not \(node.kindDescription)")
        return ""
    }

    /// A string; nil where it is missing or empty.
    mutating func optionalText(_ name: String, of place: Place) -> String? {
        let text = text(name, of: place)
        return text.isEmpty ? nil : text
    }

    /// A list of strings; empty where it is missing.
    mutating func texts(_ name: String, of place: Place) -> [String] {
        let list = member(name, of: place)
        guard let node = list.node else { return [] }
        guard let elements = node.elements else {
            report(list, "must be a list, not \(node.kindDescription)")
            return []
        }
        return elements.enumerated().map { index, element in
            text(Place(element, at: list.path.appending(index)))
        }
    }

    /// The certificate and key of an object within one.
    mutating func pair(_ name: String, of place: Place) -> KeyAndCertificate {
        pair(of: object(name, of: place))
    }

    /// The `crt` and `key` of an object.
    mutating func pair(of place: Place) -> KeyAndCertificate {
        KeyAndCertificate(crt: bytes("crt", of: place), key: bytes("key", of: place, isKey: true))
    }

    /// What a string in Base64 stands for; empty where it is missing.
    mutating func bytes(_ name: String, of place: Place, isKey: Bool = false) -> [UInt8] {
        let text = text(name, of: place)
        if isKey, Array(text.utf8) == SecretsBundle.redactionMarker { return SecretsBundle.redactionMarker }
        if let bytes = Base64.decode(text) { return bytes }
        let isPEM = text.hasPrefix("-----BEGIN")
        report(
            member(name, of: place),
            "must be PEM text in Base64, on one line" + (isPEM ? ", not the PEM text itself" : ""))
        return []
    }
}
