// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData

extension SecretsBundle {
    /// Takes a bundle out of whatever people keep it in.
    ///
    /// That is a bundle itself, in YAML or JSON; the configuration of a control plane machine, also as
    /// `talosctl get machineconfig -o yaml` shows it; or a Kubernetes Secret with one of them, as Cluster API, other
    /// operators and this one keep it.
    /// - Throws: what it is instead, or what is wrong with it; names fields and never values.
    package static func importing(text: String, source: String) throws(ConfigProblems) -> SecretsBundle {
        let documents = try SecretsReader.documents(in: text, source: source)
        let (held, place) = try content(of: documents.compactMap { $0 }, source: source)
        guard let held else { return try imported(documents, source: source) }
        // What is within an envelope is no envelope again.
        let source = "\(source) (\(place))"
        return try imported(SecretsReader.documents(in: held, source: source), source: source)
    }

    private static func imported(_ documents: [YAMLNode?], source: String) throws(ConfigProblems)
        -> SecretsBundle
    {
        let machine = documents.firstIndex { $0?["kind"] == nil && $0?["machine"] != nil }
        if let machine, let node = documents[machine] {
            let number = documents.count > 1 ? machine + 1 : nil
            return try SecretsBundle(machine: node, document: number, source: source)
        }
        let node = try SecretsReader.only(of: documents, source: source, kind: "a secrets bundle")
        if let problem = unusable(node) {
            throw ConfigProblems(ConfigProblem(source: source, problem: problem))
        }
        return try SecretsBundle(node, source: source)
    }

    /// The text within a resource of Talos' or a Secret of Kubernetes', and its key; nil if there is neither.
    private static func content(
        of documents: [YAMLNode], source: String
    ) throws(ConfigProblems) -> (text: String?, key: String) {
        if let resource = documents.first(where: { $0["metadata"]?["type"]?.string == machineConfigType }),
            let text = resource["spec"]?.string
        {
            return (text, "spec")
        }
        guard let secret = documents.first(where: { $0["kind"]?.string == "Secret" }) else {
            return (nil, "")
        }
        return try content(ofSecret: secret, source: source)
    }

    private static let machineConfigType = "MachineConfigs.config.talos.dev"

    /// What is wrong with a document that is none of the forms.
    private static func unusable(_ node: YAMLNode) -> String? {
        if node["sops"] != nil { return "is encrypted with SOPS: decrypt it first" }
        if node["contexts"] != nil {
            return "is a talosconfig or kubeconfig, which has no secrets of the cluster"
        }
        return nil
    }

    /// The keys under which a Secret has a bundle: ours, another operator's, Cluster API's.
    private static let secretKeys = [
        "value", "secrets.bundle", "bundle", "secrets.yaml", "controlplane.yaml",
    ]

    private static func content(
        ofSecret node: YAMLNode, source: String
    ) throws(ConfigProblems) -> (text: String?, key: String) {
        for key in secretKeys {
            if let text = node["stringData"]?[key]?.string { return (text, key) }
            guard let text = node["data"]?[key]?.string else { continue }
            guard let bytes = Base64.decode(text) else {
                throw ConfigProblems(
                    ConfigProblem(source: source, path: FieldPath("data", key), problem: "must be Base64"))
            }
            return (String(decoding: bytes, as: UTF8.self), key)
        }
        let keys = secretKeys.joined(separator: ", ")
        throw ConfigProblems(
            ConfigProblem(source: source, path: FieldPath("data"), problem: "must have one of \(keys)"))
    }

    /// Takes the secrets out of a control plane machine's configuration.
    ///
    /// - Throws: everything that it lacks; a worker's has not what a cluster is made of.
    package init(controlPlaneConfig configuration: MachineConfiguration) throws(ConfigProblems) {
        guard let document = configuration.document(.machine) else {
            throw ConfigProblems(ConfigProblem(problem: "has no document with machine and cluster"))
        }
        try self.init(machine: YAMLNode(document.root.json), document: nil, source: "")
    }

    private init(machine node: YAMLNode, document: Int?, source: String) throws(ConfigProblems) {
        var reader = SecretsReader(source: source)
        reader.document = document
        let root = SecretsReader.Place(node)
        let machine = reader.object("machine", of: root)
        let type = reader.member("type", of: machine)
        guard ["controlplane", "init"].contains(reader.text("type", of: machine)) else {
            reader.report(
                type, "must be controlplane: no other machine's configuration has all of a cluster's secrets")
            throw ConfigProblems(reader.problems)
        }
        self.init()
        trustdToken = reader.required("token", of: machine)
        os = reader.requiredPair("ca", of: machine)
        read(cluster: reader.object("cluster", of: root), &reader)
        try reader.finish()
    }

    private mutating func read(cluster place: SecretsReader.Place, _ reader: inout SecretsReader) {
        cluster.id = reader.required("id", of: place)
        cluster.secret = reader.required("secret", of: place)
        bootstrapToken = reader.required("token", of: place)
        aescbcEncryptionSecret = reader.optionalText("aescbcEncryptionSecret", of: place)
        secretboxEncryptionSecret = reader.optionalText("secretboxEncryptionSecret", of: place)
        kubernetes = reader.requiredPair("ca", of: place)
        aggregator = reader.requiredPair("aggregatorCA", of: place)
        serviceAccountKey = reader.requiredBytes("key", of: reader.object("serviceAccount", of: place))
        etcd = reader.requiredPair("ca", of: reader.object("etcd", of: place))
    }
}

extension SecretsReader {
    fileprivate mutating func required(_ name: String, of place: Place) -> String {
        let text = text(name, of: place)
        if text.isEmpty { reportMissing(name, of: place) }
        return text
    }

    fileprivate mutating func requiredBytes(_ name: String, of place: Place) -> [UInt8] {
        if text(name, of: place).isEmpty { reportMissing(name, of: place) }
        return bytes(name, of: place, isKey: name == "key")
    }

    fileprivate mutating func requiredPair(_ name: String, of place: Place) -> KeyAndCertificate {
        let pair = object(name, of: place)
        return KeyAndCertificate(crt: requiredBytes("crt", of: pair), key: requiredBytes("key", of: pair))
    }

    private mutating func reportMissing(_ name: String, of place: Place) {
        let member = member(name, of: place)
        // That it has another type is said already.
        guard member.node == nil || member.node?.string == "" else { return }
        report(member, "is missing, and a secrets bundle needs it")
    }
}

extension YAMLNode {
    /// The member of a mapping; nil if this is none or has no such key.
    fileprivate subscript(key: String) -> YAMLNode? {
        members?.first { $0.key == key }?.value
    }

    /// The text of a scalar.
    fileprivate var string: String? {
        if case .scalar(let scalar) = content { scalar.text } else { nil }
    }
}
