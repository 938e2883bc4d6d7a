// SPDX-License-Identifier: Apache-2.0
import CGlibc
import ClusterController
import Glibc
import Kubernetes
import Platform
import StructuredData
import Talos

/// What Talos configurations cost: CPU of secrets and of rendering, and the memory of many clusters.
enum TalosWork {
    /// The time that certificates begin at, so that nothing depends on the clock.
    private static let now = Timestamp(nanosecondsSince1970: 1_800_000_000_000_000_000)

    /// The CPU of a secrets bundle, without and with a key of RSA 4096 bits, which Talos wants since 1.7.
    static func bundles(_ count: Int) throws -> [JSONObject] {
        try [(6, "ECDSA P-256"), (7, "RSA 4096")].map { minor, key in
            // The first one loads OpenSSL's tables.
            _ = try SecretsBundle.generate(for: TalosVersion(minor: 6), at: now)
            let milliseconds = try (0..<count).map { _ in
                let start = cpuSeconds
                _ = try SecretsBundle.generate(for: TalosVersion(minor: minor), at: now)
                return (cpuSeconds - start) * 1000
            }
            return [
                "work": "bundle", "service_account_key": .string(key), "bundles": .integer(Int64(count)),
                "median_cpu_ms": rounded(median(milliseconds)),
                "most_cpu_ms": rounded(milliseconds.max() ?? 0),
            ]
        }
    }

    /// The CPU of the configurations of eight machines with five layers, from the specification on.
    static func rendering(_ count: Int) throws -> JSONObject {
        let secrets = try SecretsBundle.generate(for: TalosVersion(minor: 12), at: now)
        var bytes = 0
        let milliseconds = try (0..<count).map { number in
            let start = cpuSeconds
            bytes = try render(number, secrets)
            return (cpuSeconds - start) * 1000
        }
        return [
            "work": "render", "machines": 8, "layers": 5, "times": .integer(Int64(count)),
            "bytes": .integer(Int64(bytes)), "first_cpu_ms": rounded(milliseconds.first ?? 0),
            "median_cpu_ms": rounded(median(milliseconds)), "most_cpu_ms": rounded(milliseconds.max() ?? 0),
        ]
    }

    /// CPU and peak memory of many clusters, rendered one after the other, all bundles and digests kept.
    static func clusters(_ count: Int) throws -> JSONObject {
        let before = peakMiB
        var bundles: [SecretsBundle] = []
        bundles.reserveCapacity(count)
        let start = cpuSeconds
        for _ in 0..<count {
            bundles.append(try SecretsBundle.generate(for: TalosVersion(minor: 6), at: now))
        }
        let generated = cpuSeconds
        var bytes = 0
        for (number, bundle) in bundles.enumerated() { bytes += try render(number, bundle) }
        return [
            "work": "clusters", "clusters": .integer(Int64(count)), "machines": .integer(Int64(count * 8)),
            "bytes": .integer(Int64(bytes)), "bundles_cpu_s": rounded(generated - start),
            "render_cpu_s": rounded(cpuSeconds - generated), "rss_before_mib": rounded(before),
            "peak_rss_mib": rounded(peakMiB),
        ]
    }

    /// Reads a cluster's specification and renders its machines; gives the size of their configurations.
    private static func render(_ number: Int, _ secrets: SecretsBundle) throws -> Int {
        guard case .valid(let spec, _) = ClusterValidation(SampleDocuments.layeredSpec(number)) else {
            throw Failure(description: "the sample's specification is not valid")
        }
        let layers = try LayerCatalog(objects: [], operatorNamespace: nil).resolve(
            spec, for: ObjectMeta(name: "sample"))
        let renderer = try MachineConfigRenderer(spec: spec, secrets: secrets, layers: layers)
        return try renderer.renderAll().values.reduce(0) { $0 + (try $1.get().yaml.utf8.count) }
    }

    private struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }

    private static func rounded(_ value: Double) -> JSONValue {
        .double((value * 1000).rounded() / 1000)
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static var peakMiB: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) / 1024
    }
}

extension SampleDocuments {
    /// A specification whose configurations the operator makes, with five layers for each Machine and variables in them.
    fileprivate static func layeredSpec(_ number: Int) -> JSONValue {
        let name = clusterName(number)
        let hostname = """
            apiVersion: v1alpha1
            kind: HostnameConfig
            hostname: ${machine.name}
            auto: "off"
            """
        return [
            "clusterName": .string(name), "kubernetesVersion": "v1.33.1", "talosVersion": "v1.12.3",
            "clusterEndpoint": "https://192.168.1.100:6443", "management": "Config",
            "talosConfig": ["machine": ["certSANs": ["192.168.1.100"]], "install": ["disk": "/dev/vda"]],
            "schematic": ["extensions": ["siderolabs/iscsi-tools"]],
            "data": ["zone": "north", "sysctls": ["net.core.somaxconn": "65535"]],
            "patches": [
                .string(hostname), ["machine": ["sysctls": "${data.sysctls}"]],
            ],
            "controlPlane": [
                "replicas": 3,
                "patches": [
                    ["cluster": ["apiServer": ["extraArgs": ["feature-gates": "UserNamespacesSupport=true"]]]]
                ],
            ],
            "workers": [
                [
                    "name": "workers", "replicas": 5,
                    "patches": [["machine": ["nodeLabels": ["example.com/zone": "${data.zone}"]]]],
                ]
            ],
            "machinePatches": .object(JSONObject(machinePatches(name))),
        ]
    }

    private static func machinePatches(_ cluster: String) -> [JSONObject.Member] {
        let machines = (0..<3).map { "\(cluster)-cp-\($0)" } + (0..<5).map { "\(cluster)-workers-\($0)" }
        return machines.map { machine in
            JSONObject.Member(
                key: machine,
                value: [["machine": ["nodeAnnotations": ["example.com/machine": .string(machine)]]]])
        }
    }
}
