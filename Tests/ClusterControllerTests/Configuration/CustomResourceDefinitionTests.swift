// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Kubernetes
import Platform
import StructuredData
import Talos
import TestSupport
import Testing

@testable import ClusterController

/// What the API server is told about the resources has to agree with what the operator takes for granted.
@Suite("The custom resource definitions")
struct CustomResourceDefinitionTests {
    private let clusters: JSONValue
    private let machines: JSONValue

    init() throws {
        func definition(_ plural: String) throws -> JSONValue {
            let path = "\(Repository.root)/config/crd/vitistack.io_\(plural).yaml"
            return try #require(YAML.documents(FileSystem.read(path, limit: 1 << 20)).first)
        }
        clusters = try definition("kubernetesclusters")
        machines = try definition("machines")
    }

    /// The schema of the field at a path from the root; `*` is the element of a list.
    private func schema(_ definition: JSONValue, _ path: String) throws -> JSONValue {
        var schema = try #require(
            definition["spec"]?["versions"]?.array?.first?["schema"]?["openAPIV3Schema"])
        for part in path.split(separator: ".") {
            let next = part == "*" ? schema["items"] : schema["properties"]?[String(part)]
            schema = try #require(next, "\(path) at \(part)")
        }
        return schema
    }

    private func cluster(_ path: String) throws -> JSONValue { try schema(clusters, "spec.\(path)") }

    /// Whether a text follows the pattern and the length limits of a field.
    private func accepts(_ schema: JSONValue, _ text: String) throws -> Bool {
        let pattern = try Regex(schema["pattern"]?.string ?? "")
        let lengths = (schema["minLength"]?.integer ?? 0)...(schema["maxLength"]?.integer ?? .max)
        guard lengths.contains(Int64(text.unicodeScalars.count)), try pattern.firstMatch(in: text) != nil
        else { return false }
        return !(schema["not"]?["enum"]?.array?.contains(.string(text)) ?? false)
    }

    @Test("names, group, version and scope are those the client asks for")
    func names() {
        for (definition, type) in [
            (clusters, KubernetesCluster.definition), (machines, Machine.definition),
        ] {
            let spec = definition["spec"]
            #expect(definition["metadata"]?["name"]?.string == "\(type.plural).\(APINames.group)")
            #expect(spec?["group"]?.string == APINames.group)
            #expect(spec?["names"]?["kind"]?.string == type.kind)
            #expect(spec?["names"]?["plural"]?.string == type.plural)
            #expect(spec?["scope"] == "Namespaced")
            let version = spec?["versions"]?.array?.first
            #expect(version?["name"]?.string == APINames.version)
            #expect(version?["subresources"]?["status"] != nil)
        }
    }

    @Test("every field and every column says what it is, and nobody has to guess")
    func descriptions() throws {
        for (name, definition) in [("KubernetesCluster", clusters), ("Machine", machines)] {
            // The server describes metadata itself.
            let mute = try Self.undescribed(schema(definition, ""), at: name).filter {
                $0 != "\(name).metadata"
            }
            #expect(mute == [])
            let columns = definition["spec"]?["versions"]?.array?.first?["additionalPrinterColumns"]?.array
            for column in try #require(columns) {
                #expect(column["description"]?.string?.hasSuffix(".") == true, "\(name): \(column)")
            }
        }
    }

    private static func undescribed(_ schema: JSONValue, at path: String) -> [String] {
        var paths = schema["description"]?.string?.hasSuffix(".") == true ? [] : [path]
        for member in schema["properties"]?.object?.members ?? [] {
            paths += undescribed(member.value, at: "\(path).\(member.key)")
        }
        for key in ["items", "additionalProperties"] where schema[key]?.object != nil {
            paths += undescribed(schema[key] ?? .null, at: "\(path).*")
        }
        return paths
    }

    @Test("kubectl knows them by short names and by one for all, and shows what matters first")
    func columns() {
        for (definition, shortName, columns) in [
            (
                clusters, "kc",
                [
                    "Phase", "Ready", "State", "ControlPlane", "Workers", "Machines", "Kubernetes",
                    "Talos", "Endpoint", "Nodes", "Doing", "Message", "Age",
                ]
            ),
            (machines, "ma", ["Cluster", "Role", "Group", "Phase", "Ready", "Provider", "Class", "Age"]),
        ] {
            let names = definition["spec"]?["names"]
            #expect(names?["shortNames"] == [.string(shortName)] && names?["categories"] == ["vitistack"])
            let version = definition["spec"]?["versions"]?.array?.first
            #expect(version?["additionalPrinterColumns"]?.array?.map { $0["name"]?.string } == columns)
            #expect(version?["subresources"]?["scale"] == nil)
        }
    }

    @Test("what talosConfig repeats may be as long as what it repeats")
    func repeatedFields() throws {
        for (field, repeated) in [
            ("clusterName", "talosConfig.cluster.name"),
            ("clusterEndpoint", "talosConfig.cluster.controlPlane.endpoint"),
        ] {
            #expect(try cluster(field)["maxLength"] == cluster(repeated)["maxLength"])
        }
    }

    @Test("what has to be there is what the validation misses first")
    func required() throws {
        guard case .invalid(let problems) = ClusterValidation(.object([:])) else {
            Issue.record("an empty specification is valid")
            return
        }
        let required = try schema(clusters, "spec")["required"]?.array ?? []
        #expect(problems.map(\.path).sorted() == required.compactMap(\.string).map { "spec.\($0)" }.sorted())
    }

    @Test("a control plane has the sizes that the operator takes")
    func controlPlaneReplicas() throws {
        let allowed = try cluster("controlPlane.replicas")["enum"]?.array?.compactMap(\.integer)
        #expect(allowed == (Int64(-1)...100).filter { ReplicaCount(controlPlane: $0) != nil })
    }

    @Test("a worker group has the sizes that the operator takes")
    func workerReplicas() throws {
        let replicas = try cluster("workers.*.replicas")
        let (least, most) = (
            try #require(replicas["minimum"]?.integer), try #require(replicas["maximum"]?.integer)
        )
        #expect(most == ReplicaCount.maximumOfGroup)
        #expect(ReplicaCount(workers: least) != nil && ReplicaCount(workers: least - 1) == nil)
        #expect(ReplicaCount(workers: most) != nil && ReplicaCount(workers: most + 1) == nil)
    }

    @Test("the longest cluster name leaves room for the longest name of a control plane Machine")
    func clusterNameLength() throws {
        let longest = try #require(cluster("clusterName")["maxLength"]?.integer)
        let name = String(repeating: "c", count: Int(longest))
        #expect("\(name)-cp-6".utf8.count == TopologyLimits.longestMachineName)
    }

    @Test(
        "lists are as long as the operator reads them",
        arguments: [("podSubnets", 16), ("workers", 100), ("patches", PatchFields.mostPatches)])
    func listLengths(field: String, length: Int) throws {
        #expect(try cluster(field)["maxItems"]?.integer == Int64(length))
        let long = JSONValue.array(Array(repeating: .null, count: length + 1))
        guard case .invalid(let problems) = ClusterValidation(.object([field: long])) else { return }
        #expect(problems.contains { $0.path == "spec.\(field)" }, "\(problems.map(\.path))")
    }

    @Test(
        "both sides agree about a cluster's name",
        arguments: ["a", "a-b", "0", "", "-a", "a-", "A", "a.b", "a_b", "ä", "a b", "cp", "a\n"])
    func clusterName(text: String) throws {
        #expect(try accepts(cluster("clusterName"), text) == (ClusterName(text) != nil))
    }

    @Test(
        "both sides agree about a worker group's name",
        arguments: ["a", "cp", "cp2", "", "-", "w-1", "W", "x.y"])
    func groupName(text: String) throws {
        #expect(try accepts(cluster("workers.*.name"), text) == (WorkerGroupName(text) != nil))
    }

    @Test(
        "both sides agree about a version",
        arguments: [
            "v1.28.3", "v0.0.0", "1.28.3", "v1.28", "v1.28.3.4", "v01.2.3", "v1.2.3-rc.1", "V1.2.3", "v1..3",
            "", "v1.2.3 ",
        ])
    func version(text: String) throws {
        for field in ["kubernetesVersion", "talosVersion"] {
            #expect(try accepts(cluster(field), text) == (Version(text) != nil), "\(field)")
        }
    }

    @Test(
        "both sides agree about an endpoint",
        arguments: [
            "https://192.168.1.100:6443", "https://k8s.example.com:443", "https://[2001:db8::10]:6443",
            "http://192.168.1.100:6443", "https://192.168.1.100", "https://host:0", "https://host:65536",
            "https://host:65535", "https://host:06443", "https://:6443", "https://host:6443/", "host:6443",
            "https://user@host:6443", "https://-host:6443", "https://host name:6443",
        ])
    func endpoint(text: String) throws {
        for field in ["clusterEndpoint", "talosConfig.cluster.controlPlane.endpoint"] {
            #expect(try accepts(cluster(field), text) == (ClusterEndpoint(text) != nil), "\(field)")
        }
    }

    @Test(
        "the schema refuses no network that the operator takes, and most that it does not",
        arguments: [
            ("10.244.0.0/16", true), ("0.0.0.0/0", true), ("fd00:10::/56", true), ("::/0", true),
            ("10.244.0.0", false), ("10.244.0.0/33", false), ("256.0.0.0/8", false), ("fd00::/129", false),
            ("010.0.0.0/8", false), ("10.0.0.0/08", false), ("", false), ("10.0.0/8", false),
        ])
    func network(text: String, isValid: Bool) throws {
        #expect((CIDR(text) != nil) == isValid)
        for field in [
            "podSubnets", "serviceSubnets", "talosConfig.cluster.network.podSubnets",
            "talosConfig.cluster.network.serviceSubnets",
        ] {
            #expect(try accepts(cluster("\(field).*"), text) == isValid, "\(field)")
        }
    }

    @Test("defaults are those the operator falls back to")
    func defaults() throws {
        #expect(
            try cluster("talosConfig.install.disk")["default"]?.string == ClusterSpec.Default.installDisk)
        for (field, subnets) in [
            ("podSubnets", ClusterSpec.Default.podSubnets),
            ("serviceSubnets", ClusterSpec.Default.serviceSubnets),
        ] {
            // Two fields can give them, so the schema only tells.
            let description = try #require(cluster(field)["description"]?.string)
            for subnet in subnets { #expect(description.contains(subnet.description)) }
        }
    }

    @Test("the ways to manage a cluster are those of the schema, and the default is the same")
    func management() throws {
        let management = try cluster("management")
        #expect(management["enum"]?.array?.compactMap(\.string) == Management.allCases.map(\.rawValue))
        // No default of the schema: what is stored stays as it was written.
        #expect(try Fixture.validSpec().management == .machines)
        #expect(management["description"]?.string?.contains("Machines, as if it were absent") == true)
        let mode = try cluster("validationMode")["description"]?.string
        #expect(mode?.contains("absent, \(try Fixture.validSpec().validationMode.rawValue)") == true)
        let modes = try cluster("validationMode")["enum"]?.array?.compactMap(\.string)
        for mode in try #require(modes) {
            #expect(try Fixture.validSpec(#"{"validationMode": "\#(mode)"}"#).validationMode.rawValue == mode)
        }
    }

    @Test("what is chosen about a cluster's life has the words and the defaults of the operator")
    func lifecycle() throws {
        let policy = LifecyclePolicy()
        try expect("rollout.approval", policy.rollout.approval)
        try expect("rollout.mode", policy.rollout.mode)
        try expect("rollout.drain.onTimeout", policy.drain.onTimeout)
        try expect("driftPolicy", policy.drift)
        try expect("upgrade.rebootMode", policy.upgrade.rebootMode)
        try expect("deletion.reset", policy.deletion.reset)
        try expect("deletion.wipe", policy.deletion.wipe)
        #expect(try cluster("rollout.drain.enabled")["default"]?.bool == policy.drain.isEnabled)
        for (path, standard) in [
            ("rollout.drain.timeout", policy.drain.timeout), ("rollout.settle", policy.timeouts.settle),
        ] {
            let text = try #require(cluster(path)["default"]?.string)
            #expect(GoDuration(text).map { .nanoseconds($0.nanoseconds) } == standard, "\(path)")
        }
        #expect(try cluster("upgrade.stage")["default"]?.bool == policy.upgrade.stage)
        #expect(try cluster("upgrade.snapshot")["default"]?.bool == policy.upgrade.snapshot)
        #expect(try cluster("deletion.retainSecrets")["default"]?.bool == policy.deletion.retainSecrets)
        #expect(policy.rollout.maxUnavailable == .count(1) && policy.windows.isEmpty)
    }

    /// What the schema has no default for it says in words, for what nobody wrote must not be there.
    private func expect<Choice: RawRepresentable<String> & CaseIterable>(
        _ path: String, _ standard: Choice
    ) throws {
        let schema = try cluster(path)
        #expect(schema["enum"]?.array?.compactMap(\.string) == Choice.allCases.map(\.rawValue), "\(path)")
        let words = schema["description"]?.string ?? ""
        let isSaid = words.contains("absent, \(standard.rawValue).")
        #expect(schema["default"]?.string == standard.rawValue || isSaid, "\(path)")
    }

    @Test("nothing about a cluster's life is there that nobody wrote, or every other cluster had a warning")
    func noUnwrittenLife() throws {
        for key in ["rollout", "driftPolicy", "upgrade", "deletion", "paused"] {
            #expect(try cluster(key)["default"] == nil, "\(key)")
        }
    }

    @Test(
        "maps by Machine are as large as the operator reads them",
        arguments: ["machinePatches", "machineData"])
    func mapSizes(field: String) throws {
        #expect(try cluster(field)["maxProperties"]?.integer == Int64(PatchFields.mostMachines))
    }

    @Test("an image comes from the same factory for the same platform on both sides")
    func schematicDefaults() throws {
        #expect(try cluster("schematic.factory")["default"]?.string == SchematicSpec.Default.factory)
        #expect(try cluster("schematic.platform")["default"]?.string == SchematicSpec.Default.platform)
    }

    @Test("the machine types are the roles")
    func machineTypes() throws {
        let types = try cluster("talosConfig.machine.type")["enum"]?.array?.compactMap(\.string)
        #expect(types == ClusterController.MachineRole.allCases.map(\.rawValue))
    }

    @Test("every field of the status that is written is in the schema, or the server would drop it")
    func statusFields() throws {
        let fields = try #require(schema(clusters, "status")["properties"]?.object?.keys)
        #expect(
            Set(fields) == [
                "phase", "conditions", "lifecycle", "controlPlaneReady", "workersReady", "machineCount",
                "observedGeneration", "lastUpdated",
            ])
        let phases = try #require(schema(clusters, "status.phase")["description"]?.string)
        for phase in ClusterPhase.allCases { #expect(phases.contains(phase.rawValue)) }
    }

    @Test("what a template brings along reaches the Machine")
    func unknownFields() throws {
        for field in ["controlPlane.machineTemplate.spec", "workers.*.machineTemplate.spec"] {
            #expect(try cluster(field)["x-kubernetes-preserve-unknown-fields"] == true, "\(field)")
        }
        #expect(try schema(machines, "spec")["x-kubernetes-preserve-unknown-fields"] == true)
    }
}
