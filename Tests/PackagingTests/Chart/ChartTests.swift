// SPDX-License-Identifier: Apache-2.0
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

/// What holds whatever the chart is installed with.
@Suite("The Helm chart, with every file of values")
struct ChartTests {
    @Test("There are files of values")
    func files() {
        #expect(ValuesFile.all.count >= 10)
    }

    @Test("Helm finds nothing to complain about, not even as a warning", arguments: ValuesFile.all)
    func lint(_ file: ValuesFile) async throws {
        let result = try await PackagingTool.run([
            "\(Repository.root)/hack/helm.py", "lint", "--strict", PackagingTool.chart, "-f", file.path,
        ])
        #expect(result.succeeded, "\(result.output)\(result.complaint)")
        #expect(result.output.contains("1 chart(s) linted, 0 chart(s) failed"))
    }

    @Test(
        "Every object has a name, its namespace and the common labels, and is there once",
        arguments: ValuesFile.all)
    func metadata(_ file: ValuesFile) async throws {
        let objects = try await file.objects()
        #expect(!objects.isEmpty)
        #expect(Set(objects.map(\.identity)).count == objects.count)
        for object in objects {
            #expect(!object.name.isEmpty && !object.apiVersion.isEmpty && !object.kind.isEmpty)
            #expect(object.name.utf8.count <= 63, "\(object)")
            #expect((object.namespace == nil) == object.isClusterScoped, "\(object)")
            let labels = object.labels
            #expect(labels["app.kubernetes.io/name"] == "talos-operator", "\(object)")
            #expect(labels["app.kubernetes.io/instance"] == PackagingTool.release, "\(object)")
            #expect(labels["app.kubernetes.io/component"] == "controller-manager", "\(object)")
            #expect(labels["app.kubernetes.io/managed-by"] == "Helm", "\(object)")
            #expect(labels["app.kubernetes.io/version"] == Version.current, "\(object)")
            #expect(labels["helm.sh/chart"] == "talos-operator-\(Version.current)", "\(object)")
        }
    }

    @Test("The pod meets the restricted Pod Security Standard", arguments: ValuesFile.all)
    func podSecurity(_ file: ValuesFile) async throws {
        let deployment = try #require(try await file.objects().only("Deployment"))
        let pod = try #require(deployment.podSpec)
        #expect(PodSecurity.violations(of: pod) == [])
        #expect(deployment.container?["securityContext"]?["readOnlyRootFilesystem"] == true)
        #expect(pod["automountServiceAccountToken"] == true)
        if let account = try await file.objects().only("ServiceAccount") {
            #expect(account["automountServiceAccountToken"] == false)
        }
    }

    @Test("Everything that selects pods selects the Deployment's", arguments: ValuesFile.all)
    func selectors(_ file: ValuesFile) async throws {
        let objects = try await file.objects()
        let deployment = try #require(objects.only("Deployment"))
        let pod = try #require(deployment["spec", "template", "metadata", "labels"]?.texts)
        var selectors = [
            deployment["spec", "selector", "matchLabels"], objects.only("Service")?["spec", "selector"],
            objects.only("PodDisruptionBudget")?["spec", "selector", "matchLabels"],
            objects.only("NetworkPolicy")?["spec", "podSelector", "matchLabels"],
        ]
        selectors += (deployment.podSpec?["topologySpreadConstraints"]?.array ?? []).map {
            $0.value(at: ["labelSelector", "matchLabels"])
        }
        for selector in selectors.compactMap({ $0?.texts }) {
            #expect(selector.count == 3)
            #expect(selector.allSatisfy { pod[$0.key] == $0.value }, "\(selector)")
        }
        if let monitor = objects.only("ServiceMonitor") {
            let service = try #require(objects.only("Service"))
            let selector = try #require(monitor["spec", "selector", "matchLabels"]?.texts)
            #expect(selector.allSatisfy { service.labels[$0.key] == $0.value }, "\(selector)")
        }
    }

    @Test("Every port that is named is the container's", arguments: ValuesFile.all)
    func ports(_ file: ValuesFile) async throws {
        let objects = try await file.objects()
        let container = try #require(objects.only("Deployment")?.container)
        let names = container["ports"]?.array?.compactMap { $0["name"]?.string } ?? []
        #expect(Set(names).count == names.count)
        for probe in ["livenessProbe", "readinessProbe"] {
            #expect(container[probe]?.value(at: ["httpGet", "port"]) == "health")
        }
        #expect(names.contains("health"))
        #expect(names.contains("metrics") == (objects.only("Service") != nil))
        for port in objects.only("Service")?["spec", "ports"]?.array ?? [] {
            #expect(names.contains(port["targetPort"]?.string ?? ""))
        }
        for rule in objects.only("NetworkPolicy")?["spec", "ingress"]?.array ?? [] {
            for port in rule["ports"]?.array ?? [] { #expect(names.contains(port["port"]?.string ?? "")) }
        }
        if let monitor = objects.only("ServiceMonitor") {
            let endpoint = try #require(monitor["spec", "endpoints", "0"])
            let ports = objects.only("Service")?["spec", "ports"]?.array ?? []
            #expect(ports.contains { $0["name"] == endpoint["port"] })
            #expect(endpoint["path"] == "/metrics")
        }
    }

    @Test(
        "Every volume is mounted, every mount has its volume, and the results can be written",
        arguments: ValuesFile.all)
    func volumes(_ file: ValuesFile) async throws {
        let pod = try #require(try await file.objects().only("Deployment")?.podSpec)
        let mounts = pod.value(at: ["containers", "0", "volumeMounts"])?.array ?? []
        let volumes = pod["volumes"]?.array ?? []
        #expect(Set(mounts.map { $0["name"] }) == Set(volumes.map { $0["name"] }))
        let environment = pod.value(at: ["containers", "0", "env"])?.array ?? []
        let path = try #require(environment.first { $0["name"] == "RESULTS_PATH" }?["value"])
        let mount = try #require(mounts.first { $0["mountPath"] == path })
        #expect(mount["readOnly"] == nil)
    }

    @Test("Every binding names a role that is there, and the pod's account", arguments: ValuesFile.all)
    func bindings(_ file: ValuesFile) async throws {
        let objects = try await file.objects()
        let account = try #require(objects.only("Deployment")?.podSpec?["serviceAccountName"]?.string)
        for binding in objects where binding.kind.hasSuffix("Binding") {
            let kind = try #require(binding["roleRef", "kind"]?.string)
            let role = RenderedObject.Identity(
                kind: kind, namespace: kind == "Role" ? binding.namespace : nil,
                name: binding["roleRef", "name"]?.string ?? "")
            #expect(objects.contains { $0.identity == role }, "\(binding)")
            let subject: JSONValue = [
                "kind": "ServiceAccount", "name": .string(account),
                "namespace": .string(PackagingTool.namespace),
            ]
            #expect(binding["subjects"] == [subject])
        }
        for role in objects where role.kind.hasSuffix("Role") {
            let rules = try #require(role["rules"]?.array)
            #expect(!rules.isEmpty)
            let texts = rules.flatMap { rule in (rule.object?.members ?? []).flatMap { $0.value.array ?? [] }
            }
            #expect(!texts.contains("*"), "\(role)")
        }
    }
}
