// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Import of talhelper directories")
struct TalhelperImportTests {
    private func imported(
        _ text: String, env: String? = nil, files: [String: String] = [:], encrypted: Set<String> = [],
        bundle: SecretsBundle? = nil
    ) throws(ConfigProblems) -> ImportedCluster {
        try TalhelperImport.cluster(
            configuration: SourceFile(path: "talconfig.yaml", text: text),
            environmentFiles: env.map { [SourceFile(path: "talenv.yaml", text: $0)] } ?? [],
            files: files.map {
                SourceFile(path: $0.key, text: $0.value, wasEncrypted: encrypted.contains($0.key))
            },
            bundle: bundle.map { ("talsecret.sops.yaml", $0) },
            environment: ["HOME_NET": "10.9.0.0/16"], talosVersion: "v1.13.0")
    }

    private func cluster(_ more: String, talos: String = "v1.11.2", nodes: String = "") -> String {
        """
        clusterName: home
        talosVersion: \(talos)
        kubernetesVersion: v1.33.1
        endpoint: https://10.0.0.10:6443
        \(more)
        nodes:
          - {hostname: m1, ipAddress: 10.0.0.11, controlPlane: true, installDisk: /dev/sda\(nodes)}
          - {hostname: w1, ipAddress: 10.0.0.21, controlPlane: false, installDisk: /dev/sda}
          - {hostname: w2, ipAddress: 10.0.0.22, installDisk: /dev/sda}

        """
    }

    /// The documents of the layer at a place in a list.
    private func documents(_ list: JSONValue?, _ index: Int) throws -> [JSONValue] {
        let element = try #require(list?.array?[index])
        let text = try #require(element["inline"]?.string)
        return try YAML.documents(Array(text.utf8))
    }

    private func workers(_ cluster: ImportedCluster) -> JSONValue? {
        cluster.cluster["spec"]?["workers"]?.array?.first?["patches"]
    }

    @Test("fields of the cluster get to their places in the specification")
    func clusterFields() throws {
        let result = try imported(
            cluster(
                """
                domain: home.local
                clusterPodNets: [10.1.0.0/16]
                clusterSvcNets: ["${HOME_NET}"]
                allowSchedulingOnMasters: true
                additionalMachineCertSans: [10.0.0.10]
                additionalApiServerCertSans: [home.example]
                cniConfig: {name: none}
                """))
        let spec = try #require(result.cluster["spec"])
        #expect(spec["management"] == "Config")
        #expect(spec["talosVersion"] == "v1.11.2")
        #expect(spec["kubernetesVersion"] == "v1.33.1")
        #expect(spec["podSubnets"] == ["10.1.0.0/16"])
        #expect(spec["serviceSubnets"] == ["10.9.0.0/16"])
        #expect(
            spec["talosConfig"]
                == [
                    "cluster": ["network": ["dnsDomain": "home.local"]],
                    "machine": ["certSANs": ["10.0.0.10"]], "install": ["disk": "/dev/sda"],
                ])
        #expect(try documents(spec["patches"], 0) == [["cluster": ["network": ["cni": ["name": "none"]]]]])
        #expect(
            try documents(spec["controlPlane"]?["patches"], 0)
                == [
                    [
                        "cluster": [
                            "apiServer": ["certSANs": ["home.example"]],
                            "allowSchedulingOnControlPlanes": true,
                        ]
                    ]
                ])
        #expect(result.machines.map(\.name) == ["home-cp-0", "home-workers-0", "home-workers-1"])
        #expect(result.notes.isEmpty, "\(result.notes)")
    }

    @Test("host names are fields up to Talos 1.11, and documents from 1.12 on")
    func hostnames() throws {
        let old = try imported(cluster(""))
        #expect(
            try documents(old.cluster["spec"]?["machinePatches"]?["home-workers-1"], 0)
                == [["machine": ["network": ["hostname": "w2"]]]])
        let new = try imported(cluster("", talos: "v1.12.0"))
        #expect(
            try documents(new.cluster["spec"]?["machinePatches"]?["home-cp-0"], 0)
                == [["apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "off", "hostname": "m1"]])
        let ignored = try imported(cluster("", nodes: ", ignoreHostname: true"))
        #expect(ignored.cluster["spec"]?["machinePatches"]?["home-cp-0"] == nil)
    }

    @Test(
        "what all nodes of a role have becomes a layer of the role, and other things layers of the machines")
    func sharedFields() throws {
        let result = try imported(
            """
            clusterName: home
            talosVersion: v1.11.2
            kubernetesVersion: v1.33.1
            endpoint: https://10.0.0.10:6443
            worker:
              nameservers: [1.1.1.1]
              nodeLabels: {tier: a}
              ingressFirewall:
                defaultAction: block
                rules:
                  - name: kubelet
                    portSelector: {ports: [10250], protocol: tcp}
                    ingress: [{subnet: 10.0.0.0/8}]
            nodes:
              - {hostname: m1, controlPlane: true, installDisk: /dev/sda, nodeLabels: {x: y}}
              - {hostname: w1, installDisk: /dev/sdb, networkInterfaces: [{interface: eth0, dhcp: true}]}
              - {hostname: w2, installDiskSelector: {size: 4GB}, nodeLabels: {tier: b}, certSANs: [a.b]}
            """)
        let spec = try #require(result.cluster["spec"])
        #expect(spec["talosConfig"] == nil)
        #expect(
            try documents(workers(result), 0) == [
                ["machine": ["network": ["nameservers": ["1.1.1.1"]]]],
                ["apiVersion": "v1alpha1", "kind": "NetworkDefaultActionConfig", "ingress": "block"],
                [
                    "apiVersion": "v1alpha1", "kind": "NetworkRuleConfig", "name": "kubelet",
                    "portSelector": ["ports": [10250], "protocol": "tcp"],
                    "ingress": [["subnet": "10.0.0.0/8"]],
                ],
            ])
        #expect(
            try documents(spec["machinePatches"]?["home-workers-0"], 0)
                == [
                    [
                        "machine": [
                            "network": [
                                "hostname": "w1", "interfaces": [["interface": "eth0", "dhcp": true]],
                            ], "install": ["disk": "/dev/sdb"], "nodeLabels": ["tier": "a"],
                        ]
                    ]
                ])
        #expect(
            try documents(spec["machinePatches"]?["home-workers-1"], 0)
                == [
                    [
                        "machine": [
                            "network": ["hostname": "w2"],
                            "install": ["diskSelector": ["size": "4GB"], "disk": ["$patch": "delete"]],
                            "certSANs": ["a.b"], "nodeLabels": ["tier": "b"],
                        ]
                    ]
                ])
        let labels = try documents(spec["controlPlane"]?["patches"], 0)[0]["machine"]?["nodeLabels"]
        #expect(
            labels?["node.kubernetes.io/exclude-from-external-load-balancers"] == ["$patch": "delete"])
    }

    @Test("patches keep talhelper's order, from the file or from others, and those of a role may be left out")
    func patches() throws {
        let result = try imported(
            """
            clusterName: home
            talosVersion: v1.11.2
            kubernetesVersion: v1.33.1
            endpoint: https://10.0.0.10:6443
            patches:
              - |-
                machine:
                  env: {A: "$${B} $C"}
              - "@./more.yaml"
            worker:
              patches: ["a: 1"]
            nodes:
              - {hostname: m1, controlPlane: true, installDisk: /dev/sda, extraManifests: [fw.yaml]}
              - {hostname: w1, installDisk: /dev/sda, overridePatches: true, patches: ["b: 2"]}
              - {hostname: w2, installDisk: /dev/sda, patches: ["c: 3"]}
            """, env: "C: see\nD: dee\n",
            files: ["./more.yaml": "# ${not} read\nd: ${D} ${E:-eee}\n", "fw.yaml": "kind: X\n"],
            encrypted: ["fw.yaml"])
        let spec = try #require(result.cluster["spec"])
        #expect(
            spec["patches"]?.array?.map { $0["inline"] } == [
                "machine:\n  env: {A: \"$${B} see\"}\n", "# $${not} read\nd: dee eee\n",
            ])
        #expect(spec["patches"]?.array?[1]["name"] == "./more.yaml")
        #expect(workers(result) == nil)
        let first = spec["machinePatches"]?["home-workers-0"]?.array?.compactMap { $0["inline"]?.string }
        #expect(first?.suffix(1) == ["b: 2\n"])
        let second = spec["machinePatches"]?["home-workers-1"]?.array?.compactMap { $0["inline"]?.string }
        #expect(second?.suffix(2) == ["a: 1\n", "c: 3\n"])
        #expect(spec["machinePatches"]?["home-cp-0"]?.array?.last?["secretRef"] != nil)
    }

    @Test("operations become strategic patches where that is possible")
    func operations() throws {
        let result = try imported(
            cluster(
                """
                patches:
                  - |-
                    - op: add
                      path: /machine/kubelet/extraArgs
                      value: {rotate-server-certificates: "true"}
                    - {op: remove, path: /machine/nodeLabels/a.b~1c}
                    - {op: add, path: /machine/certSANs/-, value: x}
                  - '[{"op": "test", "path": "/a", "value": 1}]'
                """, talos: "v1.12.1"))
        let patches = result.cluster["spec"]?["patches"]
        #expect(
            try documents(patches, 0)
                == [
                    [
                        "machine": [
                            "kubelet": ["extraArgs": ["rotate-server-certificates": "true"]],
                            "nodeLabels": ["a.b/c": ["$patch": "delete"]], "certSANs": ["x"],
                        ]
                    ]
                ])
        #expect(patches?.array?[1]["inline"]?.string?.hasPrefix("[{") == true)
        #expect(result.notes.map(\.kind) == [.changed, .changed])
        #expect(result.notes.map(\.path) == ["patches[0]", "patches[1]"])
    }

    @Test("operations stay what they are where all configurations have one document")
    func keptOperations() throws {
        let patch = "patches:\n  - '[{\"op\": \"remove\", \"path\": \"/machine/nodeLabels\"}]'"
        let kept = try imported(cluster(patch))
        #expect(kept.cluster["spec"]?["patches"]?.array?[0]["inline"]?.string?.hasPrefix("[{") == true)
        #expect(kept.notes.isEmpty, "\(kept.notes)")
        let firewall = ", ingressFirewall: {defaultAction: accept}"
        let changed = try imported(cluster(patch, nodes: firewall))
        #expect(changed.notes.map(\.kind) == [.changed])
    }

    @Test("fields that the version of Talos does not have are reported, and left out")
    func tooNew() throws {
        let result = try imported(
            cluster(
                "worker: {ingressFirewall: {defaultAction: block}}", talos: "v1.5.5",
                nodes: ", nodeTaints: {a: b}"))
        #expect(
            result.notes.map(\.description) == [
                "lost: talconfig.yaml: nodes[0].nodeTaints: Talos has it from v1.6 on, and this is v1.5",
                "lost: talconfig.yaml: worker.ingressFirewall: Talos has it from v1.6 on, and this is v1.5",
            ])
        #expect(workers(result) == nil)
    }

    @Test("a schematic of all nodes is the cluster's, others make images")
    func schematics() throws {
        let common = try imported(cluster(""))
        #expect(
            common.cluster["spec"]?["schematic"]
                == ["id": "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"])
        let schematic =
            "{schematic: {customization: {systemExtensions: {officialExtensions: [siderolabs/gvisor]}}}}"
        let shared = try imported(cluster("controlPlane: \(schematic)\nworker: \(schematic)"))
        #expect(
            shared.cluster["spec"]?["schematic"]
                == ["customization": ["systemExtensions": ["officialExtensions": ["siderolabs/gvisor"]]]])
        let own = try imported(cluster("", nodes: ", talosImageURL: my.registry/installer"))
        #expect(own.cluster["spec"]?["schematic"] == nil)
        #expect(
            try documents(own.cluster["spec"]?["controlPlane"]?["patches"], 0)[0]["machine"]?["install"]?[
                "image"]
                == "my.registry/installer:${talosVersion}")
    }

    @Test("a disk stays beside its selector, and goes where a node has the selector alone")
    func disks() throws {
        let result = try imported(cluster("", nodes: ", installDiskSelector: {size: 4GB}"))
        #expect(result.cluster["spec"]?["talosConfig"]?["install"] == ["disk": "/dev/sda"])
        let install = try documents(result.cluster["spec"]?["controlPlane"]?["patches"], 0)[0]["machine"]?[
            "install"]
        #expect(install == ["diskSelector": ["size": "4GB"]])
    }

    @Test("kernel arguments of a schematic are the installer's too up to Talos 1.11, but for a kernel image")
    func kernelArguments() throws {
        let schematic = ", schematic: {customization: {extraKernelArgs: [a=b]}}"
        func arguments(_ talos: String, _ more: String) throws -> JSONValue? {
            let result = try imported(cluster("", talos: talos, nodes: schematic + more))
            return try documents(result.cluster["spec"]?["controlPlane"]?["patches"], 0)[0]["machine"]?[
                "install"]?["extraKernelArgs"]
        }
        #expect(try arguments("v1.11.2", "") == ["a=b"])
        #expect(try arguments("v1.11.2", ", machineSpec: {secureboot: true}") == ["a=b"])
        #expect(try arguments("v1.11.2", ", machineSpec: {useUKI: true}") == nil)
        #expect(try arguments("v1.12.2", "") == nil)
    }

    @Test("templates in labels and annotations become variables or values, and others are left out")
    func labels() throws {
        let labels = """
            worker:
              nodeLabels:
                name: "{{ .MachineConfig.MachineNetwork.NetworkHostname }}-$x"
                type: '{{ .MachineConfig.MachineType | upper }}'
                lost: "{{ .MachineConfig.MachineToken }}"
            """
        let result = try imported(
            cluster(
                labels,
                nodes: ", nodeAnnotations: {image: \"{{ .MachineConfig.MachineInstall.InstallImage }}\"}"),
            env: "x: y\n")
        let id = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
        #expect(
            try documents(workers(result), 0)[0]["machine"]?["nodeLabels"]
                == ["name": "${data.node.hostname}-y", "type": "WORKER"])
        #expect(
            try documents(result.cluster["spec"]?["controlPlane"]?["patches"], 0)[0]["machine"]?[
                "nodeAnnotations"] == ["image": .string("factory.talos.dev/installer/\(id):v1.11.2")])
        #expect(
            result.notes.map(\.description) == [
                "changed: talconfig.yaml: nodes[0].nodeAnnotations.image: its template was evaluated for each node",
                "changed: talconfig.yaml: worker.nodeLabels.type: its template was evaluated for each node",
                "lost: talconfig.yaml: worker.nodeLabels.lost: its template cannot be evaluated: "
                    + "there is no .MachineConfig.MachineToken",
            ])
    }

    @Test("templates of patches become variables, or are evaluated with the file and what is known of nodes")
    func templates() throws {
        let result = try imported(
            cluster(
                """
                patches:
                  - "a: \\"{{ .ClusterConfig.ClusterName }}\\""
                  - "@hosts.yaml"
                worker:
                  patches: ["@own.yaml", "b: '{{ .MachineConfig.MachineToken }}'"]
                """),
            env: "D: dee\n",
            files: [
                "hosts.yaml":
                    "{{ range $i, $n := .TalConfig.Nodes }}{{ $n.Hostname }}: {{ $n.IPAddress }} $D\n{{ end }}",
                "own.yaml": "c: {{ .MachineConfig.MachineNetwork.NetworkHostname | upper }}-${D}\n",
            ])
        let spec = try #require(result.cluster["spec"])
        #expect(
            spec["patches"]?.array?.map { $0["inline"] } == [
                "a: \"${cluster.name}\"\n", "m1: 10.0.0.11 dee\nw1: 10.0.0.21 dee\nw2: 10.0.0.22 dee\n",
            ])
        #expect(workers(result)?.array?.map { $0["inline"] } == ["b: '{{ .MachineConfig.MachineToken }}'\n"])
        #expect(spec["machinePatches"]?["home-workers-1"]?.array?.last?["inline"] == "c: W2-dee\n")
        #expect(
            result.notes.map { "\($0.kind) \($0.path)" } == [
                "changed patches[1]", "changed worker.patches[0]", "lost worker.patches[1]",
            ])
    }

    @Test("templates reach each address of each node")
    func addresses() throws {
        let result = try imported(
            """
            clusterName: home
            talosVersion: v1.11.2
            kubernetesVersion: v1.33.1
            endpoint: https://10.0.0.10:6443
            patches: ["@fw.yaml"]
            nodes: [{hostname: m1, ipAddress: "10.0.0.11, 10.0.0.12", controlPlane: true, installDisk: /dev/sda}]
            """,
            files: [
                "fw.yaml": """
                kind: NetworkRuleConfig
                ingress:
                {{- range .TalConfig.Nodes }}
                {{- range .GetIPAddresses }}
                  - subnet: {{ . }}/32
                {{- end }}
                {{- end }}

                """
            ])
        #expect(
            try documents(result.cluster["spec"]?["patches"], 0)[0]["ingress"]
                == [["subnet": "10.0.0.11/32"], ["subnet": "10.0.0.12/32"]])
    }

    @Test("files and manifests whose contents were encrypted are in Secrets")
    func encryptedContents() throws {
        let result = try imported(
            cluster(
                """
                inlineManifests: [{name: x, contents: "@m.yaml"}]
                worker:
                  nodeLabels: {a: b}
                  machineFiles: [{path: /x, content: "@auth.env", permissions: 0o600, op: create}]
                """),
            files: ["m.yaml": "a: canary\n", "auth.env": "KEY=canary\n"],
            encrypted: ["m.yaml", "auth.env"])
        #expect(!YAML.document(result.cluster).contains("canary"))
        #expect(result.secrets.count == 2)
        #expect(workers(result)?.array?[0]["secretRef"] != nil)
        #expect(result.cluster["spec"]?["controlPlane"]?["patches"]?.array?[0]["secretRef"] != nil)
        #expect(result.cluster["spec"]?["machinePatches"]?["home-workers-0"]?.array?[0]["inline"] != nil)
    }

    @Test("manifests of a node come before those of its role, as talhelper appends them")
    func manifests() throws {
        let result = try imported(
            cluster("controlPlane: {extraManifests: [role.yaml]}", nodes: ", extraManifests: [own.yaml]"),
            files: ["role.yaml": "kind: A\n", "own.yaml": "kind: B\n"])
        let layers = result.cluster["spec"]?["machinePatches"]?["home-cp-0"]?.array
        #expect(layers?.suffix(2).map { $0["name"] } == ["own.yaml", "role.yaml"])
    }

    @Test("the key of an old cluster's etcd gets into a Secret of the control plane, and not into the clear")
    func encryptionSecret() throws {
        var bundle = SecretsBundle()
        bundle.aescbcEncryptionSecret = "canary="
        let result = try imported(cluster(""), bundle: bundle)
        let control = result.cluster["spec"]?["controlPlane"]?["patches"]?.array
        #expect(control?.first == ["secretRef": ["name": "home-layer-1"]])
        #expect(
            try YAML.documents(Array((result.secrets[0]["stringData"]?["layer.yaml"]?.string ?? "").utf8))
                == [["cluster": ["aescbcEncryptionSecret": "canary="]]])
        #expect(!YAML.document(result.cluster).contains("canary"))
        #expect(!result.report.contains("canary"))
        #expect(workers(result) == nil)
        #expect(
            result.notes.map { "\($0.kind) \($0.file): \($0.path)" } == [
                "changed talsecret.sops.yaml: secrets.aescbcencryptionsecret"
            ])
        #expect(TalhelperImport.cleaned(bundle).aescbcEncryptionSecret == "canary=")
        bundle.secretboxEncryptionSecret = "new"
        #expect(TalhelperImport.cleaned(bundle).aescbcEncryptionSecret == nil)
        #expect(try imported(cluster("")).secrets.isEmpty)
    }

    @Test("what has no counterpart is reported")
    func lost() throws {
        let result = try imported(
            cluster(
                "imageFactory: {protocol: http, odd: 1}\nfuture: 1\nworker: {imageSchematic: {}, later: 2}",
                nodes: ", filenameTmpl: x, odd: 1"))
        #expect(
            result.notes.map { "\($0.kind) \($0.path)" } == [
                "changed imageFactory.protocol", "lost imageFactory.odd", "lost future",
                "changed nodes[0].filenameTmpl", "changed worker.imageSchematic",
                "lost nodes[0].odd", "lost worker.later",
            ])
    }

    @Test("versions that are missing are filled in, which the report says")
    func versions() throws {
        let result = try imported(
            """
            clusterName: home
            endpoint: https://10.0.0.10:6443
            nodes: [{hostname: m1, controlPlane: true, installDisk: /dev/sda}]
            """)
        #expect(result.cluster["spec"]?["talosVersion"] == "v1.13.0")
        #expect(result.cluster["spec"]?["kubernetesVersion"] == "v1.36.3")
        #expect(result.notes.map(\.path) == ["kubernetesVersion", "talosVersion"])
    }

    @Test(
        "a file that makes no sense is refused with its place",
        arguments: [
            (
                "clusterName: ${NONE}\n",
                "talconfig.yaml, line 1: the environment variable NONE is not set, or empty"
            ),
            ("nodes: [{controlPlane: true}]\n", "talconfig.yaml: nodes[0].hostname: is required"),
            ("nodes: []\n", "talconfig.yaml: clusterName: is required"),
            (
                "clusterName: a\nendpoint: b\npatches: ['@x.yaml']\nnodes: []\n",
                "patches[0]: there is no file x.yaml"
            ),
            ("talosVersion: new\nclusterName: a\nnodes: []\n", "talosVersion: must be a version"),
        ])
    func refused(text: String, problem: String) throws {
        let error = #expect(throws: ConfigProblems.self) { try imported(text) }
        #expect(error?.description.contains(problem) == true, "\(String(describing: error))")
    }

    @Test("the files that are referred to are found before they are read")
    func references() throws {
        let text = cluster(
            """
            patches: ["@a.yaml", "b: 1"]
            inlineManifests: [{name: x, contents: "@./m/${NAME}.yaml"}]
            worker: {extraManifests: [fw.yaml], machineFiles: [{path: /x, content: "@c"}]}
            """)
        let paths = try TalhelperImport.references(
            SourceFile(path: "talconfig.yaml", text: text),
            environmentFiles: [SourceFile(path: "talenv.yaml", text: "NAME=x\n")], environment: [:])
        #expect(paths == ["a.yaml", "./m/x.yaml", "fw.yaml", "c"])
    }
}
