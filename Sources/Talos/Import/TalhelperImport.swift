// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Turns a talhelper directory into a KubernetesCluster with layers.
///
/// Fields that all nodes of a role share become a layer of that role, others layers of the machines; then come the
/// patches, in talhelper's order: those of all nodes, of the role, of the node. Environment variables get the values
/// that they have during the import.
package struct TalhelperImport {
    static let knownKeys: Set = [
        "clusterName", "endpoint", "talosVersion", "kubernetesVersion", "domain", "allowSchedulingOnMasters",
        "allowSchedulingOnControlPlanes", "additionalMachineCertSans", "additionalApiServerCertSans",
        "clusterPodNets", "clusterSvcNets", "cniConfig", "inlineManifests", "patches", "nodes",
        "imageFactory",
        "controlPlane", "worker", "sops",
    ]

    let configuration: ImportedObject
    let files: [String: SourceFile]
    let environment: EnvironmentText
    let talosVersion: String
    let version: TalosVersion
    let nodes: [ImportedObject]
    let groups: [Bool: ImportedObject]
    var draft: ClusterDraft
    /// Whether a field that was read since this was last set to false has the content of an encrypted file.
    var hasReadEncrypted = false

    /// Imports a directory, of which `configuration` is `talconfig.yaml`.
    ///
    /// `environmentFiles` are `talenv.yaml` and the like: a later one beats an earlier one, and all beat `environment`,
    /// the variables of the process. `files` are what `references` names. `talosVersion` is taken where the file names
    /// none, or `latest`. `bundle` is the secrets bundle with the name of its file.
    package static func cluster(
        configuration: SourceFile, environmentFiles: [SourceFile], files: [SourceFile],
        bundle: (name: String, secrets: SecretsBundle)?, environment: [String: String], talosVersion: String
    ) throws(ConfigProblems) -> ImportedCluster {
        let text = EnvironmentText(variables: variables(environmentFiles, environment))
        var talhelper = try TalhelperImport(configuration, files, text, talosVersion)
        talhelper.draft.holdsSecrets =
            configuration.wasEncrypted || environmentFiles.contains(where: \.wasEncrypted)
        try talhelper.addSpecification()
        if let bundle { talhelper.addEncryptionSecret(of: bundle.secrets, in: bundle.name) }
        try talhelper.addLayers()
        return talhelper.draft.finished()
    }

    /// The files that `talconfig.yaml` names, relative to its directory: patches, contents and manifests.
    package static func references(
        _ configuration: SourceFile, environmentFiles: [SourceFile], environment: [String: String]
    ) throws(ConfigProblems) -> [String] {
        let text = EnvironmentText(variables: variables(environmentFiles, environment))
        let source = SourceFile(path: configuration.path, text: try text.substituted(configuration))
        var paths: [String] = []
        collect(.object(try ImportedObject.read(source).object), below: "", into: &paths)
        return paths
    }

    /// The secrets bundle of a file, which may have variables of the environment too.
    package static func bundle(
        _ file: SourceFile, environmentFiles: [SourceFile], environment: [String: String]
    ) throws(ConfigProblems) -> SecretsBundle {
        let text = EnvironmentText(variables: variables(environmentFiles, environment))
        return try SecretsBundle(yaml: try text.substituted(file), source: file.path)
    }

    /// The bundle that the cluster is to have: beside `secretboxencryptionsecret` there is no older key, which Talos
    /// refuses, and which a layer has instead.
    package static func cleaned(_ bundle: SecretsBundle) -> SecretsBundle {
        var bundle = bundle
        if bundle.secretboxEncryptionSecret != nil { bundle.aescbcEncryptionSecret = nil }
        return bundle
    }

    /// talhelper writes the key of clusters born before Talos 1.3 for newer versions too, without which they cannot
    /// read what etcd holds; Talos' own generator does not.
    private mutating func addEncryptionSecret(of bundle: SecretsBundle, in file: String) {
        guard let secret = bundle.aescbcEncryptionSecret, !secret.isEmpty else { return }
        let field = "secrets.aescbcencryptionsecret"
        draft.add(
            ["cluster": ["aescbcEncryptionSecret": .string(ImportedText.escaped(secret))]],
            named: "\(file): \(field)", isSecret: true, to: .controlPlane)
        draft.note(
            ImportNote(
                .changed, file: file, path: field,
                reason:
                    "is cluster.aescbcEncryptionSecret of the control plane as with talhelper, in a Secret "
                    + "with a layer; needed until etcd holds nothing that was encrypted with it"))
    }

    private static func variables(
        _ files: [SourceFile], _ environment: [String: String]
    ) -> [String: String] {
        files.reduce(environment) { $0.merging(EnvironmentText.variables(in: $1)) { _, new in new } }
    }

    private static func collect(_ value: JSONValue, below key: String, into paths: inout [String]) {
        switch value {
        case .string(let text):
            let isReference = text.hasPrefix("@") && ["patches", "content", "contents"].contains(key)
            guard isReference || key == "extraManifests" else { return }
            let path = isReference ? String(text.dropFirst()) : text
            if !paths.contains(path) { paths.append(path) }
        case .array(let elements):
            for element in elements { collect(element, below: key, into: &paths) }
        case .object(let object):
            for member in object.members { collect(member.value, below: member.key, into: &paths) }
        default: return
        }
    }

    private init(
        _ file: SourceFile, _ files: [SourceFile], _ environment: EnvironmentText, _ talosVersion: String
    ) throws(ConfigProblems) {
        let text = try environment.substituted(file)
        configuration = try ImportedObject.read(SourceFile(path: file.path, text: text))
        self.files = Dictionary(files.map { ($0.path, $0) }) { first, _ in first }
        self.environment = environment
        let given = try configuration.text("talosVersion").flatMap { $0 == "latest" ? nil : $0 }
        // What is tested before a release has the layout of that release.
        let release = ImportedVersion.text(given ?? talosVersion).prefix { $0 != "-" }
        self.talosVersion = String(release)
        guard let version = TalosVersion(self.talosVersion) else {
            throw configuration.problem("talosVersion", "must be a version such as v1.12.3")
        }
        self.version = version
        nodes = try configuration.parts("nodes")
        var groups: [Bool: ImportedObject] = [:]
        groups[true] = try configuration.part("controlPlane")
        groups[false] = try configuration.part("worker")
        self.groups = groups
        var draftNodes: [ClusterDraft.Node] = []
        for node in nodes {
            var data: JSONObject = ["hostname": .string(try node.required("hostname"))]
            if let address = try node.text("ipAddress") { data["ipAddress"] = .string(address) }
            draftNodes.append(
                ClusterDraft.Node(
                    host: try node.required("hostname"),
                    isControlPlane: try node.flag("controlPlane") ?? false,
                    data: data))
        }
        draft = ClusterDraft(name: try configuration.required("clusterName"), nodes: draftNodes)
    }

    mutating func lose(_ path: String, _ reason: String) {
        draft.note(ImportNote(.lost, file: configuration.file, path: path, reason: reason))
    }

    mutating func change(_ path: String, _ reason: String) {
        draft.note(ImportNote(.changed, file: configuration.file, path: path, reason: reason))
    }
}

extension TalhelperImport {
    private mutating func addSpecification() throws(ConfigProblems) {
        var kubernetesVersion = try configuration.text("kubernetesVersion").map(ImportedVersion.text)
        if kubernetesVersion == nil {
            kubernetesVersion = ImportedVersion.defaultKubernetes[version.minor] ?? "v1.36.3"
            change("kubernetesVersion", "is absent, so that it is Talos' own: \(kubernetesVersion ?? "")")
        }
        draft.spec = [
            "management": "Config", "clusterName": .string(draft.name),
            "kubernetesVersion": .string(kubernetesVersion ?? ""), "talosVersion": .string(talosVersion),
            "clusterEndpoint": .string(try configuration.required("endpoint")),
        ]
        if let given = try configuration.text("talosVersion"), ImportedVersion.text(given) != talosVersion {
            change("talosVersion", "\(given) is no release; here it is \(talosVersion)")
        } else if configuration.object["talosVersion"] == nil {
            change(
                "talosVersion", "is absent, so that talhelper takes its newest; here it is \(talosVersion)")
        }
        for (key, field) in [("clusterPodNets", "podSubnets"), ("clusterSvcNets", "serviceSubnets")] {
            let subnets = try configuration.list(key)
            if !subnets.isEmpty { draft.spec[field] = .array(subnets) }
        }
        try addTalosConfig()
        try addSchematic()
        try noteFactory()
        for key in configuration.unknownKeys(Self.knownKeys) {
            lose(key, "no field of talhelper that is known here")
        }
    }

    private mutating func addTalosConfig() throws(ConfigProblems) {
        var talosConfig = JSONObject()
        if let domain = try configuration.text("domain") {
            talosConfig["cluster"] = ["network": ["dnsDomain": .string(domain)]]
        }
        let names = try configuration.list("additionalMachineCertSans")
        if !names.isEmpty { talosConfig["machine"] = ["certSANs": .array(names)] }
        let disks = Set(nodes.map { $0.object["installDisk"] })
        if disks.count == 1, case .string(let disk)?? = disks.first {
            talosConfig["install"] = ["disk": .string(disk)]
        }
        if !talosConfig.isEmpty { draft.spec["talosConfig"] = .object(talosConfig) }
    }
}
