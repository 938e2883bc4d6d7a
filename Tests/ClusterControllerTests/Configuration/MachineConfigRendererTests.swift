// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("Configurations of machines")
struct MachineConfigRendererTests {
    private static let versions = [
        ("v1.5.5", "v1.28.3"), ("v1.7.7", "v1.30.1"), ("v1.9.6", "v1.31.0"), ("v1.11.6", "v1.33.1"),
        ("v1.12.3", "v1.34.1"), ("v1.13.0", "v1.35.0"),
    ]

    @Test("Without layers a machine gets what Talos generates, a disk and an image", arguments: versions)
    func generated(talos: String, kubernetes: String) throws {
        let fixture = try ConfigFixture(talos: talos, kubernetes: kubernetes)
        for (machine, role) in [
            ("simple-cp-2", Talos.MachineRole.controlPlane), ("simple-workers-1", .worker),
        ] {
            var input = MachineConfigInput(
                version: try #require(TalosVersion(talos)), role: role, clusterName: "simple",
                endpoint: "https://192.168.1.100:6443", kubernetesVersion: kubernetes,
                secrets: fixture.secrets)
            input.installDisk = "/dev/sda"
            input.installImage = "ghcr.io/siderolabs/installer:\(talos)"
            let rendered = try fixture.render(machine)
            #expect(try rendered.yaml == MachineConfiguration(generating: input).yaml())
            #expect(rendered.machine == machine && rendered.warnings == [])
            #expect(rendered.layerNames == ["generated", "spec.talosConfig"])
            #expect(rendered.digest.utf8.count == 64)
        }
    }

    @Test("Fields of talosConfig mean what they mean in Talos", arguments: versions)
    func talosConfig(talos: String, kubernetes: String) throws {
        let fixture = try ConfigFixture(
            """
            {"podSubnets": ["10.8.0.0/16"], "talosConfig": {
              "machine": {"type": "worker", "certSANs": ["talos.example.com"],
                "kubelet": {"image": "example.com/kubelet:v1", "extraArgs": {"v": "4"}}},
              "cluster": {"name": "simple", "controlPlane": {"endpoint": "https://192.168.1.100:6443"},
                "network": {"dnsDomain": "example.local", "serviceSubnets": ["10.9.0.0/16"]}},
              "install": {"disk": "/dev/vda", "image": "example.com/installer:v1", "bootloader": true, "wipe": true,
                "extraKernelArgs": ["console=ttyS0"]}}}
            """, talos: talos, kubernetes: kubernetes)
        for (machine, type) in [("simple-cp-0", "controlplane"), ("simple-workers-0", "worker")] {
            let config = try fixture.render(machine).configuration
            let version = try #require(TalosVersion(talos))
            #expect(config["machine", "type"]?.string == type)
            #expect(config["machine", "certSANs"]?.json == ["talos.example.com"])
            #expect(config["machine", "kubelet", "image"]?.string == "example.com/kubelet:v1")
            #expect(config["machine", "kubelet", "extraArgs"]?.json == ["v": "4"])
            #expect(config["cluster", "network", "dnsDomain"]?.string == "example.local")
            #expect(config["cluster", "network", "podSubnets"]?.json == ["10.8.0.0/16"])
            #expect(config["cluster", "network", "serviceSubnets"]?.json == ["10.9.0.0/16"])
            let install = try #require(config["machine", "install"])
            #expect(install["disk"]?.string == "/dev/vda" && install["wipe"]?.bool == true)
            #expect(install["image"]?.string == "example.com/installer:v1")
            #expect(install["extraKernelArgs"]?.json == ["console=ttyS0"])
            #expect(install["bootloader"]?.bool == (version <= TalosVersion(minor: 5) ? true : nil))
            // Talos refuses arguments beside a command line from the image.
            #expect(install["grubUseUKICmdline"]?.bool == (version >= TalosVersion(minor: 12) ? false : nil))
        }
    }

    @Test("A token and an authority of one's own take the place of generated ones, and a worker gets no key")
    func ownAuthority() throws {
        let authority = try ConfigFixture.secrets.get().os
        let crt = String(decoding: authority.crt, as: UTF8.self)
        let key = Base64.encode(authority.key)
        var fixture = try ConfigFixture(
            String(
                decoding: JSONValue.object([
                    "talosConfig": [
                        "machine": ["token": "a.b", "ca": ["crt": .string(crt), "key": .string(key)]]
                    ]
                ]).encoded(), as: UTF8.self))
        fixture.secrets.os = KeyAndCertificate()
        let controlPlane = try fixture.render("simple-cp-0").configuration
        let worker = try fixture.render("simple-workers-0").configuration
        #expect(
            controlPlane["machine", "token"]?.string == "a.b" && worker["machine", "token"]?.string == "a.b")
        #expect(
            controlPlane["machine", "ca"]?.json == [
                "crt": .string(Base64.encode(authority.crt)), "key": .string(key),
            ])
        #expect(worker["machine", "ca"]?.json == ["crt": .string(Base64.encode(authority.crt)), "key": ""])
        let secrets = fixture.spec.secrets(from: fixture.secrets)
        #expect(secrets.os == authority && secrets.trustdToken == "a.b")
        #expect(secrets.kubernetes == fixture.secrets.kubernetes)
    }

    private static let layered = """
        {"talosConfig": {"machine": {"kubelet": {"extraArgs": {"v": "1"}}}},
         "patches": [{"machine": {"kubelet": {"extraArgs": {"v": "2"}}}},
                     {"configMapRef": {"name": "a"}}],
         "controlPlane": {"patches": ["machine:\\n  kubelet:\\n    extraArgs:\\n      v: 4"]},
         "workers": [{"name": "workers", "replicas": 1, "patches": ["machine: {kubelet: {extraArgs: {v: w}}}"]},
                     {"name": "plain", "replicas": 1}],
         "machinePatches": {"simple-cp-1": ["machine: {kubelet: {extraArgs: {v: '5'}}}"]}}
        """

    private var layered: ConfigFixture {
        get throws {
            let object = LayerObject(
                kind: .configMap, key: .init(namespace: "default", name: "a"),
                labels: [APINames.layerLabel: ""],
                files: [.init(name: "x", text: "machine: {kubelet: {extraArgs: {v: '3'}}}")])
            return try ConfigFixture(Self.layered, [object])
        }
    }

    @Test(
        "Higher layers win, each machine's own the last",
        arguments: [
            ("simple-cp-0", "4"), ("simple-cp-1", "5"), ("simple-cp-2", "4"), ("simple-workers-0", "w"),
            ("simple-plain-0", "3"),
        ])
    func order(machine: String, expected: String) throws {
        let config = try layered.render(machine).configuration
        #expect(config["machine", "kubelet", "extraArgs", "v"]?.string == expected)
    }

    @Test("Who set a value and whom that overrode is known by name and line")
    func provenance() throws {
        let rendered = try layered.render("simple-cp-1")
        let entry = try #require(
            try rendered.provenance.entries(at: "machine.kubelet.extraArgs.v").first)
        #expect(entry.setBy.layer == #"spec.machinePatches["simple-cp-1"][0]"# && entry.setBy.line == 1)
        #expect(
            entry.overrode.map(\.description) == [
                "spec.talosConfig", "spec.patches[0]", "ConfigMap default/a (x):1",
                "spec.controlPlane.patches[0]:4",
            ])
        let token = try #require(try rendered.provenance.entries(at: "machine.token").first)
        #expect(token.isSecret && token.setBy.layer == "generated")
    }

    @Test("Machines of one kind have one text, and their own only where a layer says so")
    func shared() throws {
        let plain = try layered.renderer().renderAll().mapValues { try? $0.get().digest }
        #expect(plain.count == 5 && plain["simple-cp-0"] == plain["simple-cp-2"])
        #expect(plain["simple-cp-0"] != plain["simple-cp-1"])
        #expect(plain["simple-workers-0"] != plain["simple-plain-0"])
        #expect(try layered.renderer().renderAll().mapValues { try? $0.get().digest } == plain)
    }

    @Test("Variables of a machine are its own, wherever the layer stands")
    func variables() throws {
        let fixture = try ConfigFixture(
            """
            {"data": {"ntp": "ntp.example.com", "rack": "none"}, "machineData": {"simple-workers-1": {"rack": "b"}},
             "patches": ["machine: {nodeLabels: {cluster: '${cluster.name}', ntp: '${data.ntp}'}}",
               "machine: {nodeLabels: {name: '${machine.name}', group: '${machine.group}', rack: '${data.rack}'}}",
               {"machine": {"nodeLabels": {"index": "${machine.index}", "role": "${machine.role}"}}}],
             "workers": [{"name": "workers", "replicas": 2, "patches": ["machine: {nodeLabels: {v: '${talosVersion}'}}"]}]}
            """)
        func labels(_ machine: String) throws -> JSONValue? {
            try fixture.render(machine).configuration["machine", "nodeLabels"]?.json
        }
        let common: JSONValue = ["cluster": "simple", "ntp": "ntp.example.com"]
        #expect(
            try labels("simple-workers-1")
                == common.mergePatched(with: [
                    "name": "simple-workers-1", "group": "workers", "rack": "b", "index": "1",
                    "role": "worker",
                    "v": "v1.12.3",
                ]))
        #expect(
            try labels("simple-cp-0")
                == common.mergePatched(with: [
                    "name": "simple-cp-0", "group": "controlplane", "rack": "none", "index": "0",
                    "role": "controlplane", "node.kubernetes.io/exclude-from-external-load-balancers": "",
                ]))
    }

    @Test("A host name is there only where a layer gives one")
    func hostNames() throws {
        let patch =
            #"{"patches": ["{apiVersion: v1alpha1, kind: HostnameConfig, hostname: '${machine.name}', auto: 'off'}"]}"#
        let named = try ConfigFixture(patch).render("simple-workers-1")
        let document = named.configuration.document(.document(kind: "HostnameConfig", name: nil))
        #expect(document?.root["hostname"]?.string == "simple-workers-1")
        #expect(try !ConfigFixture().render("simple-workers-1").yaml.contains("simple-workers"))
    }
}
