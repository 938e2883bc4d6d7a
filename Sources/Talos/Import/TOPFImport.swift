// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Turns a TOPF directory into a KubernetesCluster with layers.
///
/// The files of `all`, `control-plane`, `worker` and `node/HOST` become inline patches of those scopes, document by
/// document, since TOPF applies them so. Templates become texts with variables where they are made of fields alone;
/// others are evaluated for each node, which the report says.
package struct TOPFImport {
    private static let knownKeys: Set = [
        "clusterName", "clusterEndpoint", "kubernetesVersion", "talosVersion", "schematicId", "factory",
        "platform",
        "secureboot", "patchesDir", "secretsPath", "data", "nodes",
        "sops",
    ]
    /// Keys of TOPF's that have no counterpart, with the reason.
    private static let lostKeys = [
        ("nodesProvider", "programs are not run by an import"),
        ("secretsProvider", "programs are not run by an import"),
        ("dataProvider", "programs are not run by an import; put what it says into data"),
        ("backups", "snapshots of etcd are taken by another tool than this one"),
        ("configDir", "TOPF refuses it; its name is patchesDir now"),
    ]
    private static let knownNodeKeys: Set = [
        "host", "ip", "role", "data", "talosVersion", "schematicId", "factory", "platform", "secureboot",
    ]

    let configuration: ImportedObject
    let files: [SourceFile]
    private let environment: [String: String]
    private let talosVersion: String
    private let isEncrypted: Bool
    let nodes: [ImportedObject]
    var draft: ClusterDraft
    /// The schematics that files of `schematicId` stand for, by node.
    var schematicIDs: [Int: String] = [:]

    /// Imports a directory, of which `configuration` is `topf.yaml`.
    ///
    /// `files` are the patches, by their paths below `patchesDir`, in the order of a walk through it, and those that
    /// `schematicId` names. `environment` is what the template function `env` reads, `talosVersion` the version to take
    /// where `topf.yaml` names none.
    package static func cluster(
        configuration: SourceFile, files: [SourceFile], environment: [String: String], talosVersion: String
    ) throws(ConfigProblems) -> ImportedCluster {
        var topf = try TOPFImport(configuration, files, environment, talosVersion)
        try topf.addSpecification()
        try topf.addLayers()
        return topf.draft.finished()
    }

    /// The directory that `patchesDir` names, relative to that of `topf.yaml`; `.` if it names none.
    package static func patchesDirectory(_ configuration: SourceFile) throws(ConfigProblems) -> String {
        try ImportedObject.read(configuration).text("patchesDir") ?? "."
    }

    /// The file with the secrets bundle, relative to the directory of `topf.yaml`.
    package static func secretsPath(_ configuration: SourceFile) throws(ConfigProblems) -> String {
        try ImportedObject.read(configuration).text("secretsPath") ?? "secrets.yaml"
    }

    /// The files that `schematicId` names, relative to the directory of `topf.yaml`.
    package static func schematicPaths(_ configuration: SourceFile) throws(ConfigProblems) -> [String] {
        let object = try ImportedObject.read(configuration)
        var paths: [String] = []
        for place in [object] + (try object.parts("nodes")) {
            guard let id = try place.text("schematicId"), id.hasPrefix("@") else { continue }
            let path = String(id.dropFirst())
            if !paths.contains(path) { paths.append(path) }
        }
        return paths
    }

    private init(
        _ file: SourceFile, _ files: [SourceFile], _ environment: [String: String], _ talosVersion: String
    ) throws(ConfigProblems) {
        configuration = try ImportedObject.read(file)
        self.files = files
        self.environment = environment
        isEncrypted = file.wasEncrypted
        self.talosVersion = ImportedVersion.text(try configuration.text("talosVersion") ?? talosVersion)
        nodes = try configuration.parts("nodes")
        var draftNodes: [ClusterDraft.Node] = []
        for node in nodes { draftNodes.append(try Self.node(node)) }
        draft = ClusterDraft(name: try configuration.required("clusterName"), nodes: draftNodes)
    }

    private static func node(_ node: ImportedObject) throws(ConfigProblems) -> ClusterDraft.Node {
        let host = try node.required("host")
        let role = try node.required("role")
        guard role == "control-plane" || role == "worker" else {
            throw node.problem("role", "must be control-plane or worker")
        }
        var data: JSONObject = ["host": .string(host), "role": .string(role)]
        if let ip = try node.text("ip") { data["ip"] = .string(ip) }
        if let more = try node.map("data") { data["data"] = .object(more) }
        return ClusterDraft.Node(host: host, isControlPlane: role == "control-plane", data: data)
    }
}

extension TOPFImport {
    private mutating func addSpecification() throws(ConfigProblems) {
        let file = configuration.file
        draft.spec = [
            "management": "Config", "clusterName": .string(draft.name),
            "kubernetesVersion": .string(
                ImportedVersion.text(try configuration.required("kubernetesVersion"))),
            "talosVersion": .string(talosVersion),
            "clusterEndpoint": .string(try configuration.required("clusterEndpoint")),
        ]
        if try configuration.text("talosVersion") == nil {
            draft.note(
                ImportNote(
                    .changed, file: file, path: "talosVersion",
                    reason: "TOPF takes the version that it was built with; here it is \(talosVersion)"))
        }
        try addSchematic()
        if var data = try configuration.map("data") {
            if data["node"] != nil {
                data["node"] = nil
                draft.note(
                    ImportNote(
                        .lost, file: file, path: "data.node",
                        reason: "the name is taken here by the data of the node; rename it"))
            }
            draft.spec["data"] = .object(data)
        }
        draft.holdsSecrets = isEncrypted
        for (key, reason) in Self.lostKeys where configuration.object[key] ?? .null != .null {
            draft.note(ImportNote(.lost, file: file, path: key, reason: reason))
        }
        for key in configuration.unknownKeys(Self.knownKeys.union(Self.lostKeys.map(\.0))) {
            draft.note(
                ImportNote(.lost, file: file, path: key, reason: "no field of TOPF that is known here"))
        }
        for node in nodes {
            for key in node.unknownKeys(Self.knownNodeKeys) {
                draft.note(
                    ImportNote(
                        .lost, file: file, path: "\(node.path.appending(key))",
                        reason: "no field of TOPF that is known here"))
            }
        }
    }
}

extension TOPFImport {
    private mutating func addLayers() throws(ConfigProblems) {
        try addNodeImages()
        for file in files {
            let parts = file.path.split(separator: "/", maxSplits: 2)
            switch parts.first {
            case "all": try add(file, to: .all)
            case "control-plane": try add(file, to: .controlPlane)
            case "worker": try add(file, to: .workers)
            case "node" where parts.count == 3:
                guard let index = draft.nodes.firstIndex(where: { $0.host == parts[1] }) else {
                    draft.note(
                        ImportNote(.lost, file: file.path, reason: "there is no node \(parts[1])"))
                    continue
                }
                try add(file, to: .machine(draft.machineName(index)))
            default: continue  // A file that a field names.
            }
        }
    }

    private mutating func add(_ file: SourceFile, to scope: ClusterDraft.Scope) throws(ConfigProblems) {
        guard file.path.hasSuffix(".tpl") else {
            return try add(ImportedText.escaped(file.text), of: file, to: scope)
        }
        let template: GoTemplate
        do throws(GoTemplate.Problem) {
            template = try GoTemplate(file.text)
        } catch {
            return draft.note(ImportNote(.lost, file: file.path, line: error.line, reason: error.reason))
        }
        if let text = template.asLayer(replacement), Self.isReadable(text) {
            noteVersions(in: file)
            return try add(text, of: file, to: scope)
        }
        try addEvaluated(file, to: scope)
    }

    private mutating func noteVersions(in file: SourceFile) {
        for (field, key) in [(".KubernetesVersion", "kubernetesVersion"), (".TalosVersion", "talosVersion")]
        where file.text.contains(field) && !hasVariable(key) {
            draft.note(
                ImportNote(
                    .changed, file: file.path,
                    reason: "\(field) is written out, since ${\(key)} begins with a v here"))
        }
    }

    /// Whether the text is still YAML with variables in it: in `{a: ${b}}` it is not.
    private static func isReadable(_ text: String) -> Bool {
        do throws(YAMLError) {
            _ = try YAML.imported(text)
            return true
        } catch {
            return false
        }
    }

    /// Adds each document of a patch as a layer.
    private mutating func add(
        _ text: String, of file: SourceFile, to scope: ClusterDraft.Scope
    ) throws(ConfigProblems) {
        let documents = DocumentText.split(text)
        for (index, document) in documents.enumerated() {
            let value: JSONValue
            do throws(YAMLError) {
                value = try YAML.imported(document.text).first ?? .null
            } catch {
                var problem = ConfigProblem(source: file.path, yaml: error)
                problem.line = problem.line.map { $0 + document.line - 1 }
                throw ConfigProblems(problem)
            }
            noteReferences(in: document.text, of: file, from: document.line)
            switch value {
            case .null: continue
            case .object(let object) where object.isEmpty: continue
            case .array(let elements) where elements.isEmpty: continue
            case .object:
                let place = documents.count == 1 ? "" : ", document \(index + 1)"
                draft.add(
                    document.text, named: file.path + place, isSecret: file.wasEncrypted, to: scope)
            default:
                draft.note(
                    ImportNote(
                        .lost, file: file.path, line: document.line,
                        reason: "a patch must be a map of fields; TOPF takes no other either"))
            }
        }
    }

    /// `vals` reads such references while TOPF renders; nothing does so here.
    private mutating func noteReferences(in text: String, of file: SourceFile, from line: Int) {
        for (offset, content) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        where content.contains("ref+") && !content.drop(while: { $0.isWhitespace }).hasPrefix("#") {
            draft.note(
                ImportNote(
                    .lost, file: file.path, line: line + offset,
                    reason: "a reference for vals is left as it stands; put its value there"))
        }
    }
}

extension TOPFImport {
    /// What stands for a field of TOPF's templates: a variable of layers, or a version that differs from ours by its `v`.
    private func replacement(_ keys: [String]) -> String? {
        switch (keys.first, keys.dropFirst().first, keys.count) {
        case ("ClusterName", _, 1): "${cluster.name}"
        case ("ClusterEndpoint", _, 1): "${cluster.endpoint}"
        case ("KubernetesVersion", _, 1): version("kubernetesVersion")
        case ("TalosVersion", _, 1): version("talosVersion")
        case ("SchematicID", _, 1) where hasSchematicVariable: "${schematicID}"
        case ("Data", _, 2...): "${data.\(keys.dropFirst().joined(separator: "."))}"
        case ("Node", "Host", 2): "${data.node.host}"
        case ("Node", "IP", 2): "${data.node.ip}"
        case ("Node", "Role", 2): "${data.node.role}"
        case ("Node", "Data", 3...): "${data.node.data.\(keys.dropFirst(2).joined(separator: "."))}"
        default: nil
        }
    }

    /// Whether the variable says the same as TOPF's field: not where the schematics differ from node to node.
    private var hasSchematicVariable: Bool {
        configuration.object["schematicId"] != nil && draft.spec["schematic"] != nil
    }

    private func version(_ key: String) -> String? {
        if hasVariable(key) { return "${\(key)}" }
        return configuration.object[key]?.string.map { ImportedText.escaped($0) }
    }

    /// Whether the variable says the same as TOPF's field, where a version may lack its `v`.
    private func hasVariable(_ version: String) -> Bool {
        configuration.object[version] != nil && configuration.object[version] == draft.spec[version]
    }

    /// Adds what a template says for each node: once, if it says the same for all of them.
    private mutating func addEvaluated(_ file: SourceFile, to scope: ClusterDraft.Scope)
        throws(ConfigProblems)
    {
        var texts: [(index: Int, text: String)] = []
        for index in draft.nodes.indices where draft.scopes(of: index).contains(scope) {
            do throws(ConfigProblems) {
                texts.append((index, try evaluated(file, for: index)))
            } catch {
                let problem = error.problems.first
                return draft.note(
                    ImportNote(.lost, file: file.path, line: problem?.line, reason: problem?.problem ?? ""))
            }
        }
        guard let first = texts.first else { return }
        let isSecret = isEncrypted || file.wasEncrypted
        let source = SourceFile(path: file.path, text: file.text, wasEncrypted: isSecret)
        if texts.allSatisfy({ $0.text == first.text }) {
            draft.note(
                ImportNote(
                    .changed, file: file.path,
                    reason: "the template was evaluated, and says the same for all of its nodes"))
            return try add(ImportedText.escaped(first.text), of: source, to: scope)
        }
        draft.note(
            ImportNote(
                .changed, file: file.path,
                reason: "the template was evaluated for each node, and its layers are those of the machines, "
                    + "above all that is common to them"))
        for (index, text) in texts {
            try add(ImportedText.escaped(text), of: source, to: .machine(draft.machineName(index)))
        }
    }

    /// What a template says for a node.
    func evaluated(_ file: SourceFile, for index: Int) throws(ConfigProblems) -> String {
        do throws(GoTemplate.Problem) {
            return try GoTemplateEvaluation.text(
                of: try GoTemplate(file.text), root: .object(context(index)), environment: environment)
        } catch {
            throw ConfigProblems(ConfigProblem(source: file.path, line: error.line, problem: error.reason))
        }
    }

    /// What TOPF's templates see, for a node that was not asked.
    private func context(_ index: Int) -> JSONObject {
        func text(_ key: String) -> JSONValue {
            switch configuration.object[key] ?? "" {
            case .string(let text): .string(text)
            case .null: ""
            case let value: .string(String(decoding: value.encoded(), as: UTF8.self))
            }
        }
        let data = draft.nodes[index].data
        return [
            "ClusterName": text("clusterName"), "ClusterEndpoint": text("clusterEndpoint"),
            "KubernetesVersion": text("kubernetesVersion"), "TalosVersion": text("talosVersion"),
            "SchematicID": schematicIDs[index].map { .string($0) } ?? text("schematicId"),
            "Data": configuration.object["data"] ?? [:],
            "Node": [
                "Host": data["host"] ?? "", "Role": data["role"] ?? "", "IP": data["ip"] ?? "",
                "Data": data["data"] ?? [:],
                "RuntimeData": ["TalosVersion": "", "SchematicID": "", "Stage": ""],
            ],
        ]
    }
}
