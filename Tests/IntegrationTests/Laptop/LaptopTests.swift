// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("The program on a laptop", .timeLimit(.minutes(15)))
struct LaptopTests {
    private static func cluster(_ version: String) -> String {
        """
        apiVersion: vitistack.io/v1alpha1
        kind: KubernetesCluster
        metadata: {name: base}
        spec:
          clusterName: base
          kubernetesVersion: v1.28.0
          talosVersion: \(version).0
          clusterEndpoint: https://base:6443
          controlPlane: {replicas: 1}
          workers: [{name: w, replicas: 1}]

        """
    }

    /// The lines without disk and image of the installation, which talosctl is told and the generator is not.
    private static func comparable(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).filter {
            !$0.hasPrefix("        disk: /dev/sda")
                && !$0.hasPrefix("        image: ghcr.io/siderolabs/installer:")
        }.joined(separator: "\n")
    }

    @Test(
        "configurations are Talos' own, byte for byte, apart from disk and image",
        .enabled(if: TalosReference.isThere), arguments: ["v1.5", "v1.7", "v1.12"])
    func golden(version: String) async throws {
        let laptop = try Laptop()
        try laptop.write("base.yaml", Self.cluster(version))
        let run = try await laptop.run([
            "render", "-f", "base.yaml", "--secrets", TalosReference.path("golden/secrets.yaml"), "-o", "out",
        ])
        #expect(run.status == .exited(0), "\(run.output)")
        for (machine, role) in [("base-cp-0", "controlplane"), ("base-w-0", "worker")] {
            let ours = try laptop.text("out/base/talos/\(machine).yaml")
            let golden = try TalosReference.text("golden/\(version)/base-\(role).yaml")
            #expect(Self.comparable(ours) == golden, "\(machine)")
            #expect(
                ours.contains("disk: /dev/sda\n        image: ghcr.io/siderolabs/installer:\(version).0\n"))
        }
    }

    @Test(
        "patches make what Talos makes of them", .enabled(if: TalosReference.isThere),
        arguments: [
            ("apply", ["strategic1", "jsonpatch1", "jsonpatch2", "strategic2", "strategic3"]),
            ("multidoc", ["strategic1", "strategic2"]),
        ])
    func patches(folder: String, patches: [String]) async throws {
        let laptop = try Laptop()
        let arguments = patches.flatMap {
            ["--patch", "@\(TalosReference.path("patches/\(folder)/\($0).yaml"))"]
        }
        let run = try await laptop.run(
            ["patch", TalosReference.path("patches/\(folder)/config.yaml"), "-o", "out.yaml"] + arguments)
        #expect(run.status == .exited(0), "\(run.output)")
        #expect(try laptop.text("out.yaml") == TalosReference.text("patches/\(folder)/expected.yaml"))
    }

    @Test(
        "the examples render with their own secrets or with new ones, and what comes out is valid",
        arguments: [
            "simple-cluster", "complex-cluster", "ha-cluster", "dual-stack-cluster", "single-node",
            "full-cluster",
            "layered-cluster",
        ])
    func examples(name: String) async throws {
        let file = "\(Repository.root)/examples/\(name).yaml"
        let laptop = try Laptop()
        let first = try await laptop.run(["render", "-f", file, "-o", "out"])
        #expect(first.status == .exited(0), "\(first.output)")
        let configurations = try laptop.files().filter { $0.contains("/talos/") }
        #expect(!configurations.isEmpty)
        let checked = try await laptop.run(["validate"] + configurations)
        #expect(checked.status == .exited(0), "\(checked.output)")
        let secrets = try #require(laptop.files().first { $0.hasSuffix("secrets.yaml") })
        let second = try await laptop.run(["render", "-f", file, "--secrets", secrets, "-o", "again"])
        #expect(second.status == .exited(0), "\(second.output)")
        for file in configurations {
            let again = file.replacing("out/", with: "again/", maxReplacements: 1)
            #expect(try laptop.text(file) == laptop.text(again), "\(file)")
        }
        #expect(try await laptop.run(["diff", "out", "again"]).status == .exited(0))
    }

    @Test("the talosconfig is good for the keys that the machines trust")
    func talosconfig() async throws {
        let laptop = try Laptop()
        try laptop.write("base.yaml", Self.cluster("v1.5"))
        let run = try await laptop.run(["render", "-f", "base.yaml", "-o", "out", "--endpoint", "10.0.0.1"])
        #expect(run.status == .exited(0), "\(run.output)")
        let configuration = try YAML.documents(Array(laptop.text("out/base/talosconfig").utf8))[0]
        let context = configuration["contexts"]?["base"]
        #expect(configuration["context"] == "base")
        #expect(context?["endpoints"] == ["10.0.0.1"])
        let machine = try YAML.documents(Array(laptop.text("out/base/talos/base-cp-0.yaml").utf8))[0]
        #expect(context?["ca"] == machine["machine"]?["ca"]?["crt"])
    }
}

@Suite("Imports with the built program", .timeLimit(.minutes(15)))
struct ImportTests {
    private let laptop: Laptop

    init() throws {
        laptop = try Laptop()
    }

    /// A `sops` that decrypts what these tests have encrypted, by taking away brackets and its own block.
    private func installSOPS() throws -> [String: String] {
        try laptop.write(
            "bin/sops",
            "#!/bin/sh\nfor file; do :; done\nsed -e '/^sops:/,$d' -e 's/ENC\\[\\(.*\\)\\]/\\1/' \"$file\"\n",
            mode: 0o755)
        return ["PATH": "\(laptop.path)/bin:/usr/bin:/bin"]
    }

    private static func encrypted(_ text: String) -> String {
        text + "sops:\n    mac: ENC[x]\n    version: 3.9.0\n"
    }

    private func writeTOPF() throws {
        try laptop.write(
            "topf/topf.yaml",
            """
            clusterName: prod
            clusterEndpoint: https://10.0.0.10:6443
            kubernetesVersion: 1.34.1
            talosVersion: v1.12.7
            data: {region: eu-north}
            nodes:
              - {host: node1, ip: 10.0.0.11, role: control-plane}
              - {host: node2, role: worker, data: {rack: "17"}}

            """)
        try laptop.write("topf/all/01.yaml.tpl", "machine:\n  nodeLabels:\n    region: {{ .Data.region }}\n")
        try laptop.write(
            "topf/all/02.yaml",
            Self.encrypted(
                "machine:\n    registries:\n        config: {}\n    env:\n        TOKEN: ENC[canary-4711]\n"))
        try laptop.write(
            "topf/node/node2/x.yaml.tpl",
            "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: off\nhostname: {{ .Node.Host }}\n")
    }

    @Test("a TOPF directory with encrypted files becomes a cluster that renders")
    func topf() async throws {
        let environment = try installSOPS()
        try writeTOPF()
        let bundle = try await laptop.run([
            "secrets", "generate", "--talos-version", "v1.6", "-o", "bundle.yaml",
        ])
        #expect(bundle.status == .exited(0), "\(bundle.output)")
        try laptop.write(
            "topf/secrets.yaml", Self.encrypted(try laptop.text("bundle.yaml") + "unencrypted: ENC[]\n"))
        let run = try await laptop.run(["import", "topf", "topf", "-o", "moved"], environment: environment)
        #expect(run.status == .exited(0), "\(run.output)")
        #expect(!run.output.contains("canary"))
        #expect(
            try laptop.files(in: "moved") == [
                "moved/import-report.md", "moved/prod.yaml", "moved/secrets.yaml",
            ])
        #expect(try laptop.text("moved/secrets.yaml") == laptop.text("bundle.yaml"))
        #expect(try !laptop.text("moved/import-report.md").contains("canary"))
        let clusters = try YAML.documents(Array(laptop.text("moved/prod.yaml").utf8))
        #expect(clusters.map { $0["kind"] } == ["KubernetesCluster", "Secret"])
        let render = try await laptop.run([
            "render", "-f", "moved", "--secrets", "moved/secrets.yaml", "-o", "out",
        ])
        #expect(render.status == .exited(0), "\(render.output)")
        let worker = try laptop.text("out/prod/talos/prod-workers-0.yaml")
        #expect(worker.contains("region: eu-north\n"))
        #expect(worker.contains("TOKEN: canary-4711\n"))
        #expect(worker.contains("hostname: node2\n"))
        let explained = try await laptop.run(["render", "-f", "moved", "--explain", "machine.env"])
        #expect(explained.status == .exited(0), "\(explained.output)")
        #expect(explained.output.contains("******") && !explained.output.contains("canary"))
        let again = try await laptop.run(["import", "topf", "topf", "-o", "moved"], environment: environment)
        #expect(again.status == .exited(1))
        #expect(again.output.contains("--force"))
    }

    @Test("without sops, and with one that fails, encrypted files are an error and nothing is written")
    func withoutSOPS() async throws {
        try writeTOPF()
        let none = try await laptop.run(
            ["import", "topf", "topf", "-o", "moved"], environment: ["PATH": "/nonexistent"])
        #expect(none.status == .exited(1))
        #expect(none.output.contains("all/02.yaml: is encrypted with SOPS, and there is no sops on the PATH"))
        try laptop.write("bin/sops", "#!/bin/sh\necho 'no key' >&2\nexit 128\n", mode: 0o755)
        let failing = try await laptop.run(
            ["import", "topf", "topf", "-o", "moved"], environment: ["PATH": "\(laptop.path)/bin:/bin"])
        #expect(failing.status == .exited(1))
        #expect(failing.output.contains("sops cannot decrypt it: no key"))
        #expect(try !FileSystem.list(laptop.path).contains("moved"))
    }

    @Test(
        "a talhelper directory with encrypted secrets becomes a cluster that renders",
        arguments: ["v1.11.2", "v1.12.3"])
    func talhelper(version: String) async throws {
        let environment = try installSOPS()
        try laptop.write(
            "home/talconfig.yaml",
            """
            clusterName: home
            talosVersion: \(version)
            kubernetesVersion: v1.33.1
            endpoint: https://${VIP}:6443
            domain: home.local
            additionalApiServerCertSans: ["${VIP}", home.example]
            patches: ["@./patches/a.yaml"]
            nodes:
              - hostname: m1
                ipAddress: 10.0.0.11
                controlPlane: true
                installDisk: /dev/nvme0n1
                networkInterfaces: [{interface: eth0, dhcp: true, vip: {ip: "${VIP}"}}]
                ingressFirewall:
                  defaultAction: block
                  rules:
                    - name: apid
                      portSelector: {ports: [50000], protocol: tcp}
                      ingress: [{subnet: 10.0.0.0/8}]
              - hostname: w1
                installDiskSelector: {size: 4GB}
                nodeLabels: {tier: storage}
                nameservers: [1.1.1.1]
                machineFiles: [{path: /var/etc/x, permissions: 0o644, op: create, content: "a$b"}]
                kernelModules: [{name: br_netfilter}]
                patches:
                  - |-
                    - op: add
                      path: /machine/kubelet/extraArgs
                      value: {rotate-server-certificates: "true"}

            """.replacing("a$b", with: "a$$b"))
        try laptop.write("home/talenv.sops.yaml", Self.encrypted("VIP: ENC[10.0.0.10]\n"))
        try laptop.write(
            "home/patches/a.yaml", "machine:\n  time:\n    servers: [\"${NTP:-time.example}\"]\n")
        let bundle = try await laptop.run([
            "secrets", "generate", "--talos-version", "v1.6", "-o", "bundle.yaml",
        ])
        #expect(bundle.status == .exited(0))
        try laptop.write("home/talsecret.yaml", try laptop.text("bundle.yaml"))
        let run = try await laptop.run(
            ["import", "talhelper", "home", "-o", "moved"], environment: environment)
        #expect(run.status == .exited(0), "\(run.output)")
        let render = try await laptop.run([
            "render", "-f", "moved/home.yaml", "--secrets", "moved/secrets.yaml", "-o", "out",
        ])
        #expect(render.status == .exited(0), "\(render.output)")
        let controlPlane = try laptop.text("out/home/talos/home-cp-0.yaml")
        for text in [
            "ip: 10.0.0.10\n", "hostname: m1\n", "- home.example\n", "dnsDomain: home.local\n",
            "- time.example\n", "kind: NetworkRuleConfig\n", "disk: /dev/nvme0n1\n",
        ] {
            #expect(controlPlane.contains(text), "\(text)")
        }
        let worker = try laptop.text("out/home/talos/home-workers-0.yaml")
        for text in [
            "tier: storage\n", "rotate-server-certificates: \"true\"\n", "content: a$b\n",
            "permissions: 0o644\n", "hostname: w1\n",
        ] {
            #expect(worker.contains(text), "\(text)")
        }
        #expect(!worker.contains("/dev/sda"))
    }
}
