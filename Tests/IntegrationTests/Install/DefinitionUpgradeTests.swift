// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// CRDs that are there already: the first ones that this project had, or those of `make install`.
@Suite("Installation: CRDs that are there already", .serialized, .timeLimit(.minutes(20)))
struct DefinitionUpgradeTests {
    /// How somebody brings the CRDs up to date.
    enum Way: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case release = "helm upgrade of a release that had the first ones"
        case chart = "helm install --take-ownership --force-conflicts"
        case annotations = "kubectl annotate and label, helm install --force-conflicts"
        case make = "make install"
        case kustomize = "kubectl apply -k config/crd"

        var testDescription: String { rawValue }
    }

    static let fixtures = "\(Repository.root)/Tests/IntegrationTests/Install/Fixtures/first-crds"
    static let definitions = ["kubernetesclusters.vitistack.io", "machines.vitistack.io"]

    @Test(
        "from the first CRDs to today's: nothing stored is lost, and what is new is there",
        arguments: Way.allCases)
    func upgrade(_ way: Way) async throws {
        try await Installation.run("crds") { it in
            if way == .release {
                try await Self.installFirstChart(it)
            } else {
                try await it.controlPlane.kubectl("apply", "--validate=false", "-f", Self.fixtures)
            }
            try await it.controlPlane.kubectl(
                "wait", "--for=condition=Established", "--timeout=5m", "-f", Self.fixtures)
            let cluster = ClusterDocument("old", controlPlane: 3, workers: [("workers", 2), ("gpu", 1)])
            let created = try await it.create(cluster)
            let key = ObjectKey(namespace: "default", name: "old")
            if way == .release {
                try await it.waitUntilComplete(cluster)
            } else {
                // An operator has been at work; here its first traces are enough.
                _ = try await it.client.mergePatch(
                    StoredCluster.self, key, ["status": ["phase": "Provisioning"]], subresource: .status)
            }

            try await Self.perform(way, it)
            for name in Self.definitions {
                let stored = try await it.client.get(
                    CustomResourceDefinition.self, ObjectKey(namespace: "", name: name))
                try Self.expectCurrent(stored)
            }
            let kept = try await it.client.get(StoredCluster.self, key)
            #expect(kept.metadata.uid == created.metadata.uid)
            #expect(kept.document["spec"] == created.document["spec"])
            #expect(kept.phase == "Provisioning")

            // An operator of today works with it.
            if way == .make || way == .kustomize {
                try await it.install("--take-ownership", "--force-conflicts")
            }
            try await it.waitUntilRolledOut(1)
            try await it.waitUntilComplete(cluster)
        }
    }

    @Test("Helm does not take over CRDs of its own accord, and says whose they are")
    func adoption() async throws {
        try await Installation.run("adoption") { it in
            try await it.make("install")
            let output = try await it.tryHelm(
                "install", Installation.release, Installation.chart, "-n", Installation.namespace,
                "--create-namespace")
            #expect(output.ending == .exited(1))
            #expect(output.text.contains("kubernetesclusters.vitistack.io"), "\(output)")
            #expect(output.text.contains("invalid ownership metadata"), "\(output)")
            // Or Helm leaves them to whoever made them.
            try await it.install("--set", "crds.install=false")
            let cluster = ClusterDocument("foreign-crds")
            try await it.create(cluster)
            try await it.waitUntilComplete(cluster)
        }
    }

    private static func perform(_ way: Way, _ it: Installation) async throws {
        switch way {
        case .release:
            try await it.helm(
                "upgrade", Installation.release, Installation.chart, "-n", Installation.namespace)
        case .chart: try await it.install("--take-ownership", "--force-conflicts")
        case .annotations:
            for name in definitions {
                try await it.controlPlane.kubectl(
                    "annotate", "crd", name, "meta.helm.sh/release-name=\(Installation.release)",
                    "meta.helm.sh/release-namespace=\(Installation.namespace)")
                try await it.controlPlane.kubectl(
                    "label", "crd", name, "app.kubernetes.io/managed-by=Helm")
            }
            try await it.install("--force-conflicts")
        case .make: try await it.make("install")
        case .kustomize:
            try await it.controlPlane.kubectl(
                "apply", "--validate=false", "-k", "\(Repository.root)/config/crd")
        }
    }

    /// Installs what today's chart would have been with the first CRDs.
    private static func installFirstChart(_ it: Installation) async throws {
        let directory = try TemporaryDirectory.make(in: it.controlPlane.stateDirectory)
        let copy = try await it.run([
            "bash", "-ec", "cp -rL \"$0\" \"$1/chart\"; cp \"$2\"/*.yaml \"$1/chart/files/crd\"",
            Installation.chart,
            directory, fixtures,
        ])
        #expect(copy.isSuccess, "\(copy)")
        try await it.helm(
            "install", Installation.release, "\(directory)/chart", "-n", Installation.namespace,
            "--create-namespace")
    }

    /// Whether what is served is what `config/crd` has, but for the rules that this old server does not know.
    private static func expectCurrent(_ stored: CustomResourceDefinition) throws {
        let plural = stored.metadata.name.split(separator: ".").first ?? ""
        let file = "\(Repository.root)/config/crd/vitistack.io_\(plural).yaml"
        let wanted = try #require(try YAML.documents(FileSystem.read(file, limit: 1 << 20)).first)
        let (storedVersion, wantedVersion) = (version(stored.document), version(wanted))
        #expect(storedVersion["additionalPrinterColumns"] == wantedVersion["additionalPrinterColumns"])
        for field in ["spec", "status"] {
            #expect(fields(of: field, storedVersion) == fields(of: field, wantedVersion))
        }
    }

    private static func fields(of part: String, _ version: JSONValue) -> [String] {
        let properties = version["schema"]?["openAPIV3Schema"]?["properties"]?[part]?["properties"]
        return (properties?.object?.keys.sorted()) ?? []
    }

    private static func version(_ definition: JSONValue) -> JSONValue {
        definition["spec"]?["versions"]?.array?.first ?? .null
    }
}
