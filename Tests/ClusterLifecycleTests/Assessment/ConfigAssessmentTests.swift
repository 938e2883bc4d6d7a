// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Talos
import Testing

@Suite("A live configuration beside the rendered one")
struct ConfigAssessmentTests {
    private static let base = """
        version: v1alpha1
        machine:
          type: controlplane
          token: abcdef.0123456789abcdef
          sysctls:
            net.ipv4.ip_forward: "1"
          kubelet:
            image: ghcr.io/siderolabs/kubelet:v1.33.0
        cluster:
          apiServer:
            image: registry.k8s.io/kube-apiserver:v1.33.0
          controllerManager:
            image: registry.k8s.io/kube-controller-manager:v1.33.0
        """

    private static func read(_ text: String, _ minor: Int = 12) throws -> MachineConfiguration {
        try MachineConfiguration(reading: text, source: "test", version: TalosVersion(minor: minor))
    }

    private static func assess(
        _ live: String, _ desired: String, minor: Int = 12, secretLayers: Set<UInt16> = []
    ) throws -> ConfigAssessment {
        let version = TalosVersion(minor: minor)
        return ConfigAssessment(
            live: try read(live, minor),
            desired: try read(desired, minor), digest: "d1", secretLayers: secretLayers, talos: version)
    }

    private static func replacing(_ old: String, _ new: String) -> String {
        base.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.contains(old) ? "\($0.prefix { $0 == " " })\(new)" : String($0) }
            .joined(separator: "\n")
    }

    @Test("Layout, comments and empty fields make no difference")
    func layout() throws {
        let live = "# by hand\n" + Self.base + "\n  inlineManifests: []\n  clusterName: \"\"\n"
        #expect(try Self.assess(live, Self.base).change == nil)
    }

    @Test("Images of Kubernetes make no difference, and what is applied keeps those that the node runs")
    func images() throws {
        let live = Self.replacing("kube-apiserver", "image: mirror.example/kube-apiserver:v1.32.4")
        let assessment = try Self.assess(live, Self.base)
        #expect(assessment.change == nil)
        let kept = KubernetesImages.images(of: assessment.target)
        #expect(kept[.apiServer] == "mirror.example/kube-apiserver:v1.32.4")
        #expect(kept[.kubelet] == "ghcr.io/siderolabs/kubelet:v1.33.0")
        #expect(kept[.scheduler] == nil)
    }

    @Test("A component whose image the rendered configuration does not have keeps the live one")
    func missingImage() throws {
        let desired = Self.replacing("kubelet:v1.33.0", "extraArgs: {}")
        let assessment = try Self.assess(Self.base, desired)
        #expect(assessment.change == nil)
        #expect(
            KubernetesImages.images(of: assessment.target)[.kubelet] == "ghcr.io/siderolabs/kubelet:v1.33.0")
    }

    @Test("An upgrade of Kubernetes in between does not change a difference's digest")
    func digestWithoutImages() throws {
        let desired = Self.replacing("net.ipv4.ip_forward", #"net.ipv4.ip_forward: "0""#)
        let before = try Self.assess(Self.base, desired).change
        let live = Self.replacing("kube-apiserver", "image: registry.k8s.io/kube-apiserver:v1.34.0")
        #expect(before != nil)
        #expect(try Self.assess(live, desired).change?.hash == before?.hash)
    }

    @Test("A changed secret shows in the digest alone")
    func secrets() throws {
        let one = try Self.assess(Self.base, Self.replacing("token:", "token: aaaaaa.aaaaaaaaaaaaaaaa"))
            .change
        let other = try Self.assess(Self.base, Self.replacing("token:", "token: bbbbbb.bbbbbbbbbbbbbbbb"))
            .change
        let (first, second) = (try #require(one), try #require(other))
        #expect(first.hash != second.hash)
        #expect(first.summary == second.summary && first.summary.contains("token"))
        #expect(!first.summary.contains("aaaaaa") && !first.summary.contains("abcdef"))
        #expect(first.configDigest == "d1" && first.refusal == nil)
    }

    @Test("A value that is only live is hidden where some layers are secret")
    func removedSecret() throws {
        let live = Self.base + "\n  network:\n    dnsDomain: from-a-secret.example\n"
        let shown = try #require(try Self.assess(live, Self.base).change)
        #expect(shown.summary.contains("from-a-secret.example"))
        let hidden = try #require(try Self.assess(live, Self.base, secretLayers: [3]).change)
        #expect(!hidden.summary.contains("from-a-secret.example") && hidden.summary.contains("network"))
        #expect(hidden.hash == shown.hash)
    }

    @Test("So is a live value that another one takes the place of, which may have come from one too")
    func replacedSecret() throws {
        let live = Self.base + "\n  network:\n    dnsDomain: from-a-secret.example\n"
        let desired = Self.base + "\n  network:\n    dnsDomain: plain.example\n"
        let shown = try #require(try Self.assess(live, desired).change)
        #expect(shown.summary.contains("from-a-secret.example"))
        let hidden = try #require(try Self.assess(live, desired, secretLayers: [3]).change)
        #expect(!hidden.summary.contains("from-a-secret.example"))
        #expect(hidden.summary.contains("plain.example") && hidden.summary.contains("dnsDomain"))
    }

    /// A configuration with something secret in every place where people put it.
    private static func full(_ mark: String) -> String {
        """
        version: v1alpha1
        machine:
          type: worker
          token: \(mark)
          ca: {crt: Zm9v, key: \(mark)}
          env: {HTTPS_PROXY: "http://u:\(mark)@proxy"}
          files: [{path: /var/a, op: create, permissions: 0o600, content: "\(mark)"}]
          registries:
            config:
              r.example:
                auth: {username: u, password: "\(mark)", auth: "\(mark)", identityToken: "\(mark)"}
                tls: {clientIdentity: {crt: Zm9v, key: "\(mark)"}}
          network:
            interfaces:
              - interface: wg0
                wireguard: {privateKey: "\(mark)", peers: [{publicKey: a}]}
              - interface: eth0
                vip: {ip: 192.0.2.1, hcloud: {apiToken: "\(mark)"}, equinixMetal: {apiToken: "\(mark)"}}
                vlans: [{vlanId: 7, vip: {ip: 192.0.2.2, hcloud: {apiToken: "\(mark)"}}}]
          systemDiskEncryption:
            state: {provider: luks2, keys: [{slot: 0, static: {passphrase: "\(mark)"}}]}
            ephemeral: {provider: luks2, keys: [{slot: 0, static: {passphrase: "\(mark)"}}]}
          pods:
            - {apiVersion: v1, kind: Pod, metadata: {name: a},
               spec: {containers: [{name: a, env: [{name: A, value: "\(mark)"}]}]}}
        cluster:
          secret: "\(mark)"
          token: "\(mark)"
          aescbcEncryptionSecret: "\(mark)"
          secretboxEncryptionSecret: "\(mark)"
          ca: {crt: Zm9v, key: "\(mark)"}
          aggregatorCA: {crt: Zm9v, key: "\(mark)"}
          serviceAccount: {key: "\(mark)"}
          etcd: {ca: {crt: Zm9v, key: "\(mark)"}}
          apiServer: {env: {A: "\(mark)"}}
          controllerManager: {env: {A: "\(mark)"}}
          scheduler: {env: {A: "\(mark)"}}
          extraManifestHeaders: {Authorization: "\(mark)"}
          inlineManifests: [{name: a, contents: "kind: Secret\\ndata: {a: \(mark)}"}]
        ---
        apiVersion: v1alpha1
        kind: ExtensionServiceConfig
        name: a
        environment: ["A=\(mark)"]
        configFiles: [{content: "\(mark)", mountPath: /a}]
        ---
        apiVersion: v1alpha1
        kind: SideroLinkConfig
        apiUrl: https://a.example?jointoken=\(mark)
        ---
        apiVersion: v1alpha1
        kind: VolumeConfig
        name: EPHEMERAL
        encryption: {provider: luks2, keys: [{slot: 0, static: {passphrase: "\(mark)"}}]}
        """
    }

    @Test("No secret is told, whether it comes, goes or changes, however deep it lies")
    func everySecret() throws {
        let bare = "version: v1alpha1\nmachine:\n  type: worker\n"
        let texts = [bare, Self.full("c2VjcmV0bWFyaw=="), Self.full("b3RoZXJtYXJrZXI=")]
        for live in texts {
            for desired in texts where desired != live {
                let summary = try #require(try Self.assess(live, desired).change).summary
                for line in summary.split(separator: "\n") {
                    #expect(!line.contains("c2VjcmV0bWFyaw") && !line.contains("b3RoZXJtYXJrZXI"), "\(line)")
                }
            }
        }
    }

    @Test(
        "Whether a change needs a reboot is known without asking the node",
        arguments: [
            (#"  sysctls: {a: "2"}"#, false), (#"  kubelet: {extraArgs: {v: "2"}}"#, false),
            ("  install: {disk: /dev/vda}", false), ("  nodeLabels: {a.b/c: d}", false),
            ("  features: {hostDNS: {enabled: true}}", false), ("  certSANs: [a.example]", false),
            ("  features: {rbac: false}", true),
            ("  files: [{path: /var/a, op: create, permissions: 0o644, content: a}]", true),
            ("  features: {rbac: true, hostDNS: {enabled: true}}", true), ("  env: {A: b}", true),
            ("  udev: {rules: [a]}", true),
        ])
    func reboot(_ field: String, _ needed: Bool) throws {
        let live = "version: v1alpha1\nmachine:\n  type: worker\ncluster:\n  clusterName: a\n"
        let desired = "version: v1alpha1\nmachine:\n  type: worker\n\(field)\ncluster:\n  clusterName: b\n"
        let change = try #require(try Self.assess(live, desired).change)
        #expect(change.needsReboot == needed)
    }

    @Test("Another type of machine needs a reboot, another document does not")
    func typeAndDocuments() throws {
        let live = "version: v1alpha1\nmachine:\n  type: worker\n"
        let type = try Self.assess(live, "version: v1alpha1\nmachine:\n  type: controlplane\n").change
        #expect(type?.needsReboot == true)
        let document = live + "---\napiVersion: v1alpha1\nkind: WatchdogTimerConfig\ndevice: /dev/watchdog0\n"
        let change = try #require(try Self.assess(live, document).change)
        #expect(change.needsReboot == false)
    }

    @Test("The node's dry run is believed before the table")
    func dryRun() throws {
        let assessment = try Self.assess(
            Self.base, Self.replacing("net.ipv4.ip_forward", #"net.ipv4.ip_forward: "0""#))
        #expect(assessment.change(needsReboot: true, refusal: nil)?.needsReboot == true)
        #expect(assessment.change(needsReboot: nil, refusal: "no such disk")?.refusal == "no such disk")
        #expect(assessment.change(needsReboot: nil, refusal: nil) == assessment.change)
    }

    @Test("The options of components are read by their names alone")
    func options() throws {
        let text = """
            machine:
              kubelet:
                extraArgs: {cloud-config: secret}
                extraConfig: {featureGates: {CPUManager: true}}
            cluster:
              apiServer:
                extraArgs: {feature-gates: "AppArmor=true,KMSv2=false", enable-admission-plugins: "A,B"}
            """
        let options = try Self.read(text).componentOptions
        #expect(options[.kubelet] == ["--cloud-config", "CPUManager"])
        #expect(
            options[.apiServer] == [
                "--feature-gates", "--enable-admission-plugins", "AppArmor", "KMSv2", "A", "B",
            ])
        #expect(options.count == 2)
    }
}
