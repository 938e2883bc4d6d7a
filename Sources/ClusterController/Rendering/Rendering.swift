// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
package import StructuredData

/// The Machines that the clusters of a file would get, without any API server.
///
/// They are what the operator would apply, except that a cluster which was never applied has no UID, and then its
/// Machines have no owner references here.
package struct Rendering: Sendable, Hashable {
    /// One Machine manifest.
    package struct Manifest: Sendable, Hashable {
        /// Where it belongs below an output directory: `{cluster-name}/{machine-name}.yaml`.
        package var path: String
        package var document: JSONValue

        /// The manifest as the operator writes it.
        package var text: String { YAML.document(document) }
    }

    /// A cluster whose specification is valid.
    package struct Cluster: Sendable, Hashable {
        package let cluster: KubernetesCluster
        package var spec: ClusterSpec
        /// Where it was found, for messages.
        package let place: String
        /// The directory below an output directory that its files belong into.
        package let directory: String
    }

    /// A file and what is in it.
    package struct File: Sendable, Hashable {
        /// Its name, for messages.
        package var name: String
        package var documents: [JSONValue]

        package init(name: String, documents: [JSONValue]) {
            self.name = name
            self.documents = documents
        }
    }

    package private(set) var manifests: [Manifest] = []
    package private(set) var clusters: [Cluster] = []
    /// The ConfigMaps and Secrets among the documents.
    package private(set) var layerObjects: [LayerObject] = []
    /// What is wrong, a line each: file and, if it has several documents, which one; field; problem.
    package private(set) var problems: [String] = []
    /// What is doubtful, in the same form.
    package private(set) var warnings: [String] = []
    private let versions: TalosSupport.Policy
    /// The cluster that has a directory, by the name of the directory.
    private var directories: [String: ObjectKey] = [:]
    private var owners: [ObjectKey: ObjectKey] = [:]

    /// Renders every KubernetesCluster of a file; other documents are passed over.
    ///
    /// - Parameters:
    ///   - documents: the content of the file.
    ///   - file: its name, for messages.
    package init(_ documents: [JSONValue], file: String) {
        self.init([File(name: file, documents: documents)])
    }

    /// Renders every KubernetesCluster of some files, and finds the layers in them.
    ///
    /// `versions` says how strictly the table of supported versions is taken. A file without anything in it that
    /// counts is a problem.
    package init(_ files: [File], versions: TalosSupport.Policy = .enforced) {
        self.versions = versions
        for file in files { add(file) }
        if clusters.isEmpty, problems.isEmpty, !files.isEmpty {
            problems.append(
                "\(files.map(\.name).joined(separator: ", ")): there is no KubernetesCluster in it")
        }
    }

    private mutating func add(_ file: File) {
        let objects = file.documents.flatMap { document in
            document["kind"] == "List" ? document["items"]?.array ?? [] : [document]
        }
        var isOfUse = false
        for (index, object) in objects.enumerated() {
            let place = objects.count == 1 ? file.name : "\(file.name) (document \(index + 1))"
            let kind = object["kind"]?.string ?? ""
            if kind == KubernetesCluster.definition.kind {
                isOfUse = true
                add(object, place: place)
            } else if object["apiVersion"] == "v1", let kind = LayerObject.Kind(rawValue: kind) {
                isOfUse = true
                add(kind, object, place: place)
            }
        }
        if !isOfUse { problems.append("\(file.name): there is no KubernetesCluster in it") }
    }

    private mutating func add(_ kind: LayerObject.Kind, _ object: JSONValue, place: String) {
        do throws(DecodingProblem) {
            layerObjects.append(try LayerObject(kind, object))
        } catch {
            problems.append("\(place): \(error)")
        }
    }

    private mutating func add(_ object: JSONValue, place: String) {
        guard object["apiVersion"]?.string == KubernetesCluster.definition.apiVersion else {
            return problems.append("\(place): apiVersion: must be \(KubernetesCluster.definition.apiVersion)")
        }
        do throws(DecodingProblem) {
            let cluster = try KubernetesCluster(object)
            try Self.checkNames(cluster.metadata)
            switch ClusterValidation(cluster.spec, versions: versions) {
            case .invalid(let found):
                problems += found.map { "\(place): \($0)" }
            case .valid(let spec, let found):
                warnings += found.map { "\(place): \($0)" }
                add(cluster, spec, place)
            }
        } catch {
            problems.append("\(place): \(error)")
        }
    }

    /// Names as an API server would take them; no other may become part of a path.
    private static func checkNames(_ metadata: ObjectMeta) throws(DecodingProblem) {
        guard DNS1123.isSubdomain(metadata.name) else {
            throw DecodingProblem(path: "metadata.name", problem: "must be a DNS-1123 subdomain")
        }
        guard metadata.namespace.isEmpty || DNS1123.isLabel(metadata.namespace) else {
            throw DecodingProblem(path: "metadata.namespace", problem: "must be \(DNS1123.labelRule)")
        }
    }

    private mutating func add(_ cluster: KubernetesCluster, _ spec: ClusterSpec, _ place: String) {
        let directory = directory(of: cluster, spec)
        clusters.append(Cluster(cluster: cluster, spec: spec, place: place, directory: directory))
        for machine in MachineBuilder(cluster, spec).machines() {
            if let other = owners.updateValue(cluster.key, forKey: machine.key) {
                return problems.append(
                    "\(place): spec.clusterName: Machine \(machine.key) belongs to KubernetesCluster \(other) already"
                )
            }
            let path = "\(directory)/\(ManifestDirectory.fileName(machine))"
            manifests.append(Manifest(path: path, document: machine.document))
        }
    }

    /// As the operator names it: clusters of one name in different namespaces do not share a directory.
    private mutating func directory(of cluster: KubernetesCluster, _ spec: ClusterSpec) -> String {
        let name = spec.clusterName.description
        if directories[name] == nil { directories[name] = cluster.key }
        return directories[name]?.namespace == cluster.metadata.namespace
            ? name : "\(name).\(cluster.metadata.namespace)"
    }
}
