// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Import of TOPF directories")
struct TOPFImportTests {
    private static let configuration = """
        clusterName: prod
        clusterEndpoint: https://10.0.0.1:6443
        kubernetesVersion: 1.34.1
        talosVersion: v1.12.7
        data:
          region: eu-north
          ntp: [a.example, b.example]
        nodes:
          - host: node1
            ip: 10.0.0.11
            role: control-plane
          - host: node2.example
            role: worker
            data: {disk: /dev/sdb, rack: 3}
          - host: node3
            role: worker
            data: {disk: /dev/sdc, rack: 4}

        """

    private func imported(
        _ files: [String: String], configuration: String = configuration, encrypted: Set<String> = []
    ) throws(ConfigProblems) -> ImportedCluster {
        let sources = files.sorted { $0.key < $1.key }.map {
            SourceFile(path: $0.key, text: $0.value, wasEncrypted: encrypted.contains($0.key))
        }
        return try TOPFImport.cluster(
            configuration: SourceFile(
                path: "topf.yaml", text: configuration, wasEncrypted: encrypted.contains("topf.yaml")),
            files: sources, environment: ["ZONE": "a"], talosVersion: "v1.13.0")
    }

    private func spec(_ cluster: ImportedCluster) -> JSONValue {
        cluster.cluster["spec"] ?? .null
    }

    private func inlines(_ list: JSONValue?) -> [String] {
        (list?.array ?? []).compactMap { $0["inline"]?.string }
    }

    @Test("nodes become machines by role and order, and keep their data")
    func topology() throws {
        let cluster = try imported([:])
        #expect(
            cluster.machines.map(\.name) == ["prod-cp-0", "prod-workers-0", "prod-workers-1"])
        let spec = spec(cluster)
        #expect(spec["management"] == "Config")
        #expect(spec["kubernetesVersion"] == "v1.34.1")
        #expect(spec["talosVersion"] == "v1.12.7")
        #expect(spec["clusterEndpoint"] == "https://10.0.0.1:6443")
        #expect(spec["controlPlane"] == ["replicas": 1])
        #expect(spec["workers"] == [["name": "workers", "replicas": 2]])
        #expect(spec["data"]?["ntp"] == ["a.example", "b.example"])
        #expect(spec["machineData"]?["prod-workers-0"]?["node"]?["data"]?["disk"] == "/dev/sdb")
        #expect(
            spec["schematic"]
                == ["id": "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"])
        #expect(cluster.notes.isEmpty)
        #expect(cluster.report.contains("| node2.example | prod-workers-0 |"))
    }

    @Test("patches get into the scope of their folder in the order of the files, document by document")
    func patches() throws {
        let cluster = try imported([
            "all/01-a.yaml": "machine:\n  sysctls:\n    a: \"1\"\n---\nmachine:\n  sysctls:\n    a: \"2\"\n",
            "all/02-b.yaml": "cluster:\n  proxy:\n    disabled: true\n",
            "all/03-empty.yaml": "# nothing\n---\n{}\n",
            "control-plane/x.yaml": "cluster: {discovery: {enabled: false}}\n",
            "node/node3/x.yml": "machine: {type: worker}\n",
            "node/gone/x.yaml": "machine: {}\n",
            "worker/x.yaml": "machine:\n  nodeLabels:\n    a: b\n",
        ])
        let spec = spec(cluster)
        #expect(
            spec["patches"]?.array?.map { $0["name"] } == [
                "all/01-a.yaml, document 1", "all/01-a.yaml, document 2", "all/02-b.yaml",
            ])
        #expect(inlines(spec["patches"]).last == "cluster:\n  proxy:\n    disabled: true\n")
        #expect(inlines(spec["controlPlane"]?["patches"]).count == 1)
        #expect(inlines(spec["workers"]?.array?.first?["patches"]).count == 1)
        #expect(spec["machinePatches"]?.object?.keys.sorted() == ["prod-workers-1"])
        #expect(cluster.notes.map(\.description) == ["lost: node/gone/x.yaml: there is no node gone"])
    }

    @Test(
        "templates of fields become texts with variables",
        arguments: [
            ("a: {{ .Data.region }}\n", "a: ${data.region}\n"),
            ("a: \"{{.Data.ntp}}\"\n", "a: \"${data.ntp}\"\n"),
            ("a: {{ .Node.Data.disk | quote }}\n", "a: \"${data.node.data.disk}\"\n"),
            ("a: {{ .Node.Host }}-{{ .Node.Role }}\n", "a: ${data.node.host}-${data.node.role}\n"),
            ("a: {{ .ClusterName }} {{ .ClusterEndpoint }}\n", "a: ${cluster.name} ${cluster.endpoint}\n"),
            ("a: {{ .TalosVersion }}\n", "a: ${talosVersion}\n"),
            (
                "{{/* why */ -}}\na: $${X} $patch $1 {{ .ClusterName }}\n",
                "a: $$$${X} $patch $1 ${cluster.name}\n"
            ),
            ("a: x${{ .ClusterName }}\n", "a: x$$${cluster.name}\n"),
        ])
    func simpleTemplates(template: String, layer: String) throws {
        let cluster = try imported(["worker/t.yaml.tpl": template])
        #expect(inlines(spec(cluster)["workers"]?.array?.first?["patches"]) == [layer])
        #expect(cluster.notes.isEmpty, "\(cluster.notes)")
    }

    @Test(
        "other templates are evaluated; where all nodes agree, the layer stays where it was",
        arguments: [
            ("a: {{ .KubernetesVersion }} {{ .ClusterName }}\n", "a: 1.34.1 ${cluster.name}\n"),
            ("a: {{ .Data.region | upper | quote }}\n", "a: \"EU-NORTH\"\n"),
            ("{{ if eq .Data.region \"eu-north\" -}}\na: 1\n{{- else }}\na: 2\n{{- end }}\n", "a: 1\n"),
            ("a:\n{{- range .Data.ntp }}\n- {{ . }}\n{{- end }}\n", "a:\n- a.example\n- b.example\n"),
            ("a: {{ range $i, $n := .Data.ntp }}{{ $i }}{{ $n }}{{ end }}\n", "a: 0a.example1b.example\n"),
            ("{{ with .Data.region }}a: {{ . }}{{ end }}\n", "a: eu-north\n"),
            ("{{ $x := env \"ZONE\" }}a: {{ $x }}{{ default \"d\" (env \"NONE\") }}\n", "a: ad\n"),
            ("a: {{ toYaml .Data.ntp | nindent 2 }}\n", "a: \n  - a.example\n  - b.example\n"),
            (
                "{{ if semverCompare \">=1.14.0-0\" (default .TalosVersion .Node.RuntimeData.TalosVersion) }}b: 1{{ else if not .Data.region }}c: 1{{ else }}a: 1{{ end }}\n",
                "a: 1\n"
            ),
            ("a: {{ printf \"%s-%d\" .Data.region 3 }}\n", "a: eu-north-3\n"),
            ("a: [{{ .Data.region }}]\n", "a: [eu-north]\n"),
        ])
    func evaluatedTemplates(template: String, layer: String) throws {
        let cluster = try imported(["worker/t.yaml.tpl": template])
        #expect(inlines(spec(cluster)["workers"]?.array?.first?["patches"]) == [layer])
        #expect(cluster.notes.map(\.kind) == [.changed])
    }

    @Test("a template that differs from node to node becomes layers of the machines")
    func perNode() throws {
        let cluster = try imported([
            "worker/t.yaml.tpl": "{{ if gt .Node.Data.rack 3 }}a: 1{{ else }}a: $${2}{{ end }}\n"
        ])
        let patches = spec(cluster)["machinePatches"]
        #expect(inlines(patches?["prod-workers-0"]) == ["a: $$$${2}\n"])
        #expect(inlines(patches?["prod-workers-1"]) == ["a: 1\n"])
        #expect(cluster.notes.first?.reason.contains("for each node") == true)
    }

    @Test(
        "what cannot be evaluated is reported with file, line and reason",
        arguments: [
            ("a: 1\nb: {{ sha256sum .Data.region }}\n", "line 2: the function sha256sum is not carried over"),
            ("a: {{ .Data.none | upper }}\n", "line 1: there is no .Data.none"),
            ("{{ if .Data.region }}a: 1\n", "line 1: if without its end"),
            ("a: {{ .Data.region\n", "line 1: an action is not closed"),
            ("{{ template \"x\" }}\n", "line 1: template is not carried over"),
            ("{{ end }}\n", "line 1: end without a beginning"),
            (
                "{{ range until 1000 }}{{ range until 1000 }}{{ end }}{{ end }}",
                "line 1: it takes more than 100000 steps"
            ),
            (
                "{{ $x := \"0123456789\" }}{{ range until 100 }}{{ $x = print $x $x }}{{ end }}",
                "line 1: print makes more than 4194304 bytes"
            ),
            (String(repeating: "{{ if true }}", count: 60), "line 1: nests too deep"),
            ("{{ " + String(repeating: "(", count: 60) + " }}", "line 1: nests too deep"),
        ])
    func lostTemplates(template: String, reason: String) throws {
        let cluster = try imported(["worker/t.yaml.tpl": template])
        #expect(cluster.notes.map(\.description) == ["lost: worker/t.yaml.tpl, \(reason)"])
    }

    @Test("a template of a schematic that says the same for all nodes becomes the cluster's schematic")
    func commonSchematic() throws {
        let template = """
            customization:
              extraKernelArgs: [{{ if .Node.Role }}"cluster={{ .ClusterName }}"{{ end }}]

            """
        let cluster = try imported(
            ["s.yaml.tpl": template, "all/a.yaml.tpl": "a: {{ .SchematicID }}\n"],
            configuration: "schematicId: \"@s.yaml.tpl\"\nfactory: f.example\n" + Self.configuration)
        #expect(
            spec(cluster)["schematic"]
                == ["customization": ["extraKernelArgs": ["cluster=prod"]], "factory": "f.example"])
        #expect(inlines(spec(cluster)["patches"]) == ["a: ${schematicID}\n"])
        #expect(spec(cluster)["machinePatches"] == nil)
        #expect(cluster.notes.isEmpty, "\(cluster.notes)")
    }

    @Test("where a template makes other schematics for other nodes, each machine has its own image")
    func ownSchematics() throws {
        let arguments = "customization: {extraKernelArgs: [role={{ .Node.Role }}]}\n"
        let cluster = try imported(
            ["s.yaml.tpl": arguments, "all/a.yaml.tpl": "a: {{ .SchematicID }}\n"],
            configuration: "schematicId: \"@s.yaml.tpl\"\nplatform: aws\n" + Self.configuration)
        #expect(spec(cluster)["schematic"] == nil)
        for (machine, role) in [
            ("prod-cp-0", "control-plane"), ("prod-workers-0", "worker"), ("prod-workers-1", "worker"),
        ] {
            let id = try Schematic(reading: "customization:\n  extraKernelArgs: [role=\(role)]\n").id
            let layers = inlines(spec(cluster)["machinePatches"]?[machine])
            #expect(
                layers.first?.contains("factory.talos.dev/aws-installer/\(id):${talosVersion}") == true)
            #expect(layers.last == "a: \(id)\n")
        }
        #expect(
            cluster.notes.first?.description
                == "changed: topf.yaml: schematicId: the template was evaluated for each node and says "
                + "different things, so that spec.schematic is left out and each machine has an installer "
                + "image of its own")
    }

    @Test("encrypted patches get into Secrets that their layers refer to")
    func encrypted() throws {
        let cluster = try imported(
            ["all/a.yaml": "a: canary\n", "all/b.yaml": "b: 1\n"], encrypted: ["all/a.yaml"])
        #expect(spec(cluster)["patches"]?.array?.first == ["secretRef": ["name": "prod-layer-1"]])
        #expect(cluster.secrets.first?["stringData"]?["layer.yaml"] == "a: canary\n")
        #expect(!YAML.document(cluster.cluster).contains("canary"))
        #expect(!cluster.holdsSecrets)
        #expect(try imported([:], encrypted: ["topf.yaml"]).holdsSecrets)
    }

    @Test("unknown fields, programs, references and lists of operations are reported")
    func lost() throws {
        let more = "nodesProvider: ./nodes\nfuture: 1\nbackups: {s3: {endpoint: a, bucket: b}}\n"
        let cluster = try imported(
            [
                "all/a.yaml": "a: ref+vault://x\n", "all/b.yaml": "- op: add\n  path: /a\n  value: 1\n",
                "all/c.yaml": "[]\n",
            ],
            configuration: more + Self.configuration)
        #expect(
            cluster.notes.map(\.description) == [
                "lost: topf.yaml: nodesProvider: programs are not run by an import",
                "lost: topf.yaml: backups: snapshots of etcd are taken by another tool than this one",
                "lost: topf.yaml: future: no field of TOPF that is known here",
                "lost: all/a.yaml, line 1: a reference for vals is left as it stands; put its value there",
                "lost: all/b.yaml, line 1: a patch must be a map of fields; TOPF takes no other either",
            ])
    }

    @Test(
        "a file that makes no sense is refused with its place",
        arguments: [
            ("clusterName: x\nnodes: []\n", "topf.yaml: kubernetesVersion: is required"),
            ("nodes: []\n", "topf.yaml: clusterName: is required"),
            (
                "clusterName: x\nnodes: [{host: a, role: master}]\n",
                "nodes[0].role: must be control-plane or worker"
            ),
            ("clusterName: x\nnodes: [{role: worker}]\n", "nodes[0].host: is required"),
            ("clusterName: x\nnodes: 1\n", "topf.yaml: nodes: must be a list"),
            ("- 1\n", "topf.yaml: must be a map of fields"),
            ("a: [\n", "topf.yaml, line "),
        ])
    func refused(text: String, problem: String) throws {
        let error = #expect(throws: ConfigProblems.self) { try imported([:], configuration: text) }
        #expect(error?.description.contains(problem) == true, "\(String(describing: error))")
    }
}
