// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData

@testable import ClusterController

extension FuzzTarget {
    private static let specWords = [
        "clusterName", "kubernetesVersion", "talosVersion", "clusterEndpoint", "controlPlane", "replicas",
        "workers",
        "machineTemplate", "metadata", "labels", "annotations", "spec", "talosConfig", "cluster", "network",
        "podSubnets", "serviceSubnets", "namespace", "../", "/", "cp", "v1.28.3", "v1.5.5",
        "https://[::1]:6443",
        "10.244.0.0/16", "::/0", "1000", "-1", "null", "{}", "[]", "\u{212A}",
    ]

    static let cluster = [
        FuzzTarget("cluster-spec", words: specWords, rendering),
        FuzzTarget("values", words: specWords, values),
        FuzzTarget(
            "manifest-record", words: ["files", "namespace", "name", "uid", "../x", ".yaml", "[]"], record),
    ]

    /// What validation accepts becomes Machines that the API takes and files that stay in their directory.
    private static func rendering(_ bytes: [UInt8]) throws {
        let limits = YAMLLimits(bytes: 1 << 16, depth: 60, nodes: 5000)
        guard case .success(let documents) = Result(catching: { try YAML.documents(bytes, limits: limits) })
        else {
            return
        }
        let rendering = Rendering(documents, file: "f")
        try require(rendering.problems.allSatisfy { $0.hasPrefix("f") }, "problems name the file")
        var paths: Set<String> = []
        for manifest in rendering.manifests.prefix(50) {
            try require(paths.insert(manifest.path).inserted, "two manifests in \(manifest.path)")
            let parts = manifest.path.split(separator: "/", omittingEmptySubsequences: false)
            try require(
                parts.count == 2 && parts.last?.hasSuffix(".yaml") == true, "a file: \(manifest.path)")
            try require(
                parts[0].split(separator: ".").allSatisfy { DNS1123.isLabel($0) }, "names: \(parts[0])")
            let name = manifest.document["metadata"]?["name"]?.string ?? ""
            try require(DNS1123.isLabel(name) && "\(name).yaml" == parts[1], "a Machine's name: \(name)")
            try require(try YAML.documents(Array(manifest.text.utf8)) == [manifest.document], "reads back")
            try require(try Machine(manifest.document).metadata.name == name, "is a Machine")
        }
        try plan(documents)
    }

    /// Any cluster and any Machines make a plan that contradicts itself nowhere.
    private static func plan(_ documents: [JSONValue]) throws {
        let owned = documents.compactMap { try? Machine($0) }
        for document in documents {
            guard let cluster = try? KubernetesCluster(document),
                case .valid(let spec, _) = ClusterValidation(cluster.spec, owned: owned)
            else { continue }
            let plan = MachinePlan(
                MachineBuilder(cluster, spec).machines(), clusterName: spec.clusterName, owned: owned)
            let applied = Set(plan.apply.map(\.machine.key))
            try require(applied.isDisjoint(with: plan.delete.map(\.key)), "nothing is both made and deleted")
        }
    }

    /// A value prints as the text it was read from.
    private static func values(_ bytes: [UInt8]) throws {
        let text = bytes.text
        try check(CIDR(text)?.description, CIDR.rule(against: text), text)
        try check(Version(text)?.description, Version.rule(against: text), text)
        try check(ClusterName(text)?.description, ClusterName.rule(against: text), text)
        try check(WorkerGroupName(text)?.description, WorkerGroupName.rule(against: text), text)
        try check(ClusterEndpoint(text)?.description, ClusterEndpoint.rule(against: text), text)
        if let network = CIDR(text) { try require(network.overlaps(network), "a network overlaps itself") }
    }

    private static func check(_ printed: String?, _ rule: String, _ text: String) throws {
        try require(!rule.isEmpty, "the rule has words")
        guard let printed else { return }
        try require(Array(printed.utf8) == Array(text.utf8), "\(printed) prints as \(text)")
        try require(
            text.utf8.allSatisfy { (33...126).contains($0) }, "is plain ASCII: \(text.debugDescription)")
    }

    /// A record is read or refused; one that is read names nothing but files of this directory.
    private static func record(_ bytes: [UInt8]) throws {
        let path = scratch
        let file = open("\(path)/\(ManifestRecord.fileName)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw SystemError.last }
        _ = write(file, bytes, bytes.count)
        close(file)
        let directory = try Directory(path)
        guard case .owned(let record) = try ManifestRecord.find(in: directory) else { return }
        for name in record.files { _ = try directory.version(of: name) }
        try require(try JSONValue(json: record.bytes)["name"]?.string == record.owner.key.name, "reads back")
    }

    /// A directory of this process for one file.
    private static let scratch: String = {
        let path = "/tmp/talos-operator-fuzz-\(getpid())"
        mkdir(path, 0o700)
        return path
    }()
}
