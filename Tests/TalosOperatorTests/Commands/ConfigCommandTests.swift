// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

@Suite("Machine configurations on the command line")
struct ConfigCommandTests {
    private let bench: CommandBench

    init() throws {
        bench = try CommandBench()
    }

    private func cluster(_ more: String = "", talos: String = "v1.12.3", metadata: String = "{name: app}")
        -> String
    {
        """
        apiVersion: vitistack.io/v1alpha1
        kind: KubernetesCluster
        metadata: \(metadata)
        spec:
          clusterName: app
          kubernetesVersion: v1.34.1
          talosVersion: \(talos)
          clusterEndpoint: https://10.0.0.1:6443
          controlPlane: {replicas: 1}
          workers: [{name: w, replicas: 1}]
          \(more)

        """
    }

    @Test("with a directory there are the Machines, the configurations, a talosconfig and new secrets, once")
    func directory() async throws {
        let file = try bench.file("app.yaml", cluster())
        let out = "\(bench.path)/out"
        #expect(try await bench.run("render", "-f", file, "-o", out) == 0, "\(bench.errors)")
        #expect(
            try FileSystem.list("\(out)/app") == [
                "app-cp-0.yaml", "app-w-0.yaml", "secrets", "talos", "talosconfig",
            ])
        #expect(try FileSystem.list("\(out)/app/talos") == ["app-cp-0.yaml", "app-w-0.yaml"])
        for file in ["talos/app-cp-0.yaml", "talosconfig", "secrets/secrets.yaml"] {
            #expect(try bench.mode("out/app/\(file)") == 0o600, "\(file)")
        }
        let names = ["secrets/secrets.yaml", "talos/app-cp-0.yaml", "talos/app-w-0.yaml", "talosconfig"]
        let before = try names.map { try bench.text("out/app/\($0)") }
        #expect(before[1].hasPrefix("version: v1alpha1\n"))
        #expect(try await bench.run("render", "-f", file, "-o", out) == 0)
        #expect(try names.map { try bench.text("out/app/\($0)") } == before)
        #expect(bench.printed == "")
        #expect(
            try await bench.run("validate", "\(out)/app/talos/app-cp-0.yaml", file) == 0, "\(bench.errors)")
        #expect(try await bench.run("secrets", "validate", "\(out)/app/secrets/secrets.yaml") == 0)
    }

    @Test("layers come from the specification, ConfigMaps and Secrets of the files, and know the machine")
    func layers() async throws {
        try bench.file(
            "in/app.yaml",
            cluster(
                """
                data: {ntp: time.example}
                  patches:
                    - configMapRef: {name: shared}
                    - secretRef: {name: hidden}
                  machinePatches:
                    app-w-0: [{machine: {nodeLabels: {name: "${machine.name}"}}}]
                """))
        try bench.file(
            "in/layers.yaml",
            """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: shared}
            data:
              10-time.yaml: |
                machine:
                  time:
                    servers: ["${data.ntp}"]
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: hidden}
            stringData:
              env.yaml: |
                machine:
                  env: {TOKEN: canary-4711}
            """)
        let secrets = try bench.file("in/secrets.yaml", "cluster: {}\n")
        try FileSystem.remove(secrets)
        #expect(try await bench.run("secrets", "generate", "-o", secrets, "--talos-version", "1.6") == 0)
        let out = "\(bench.path)/out"
        #expect(
            try await bench.run("render", "-f", "\(bench.path)/in", "--secrets", secrets, "-o", out) == 0,
            "\(bench.errors)")
        let worker = try bench.text("out/app/talos/app-w-0.yaml")
        #expect(worker.contains("- time.example\n"))
        #expect(worker.contains("name: app-w-0\n"))
        #expect(worker.contains("TOKEN: canary-4711\n"))
        #expect(try !bench.text("out/app/talos/app-cp-0.yaml").contains("nodeLabels:\n        name:"))
        #expect(try FileSystem.list("\(out)/app").contains("secrets") == false)

        #expect(
            try await bench.run(
                "render", "-f", "\(bench.path)/in", "--explain", "machine", "--machine", "app-w-0")
                == 0)
        #expect(
            bench.printed.contains("ConfigMap shared (10-time.yaml)")
                || bench.printed.contains("10-time.yaml"))
        #expect(bench.printed.contains("******"))
        #expect(!bench.printed.contains("canary-4711"))
        #expect(!bench.errors.contains("canary-4711"))
    }

    @Test("ConfigMaps with the label of layers concern the clusters that their labels fit")
    func operatorWide() async throws {
        let maps = [("prod", ""), ("test", ""), ("prod", "talos-operator-system"), ("prod", "other")]
        let layers = maps.enumerated().map { index, map in
            """
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: wide-\(index)
              \(map.1.isEmpty ? "" : "namespace: \(map.1)")
              labels: {cluster.vitistack.io/layer: "", cluster.vitistack.io/environment: \(map.0)}
            data: {a: "machine: {env: {FROM_\(index): yes}}"}

            """
        }
        let labels = "{name: app, labels: {cluster.vitistack.io/environment: prod}}"
        let file = try bench.file("app.yaml", cluster(metadata: labels) + layers.joined())
        #expect(try await bench.run("render", "-f", file, "--explain", "machine.env") == 0, "\(bench.errors)")
        for (index, isThere) in [true, false, true, false].enumerated() {
            #expect(bench.printed.contains("FROM_\(index)") == isThere, "\(bench.printed)")
        }
    }

    @Test("machines of which the same is to be said share a table, and those without the path have none")
    func explainingTogether() async throws {
        let file = try bench.file("app.yaml", cluster())
        #expect(
            try await bench.run("render", "-f", file, "--explain", "cluster.etcd") == 0, "\(bench.errors)")
        #expect(bench.printed.split(separator: "\n").first == "app-cp-0")
        #expect(!bench.printed.contains("app-w-"))
        #expect(try await bench.run("render", "-f", file, "--explain", "machine.install") == 0)
        #expect(bench.printed.contains("app-cp-0, app-w-0\n"))
        #expect(try await bench.run("render", "-f", file, "--explain", "machine.pods") == 1)
        #expect(bench.errors.contains("app-cp-0: ") && bench.errors.contains("app-w-0: "))
    }

    @Test("one machine's configuration is printed if that is asked for")
    func printing() async throws {
        let file = try bench.file("app.yaml", cluster())
        #expect(try await bench.run("render", "-f", file, "--machine", "app-cp-0") == 1)
        #expect(bench.errors == "render: --machine needs --secrets FILE or -o DIR\n")
        let secrets = "\(bench.path)/s.yaml"
        #expect(try await bench.run("secrets", "generate", "-o", secrets, "--talos-version", "1.6") == 0)
        #expect(
            try await bench.run("render", "-f", file, "--machine", "app-cp-0", "--secrets", secrets) == 0)
        #expect(bench.printed.hasPrefix("version: v1alpha1\n"))
        #expect(
            try await bench.run("render", "-f", file, "--machine", "none", "--secrets", secrets) == 1)
        #expect(bench.errors.hasSuffix("there is no machine none\n"))
    }

    @Test("versions outside of the support table are a doubt, and unknown ones get no configurations")
    func versions() async throws {
        let pair = try bench.file("pair.yaml", cluster(talos: "v1.5.5"))
        #expect(try await bench.run("render", "-f", pair) == 0)
        #expect(bench.errors.hasPrefix("warning: \(pair): spec.kubernetesVersion: must be v1.26 to v1.28"))
        let new = try bench.file("new.yaml", cluster(talos: "v1.14.0"))
        #expect(try await bench.run("render", "-f", new, "-o", "\(bench.path)/out") == 0)
        #expect(bench.errors.contains("no configurations are made for Talos v1.14.0"))
        #expect(try FileSystem.list("\(bench.path)/out/app") == ["app-cp-0.yaml", "app-w-0.yaml"])
        let managed = try bench.file("managed.yaml", cluster("management: Config", talos: "v1.14.0"))
        #expect(try await bench.run("render", "-f", managed, "-o", "\(bench.path)/other") == 1)
    }

    @Test(
        "bad layers are named with layer, line and path, and nothing is written",
        arguments: [
            ("patches: [{machine: {instal: {}}}]", "spec.patches[0]"),
            ("patches: [{configMapRef: {name: none}}]", "there is no ConfigMap"),
            (
                "patches: [{inline: \"machine:\\n  kubelet: 1\\n\", name: odd}]",
                "spec.patches[0] (odd), line 2"
            ),
            ("patches: [\"machine: {env: {A: '${nope}'}}\"]", "unknown variable ${nope}"),
            ("schematic: {extensions: [1]}", "schematic"),
        ])
    func badLayers(more: String, problem: String) async throws {
        let file = try bench.file("app.yaml", cluster(more))
        #expect(try await bench.run("render", "-f", file, "-o", "\(bench.path)/out") == 1)
        #expect(bench.errors.contains(problem), "\(bench.errors)")
        #expect(try FileSystem.list(bench.path) == ["app.yaml"])
    }

    @Test("a bundle that is incomplete is refused")
    func badBundle() async throws {
        let file = try bench.file("app.yaml", cluster())
        let secrets = try bench.file("s.yaml", "cluster:\n  id: abc\n")
        #expect(
            try await bench.run("render", "-f", file, "--secrets", secrets, "-o", "\(bench.path)/out") == 1)
        #expect(bench.errors.contains("s.yaml: "))
        #expect(try await bench.run("secrets", "validate", secrets) == 1)
    }
}

@Suite("Secrets on the command line")
struct SecretsCommandTests {
    private let bench: CommandBench

    init() throws {
        bench = try CommandBench()
    }

    @Test("a bundle is written for its owner alone, and not replaced unless told so")
    func generation() async throws {
        let path = "\(bench.path)/secrets.yaml"
        #expect(try await bench.run("secrets", "generate", "-o", path, "--talos-version", "v1.6") == 0)
        #expect(try bench.mode("secrets.yaml") == 0o600)
        let first = try bench.text("secrets.yaml")
        #expect(try await bench.run("secrets", "generate", "-o", path, "--talos-version", "v1.6") == 1)
        #expect(bench.errors.contains("--force"))
        #expect(try bench.text("secrets.yaml") == first)
        #expect(
            try await bench.run("secrets", "generate", "-o", path, "--talos-version", "v1.6", "--force") == 0)
        #expect(try bench.text("secrets.yaml") != first)
        #expect(bench.printed == "")
    }

    @Test("a bundle comes back from the configuration of a control plane, and from itself")
    func importing() async throws {
        let path = "\(bench.path)/secrets.yaml"
        #expect(try await bench.run("secrets", "generate", "-o", path, "--talos-version", "v1.6") == 0)
        let bundle = try bench.text("secrets.yaml")
        let cluster = try bench.file(
            "c.yaml",
            """
            apiVersion: vitistack.io/v1alpha1
            kind: KubernetesCluster
            metadata: {name: a}
            spec:
              clusterName: a
              kubernetesVersion: v1.28.3
              talosVersion: v1.5.5
              clusterEndpoint: https://192.168.1.100:6443
              controlPlane: {replicas: 1}
              workers: [{name: w, replicas: 1}]
            """)
        #expect(
            try await bench.run("render", "-f", cluster, "--secrets", path, "-o", "\(bench.path)/out") == 0)
        #expect(try await bench.run("secrets", "import", "\(bench.path)/out/a/talos/a-cp-0.yaml") == 0)
        #expect(bench.printed == bundle)
        bench.clear()
        #expect(try await bench.run("secrets", "import", path) == 0)
        #expect(bench.printed == bundle)
        #expect(try await bench.run("secrets", "import", "\(bench.path)/out/a/talos/a-w-0.yaml") == 1)
    }

    @Test("the authorities of kubeadm are taken over")
    func kubernetes() async throws {
        let path = "\(bench.path)/secrets.yaml"
        #expect(try await bench.run("secrets", "generate", "-o", path, "--talos-version", "v1.6") == 0)
        let value = try YAML.documents(Array(bench.text("secrets.yaml").utf8))[0]
        for (name, key) in [("ca", "k8s"), ("etcd/ca", "etcd"), ("front-proxy-ca", "k8saggregator")] {
            for part in ["crt", "key"] {
                let text = try #require(value["certs"]?[key]?[part]?.string)
                try bench.file(
                    "pki/\(name).\(part)", String(decoding: #require(Base64.decode(text)), as: UTF8.self))
            }
        }
        let account = try #require(value["certs"]?["k8sserviceaccount"]?["key"]?.string)
        try bench.file("pki/sa.key", String(decoding: #require(Base64.decode(account)), as: UTF8.self))
        #expect(
            try await bench.run(
                "secrets", "import", "--from-kubernetes-pki", "\(bench.path)/pki", "--token",
                "abcdef.0123456789abcdef") == 0, "\(bench.errors)")
        let made = try YAML.documents(Array(bench.printed.utf8))[0]
        #expect(made["certs"]?["k8s"] == value["certs"]?["k8s"])
        #expect(made["certs"]?["os"] != value["certs"]?["os"])
        #expect(made["secrets"]?["bootstraptoken"] == "abcdef.0123456789abcdef")
        #expect(try await bench.run("secrets", "import", "--from-kubernetes-pki", "/nowhere") == 1)
    }
}
