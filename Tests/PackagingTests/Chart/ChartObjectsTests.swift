// SPDX-License-Identifier: Apache-2.0
import ClusterController
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

/// What single values make of the objects.
@Suite("The objects of the Helm chart")
struct ChartObjectsTests {
    private func deployment(_ values: JSONValue) async throws -> RenderedObject {
        try #require(try await PackagingTool.template(values).only("Deployment"))
    }

    @Test("The CustomResourceDefinitions are those of config/crd, to stay behind, with labels")
    func definitions() async throws {
        let objects = try await PackagingTool.template().filter { $0.kind == "CustomResourceDefinition" }
        #expect(objects.count == 2)
        for object in objects {
            let plural = object.name.split(separator: ".").first ?? ""
            let file = try #require(
                try PackagingTool.file("config/crd/\(APINames.group)_\(plural).yaml").first)
            #expect(object["spec"] == file["spec"])
            #expect(object.annotations["helm.sh/resource-policy"] == "keep")
        }
    }

    @Test("Servers before 1.25 get them without CEL, and nothing else is missing")
    func withoutValidations() async throws {
        func stripped(_ value: JSONValue) -> JSONValue {
            if let elements = value.array { return .array(elements.map(stripped)) }
            guard let members = value.object?.members else { return value }
            return .object(
                JSONObject(
                    members.filter { $0.key != "x-kubernetes-validations" }.map { member in
                        JSONObject.Member(key: member.key, value: stripped(member.value))
                    }))
        }
        for (server, isOld) in [("1.20.2", true), ("v1.24.17-gke.2", true), ("1.25.0", false)] {
            let objects = try await PackagingTool.template(server: server)
            for object in objects where object.kind == "CustomResourceDefinition" {
                let plural = object.name.split(separator: ".").first ?? ""
                let file = try #require(
                    try PackagingTool.file("config/crd/\(APINames.group)_\(plural).yaml").first)
                let spec = try #require(file["spec"])
                #expect(object["spec"] == (isOld ? stripped(spec) : spec), "\(object) \(server)")
                #expect(stripped(spec) != spec || plural == "machines")
            }
        }
    }

    @Test("A package of the chart has all that the links lead to, and makes the same objects")
    func package() async throws {
        let (directory, helm) = (try TemporaryDirectory(), "\(Repository.root)/hack/helm.py")
        _ = try await PackagingTool.output(of: [helm, "package", PackagingTool.chart, "-d", directory.path])
        let package = "\(directory.path)/talos-operator-\(Version.current).tgz"
        let values = try #require(ValuesFile.all.first { $0.name == "monitoring.yaml" })
        let text = try await PackagingTool.output(of: [
            helm, "template", PackagingTool.release, package, "-n", PackagingTool.namespace, "-f",
            values.path,
        ])
        #expect(try await Set(PackagingTool.objects(text)) == Set(values.objects()))
    }

    @Test("They can be left out, and left to go with the release")
    func definitionValues() async throws {
        let none = try await PackagingTool.template(["crds": ["install": false]])
        #expect(!none.contains { $0.kind == "CustomResourceDefinition" })
        let loose = try await PackagingTool.template(["crds": ["keep": false]])
        let definitions = loose.filter { $0.kind == "CustomResourceDefinition" }
        #expect(definitions.count == 2)
        #expect(definitions.allSatisfy { $0.annotations.isEmpty })
    }

    @Test(
        "An image is named by tag or digest",
        arguments: [
            ([:], "ghcr.io/vitistack/talos-operator:0.1.0"),
            (["tag": "v2"], "ghcr.io/vitistack/talos-operator:v2"),
            (["repository": "r:5000/t"], "r:5000/t:0.1.0"),
            (
                ["tag": "v2", "digest": .string("sha256:" + String(repeating: "a", count: 64))],
                "ghcr.io/vitistack/talos-operator@sha256:" + String(repeating: "a", count: 64)
            ),
        ] as [(JSONValue, String)])
    func image(_ value: JSONValue, _ expected: String) async throws {
        #expect(try await deployment(["image": value]).container?["image"]?.string == expected)
    }

    @Test(
        "Two releases of one namespace share nothing, and of two namespaces nothing but CustomResourceDefinitions"
    )
    func sideBySide() async throws {
        let everything: JSONValue = [
            "replicaCount": 2, "networkPolicy": ["enabled": true],
            "results": ["persistence": ["enabled": true, "accessModes": ["ReadWriteMany"]]],
            "metrics": [
                "secure": ["enabled": true, "authorization": true, "certManager": ["enabled": true]],
                "serviceMonitor": ["enabled": true], "prometheusRule": ["enabled": true],
                "dashboard": ["enabled": true],
            ],
        ]
        let first = try await PackagingTool.template(everything)
        for (release, namespace) in [("second", PackagingTool.namespace), ("second", "elsewhere")] {
            let second = try await PackagingTool.template(everything, release: release, namespace: namespace)
            let shared = Set(first.map(\.identity)).intersection(second.map(\.identity))
            #expect(Set(shared.map(\.kind)) == ["CustomResourceDefinition"], "\(shared)")
            let pods = second.only("Deployment")?["spec", "selector"]
            #expect(pods != first.only("Deployment")?["spec", "selector"])
        }
    }

    @Test(
        "Names begin with what the release is called",
        arguments: [
            ("talos-operator", [:], "talos-operator"), ("prod", [:], "prod-talos-operator"),
            ("my-talos-operator", [:], "my-talos-operator"), ("prod", ["nameOverride": "tal"], "prod-tal"),
            ("prod", ["fullnameOverride": "machines"], "machines"),
            (
                "a-release-with-one-of-the-longest-names-that-helm-has", [:],
                "a-release-with-one-of-the-longest-names"
            ),
        ] as [(String, JSONValue, String)])
    func names(_ release: String, _ values: JSONValue, _ expected: String) async throws {
        let objects = try await PackagingTool.template(values, release: release)
        for object in objects where object.kind != "CustomResourceDefinition" {
            #expect(object.name == expected || object.name.hasPrefix("\(expected)-"), "\(object)")
        }
        #expect(objects.named("\(expected)-controller-manager", "Deployment") != nil)
    }

    @Test("With chosen namespaces there is a role in each, with the same rules, and nothing cluster-wide")
    func chosenNamespaces() async throws {
        let objects = try await PackagingTool.template([
            "watchNamespaces": ["team-a", "team-b"], "crds": ["install": false],
        ])
        #expect(objects.filter(\.isClusterScoped) == [])
        let wide = try await PackagingTool.template().named("talos-operator", "ClusterRole")
        for namespace in ["team-a", "team-b"] {
            let role = objects.first { $0.kind == "Role" && $0.namespace == namespace }
            #expect(role?["rules"] == wide?["rules"])
            #expect(role?.name == "talos-operator")
            #expect(objects.contains { $0.kind == "RoleBinding" && $0.namespace == namespace })
        }
        #expect(objects.filter { $0.kind == "Role" }.count == 3)
    }

    @Test(
        "Rights on Secrets are there if they are needed, in the chosen namespaces alone, and layers at home")
    func configManagement() async throws {
        let byDefault = try await PackagingTool.template()
        #expect(!byDefault.contains { $0.name.hasSuffix("-config-management") })
        let rules = try PackagingTool.file("config/rbac/config-management/role.yaml").first?["rules"]
        let wide = try await PackagingTool.template(["configManagement": ["enabled": true]])
        #expect(wide.named("talos-operator-config-management", "ClusterRole")?["rules"] == rules)
        #expect(!wide.contains { $0.name.hasSuffix("-layers") })
        let layers = try PackagingTool.file("config/rbac/layers.yaml").first?["rules"]
        for (home, watched) in [
            ("talos-operator-system", ["a", "b"]), ("site", ["a", "b"]), ("a", ["a", "b"]),
        ] {
            let objects = try await PackagingTool.template([
                "configManagement": ["enabled": true, "layerNamespace": .string(home)],
                "watchNamespaces": .array(watched.map(JSONValue.string)), "crds": ["install": false],
            ])
            #expect(objects.filter(\.isClusterScoped) == [])
            let roles = objects.filter { $0.kind == "Role" && $0.name.hasSuffix("-config-management") }
            #expect(roles.map(\.namespace) == watched && roles.allSatisfy { $0["rules"] == rules })
            let own = objects.filter { $0.kind == "Role" && $0.name.hasSuffix("-layers") }
            #expect(own.map(\.namespace) == (watched.contains(home) ? [] : [home]))
            #expect(own.allSatisfy { $0["rules"] == layers })
        }
    }

    @Test("People's roles are parts of the cluster's own, unless that is not wanted")
    func aggregation() async throws {
        for (values, isWanted) in [([:], true), (["rbac": ["aggregate": false]], false)]
            as [(JSONValue, Bool)]
        {
            let objects = try await PackagingTool.template(values)
            for name in ["talos-operator-viewer", "talos-operator-editor"] {
                let role = try #require(objects.named(name, "ClusterRole"))
                let labels = role.labels.keys.filter { $0.contains("aggregate-to-") }
                #expect(labels.isEmpty == !isWanted, "\(name)")
            }
        }
    }
}

/// Replicas, volumes, metrics: values that change several objects at once.
@Suite("Modes of the Helm chart")
struct ChartModeTests {
    @Test(
        "A budget is there if there are several replicas",
        arguments: [(1, true, false), (2, true, true), (2, false, false), (0, true, false)])
    func budget(_ replicas: Int, _ isEnabled: Bool, _ isThere: Bool) async throws {
        let values: JSONValue = [
            "replicaCount": .integer(Int64(replicas)), "podDisruptionBudget": ["enabled": .bool(isEnabled)],
        ]
        for (server, version) in [("1.20.2", "policy/v1beta1"), ("1.21.0", "policy/v1")] {
            let budget = try await PackagingTool.template(values, server: server).only("PodDisruptionBudget")
            #expect((budget != nil) == isThere)
            #expect(budget == nil || budget?.apiVersion == version)
        }
    }

    @Test("Several replicas spread over nodes, or as is asked for, by the pods' own labels")
    func spread() async throws {
        let key = ["spec", "template", "spec", "topologySpreadConstraints"]
        let one = try await PackagingTool.template()
        #expect(one.only("Deployment")?.document.value(at: key) == nil)
        let two = try await PackagingTool.template(["replicaCount": 2])
        let spread = try #require(two.only("Deployment")?.document.value(at: key)?.array)
        #expect(spread.map { $0["topologyKey"] } == ["kubernetes.io/hostname"])
        #expect(spread.map { $0["whenUnsatisfiable"] } == ["ScheduleAnyway"])
        let own: JSONValue = ["matchLabels": ["a": "b"]]
        let asked = try await PackagingTool.template([
            "topologySpreadConstraints": [
                ["topologyKey": "zone"], ["topologyKey": "rack", "labelSelector": own],
            ]
        ])
        let selectors = asked.only("Deployment")?.document.value(at: key)?.array?.map { $0["labelSelector"] }
        #expect(selectors == [spread.first?["labelSelector"], own])
    }

    @Test(
        "Pods overlap in an update unless they share what they cannot share",
        arguments: [
            ([:], "RollingUpdate"),
            (["results": ["persistence": ["enabled": true]]], "Recreate"),
            (
                ["results": ["persistence": ["enabled": true, "accessModes": ["ReadWriteMany"]]]],
                "RollingUpdate"
            ),
            (["leaderElection": ["enabled": false]], "Recreate"),
            (["strategy": ["type": "Recreate"]], "Recreate"),
        ] as [(JSONValue, String)])
    func strategy(_ values: JSONValue, _ expected: String) async throws {
        let deployment = try await PackagingTool.template(values).only("Deployment")
        #expect(deployment?["spec", "strategy", "type"]?.string == expected)
    }

    @Test("Results are in an emptyDir, a claim of the chart's, or one that is there")
    func results() async throws {
        func volume(_ objects: [RenderedObject]) -> JSONValue? {
            objects.only("Deployment")?.podSpec?["volumes"]?.array?.first { $0["name"] == "results" }
        }
        let none = try await PackagingTool.template()
        #expect(volume(none)?["emptyDir"] == ["sizeLimit": "256Mi"])
        let own = try await PackagingTool.template(["results": ["persistence": ["enabled": true]]])
        let claim = try #require(own.only("PersistentVolumeClaim"))
        #expect(volume(own)?["persistentVolumeClaim"] == ["claimName": .string(claim.name)])
        #expect(claim["spec", "resources", "requests", "storage"] == "1Gi")
        let other = try await PackagingTool.template([
            "results": ["persistence": ["enabled": true, "existingClaim": "machines"]]
        ])
        #expect(volume(other)?["persistentVolumeClaim"] == ["claimName": "machines"])
        #expect(other.only("PersistentVolumeClaim") == nil)
    }

    @Test("A disabled alert is left out, the others get the labels, and recording rules stay as they are")
    func alerts() async throws {
        let file = try #require(try PackagingTool.file("config/prometheus/rules.yaml").first)
        func rules(_ groups: JSONValue?) -> [JSONValue] {
            groups?.array?.flatMap { $0["rules"]?.array ?? [] } ?? []
        }
        let source = rules(file["groups"])
        let names = source.compactMap { $0["alert"] }
        let disabled = try #require(names.first)
        let rule = try await PackagingTool.template([
            "metrics": [
                "prometheusRule": [
                    "enabled": true, "disabled": .array([disabled]), "additionalAlertLabels": ["team": "a"],
                    "extraGroups": [["name": "ours", "rules": []]],
                ]
            ]
        ]).only("PrometheusRule")
        let rendered = rules(rule?["spec", "groups"])
        #expect(rendered.compactMap { $0["alert"] } == Array(names.dropFirst()))
        #expect(rendered.filter { $0["alert"] != nil }.allSatisfy { $0["labels"]?["team"] == "a" })
        #expect(rendered.filter { $0["record"] != nil } == source.filter { $0["record"] != nil })
        #expect(rule?["spec", "groups"]?.array?.last?["name"] == "ours")
    }

    @Test("The roles for metrics with authorization are those of config/rbac")
    func metricsRoles() async throws {
        let objects = try await PackagingTool.template([
            "metrics": ["secure": ["enabled": true, "certSecret": "c", "authorization": true]]
        ])
        let documents = try PackagingTool.file("config/rbac/metrics-auth.yaml").map(RenderedObject.init)
        #expect(documents.count == 3)
        for document in documents {
            let object = try #require(objects.named(document.name, document.kind))
            for member in ["rules", "roleRef", "subjects"] { #expect(object[member] == document[member]) }
        }
        let byDefault = try await PackagingTool.template()
        #expect(!byDefault.contains { $0.name.contains("-metrics-") })
    }

    @Test("Who scrapes secured metrics checks the certificate and shows a token")
    func securedScrape() async throws {
        func endpoint(_ secure: JSONValue, _ monitor: JSONValue = ["enabled": true]) async throws
            -> JSONValue?
        {
            try await PackagingTool.template(["metrics": ["secure": secure, "serviceMonitor": monitor]])
                .only("ServiceMonitor")?["spec", "endpoints", "0"]
        }
        let open = try await endpoint([:])
        #expect(open?["scheme"] == "http")
        #expect(open?["tlsConfig"] == nil && open?["bearerTokenFile"] == nil)
        let managed = try await endpoint([
            "enabled": true, "certManager": ["enabled": true], "authorization": true,
        ])
        #expect(managed?["scheme"] == "https")
        #expect(managed?["tlsConfig"]?["serverName"] == "talos-operator-metrics.talos-operator-system.svc")
        #expect(managed?.value(at: ["tlsConfig", "ca", "secret", "name"]) == "talos-operator-metrics-cert")
        #expect(managed?["bearerTokenFile"] != nil)
        let token: JSONValue = ["credentials": ["name": "t", "key": "k"]]
        let given = try await endpoint(
            ["enabled": true, "certSecret": "c", "authorization": true],
            ["enabled": true, "authorization": token])
        #expect(given?["authorization"] == token && given?["bearerTokenFile"] == nil)
        #expect(given?.value(at: ["tlsConfig", "ca", "secret", "name"]) == "c")
    }
}
