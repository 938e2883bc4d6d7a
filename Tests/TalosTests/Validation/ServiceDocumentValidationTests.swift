// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Validation of documents of services and volumes")
struct ServiceDocumentValidationTests {
    private static func document(_ message: String, bad: String, good: String) -> ValidationCase {
        let kind = message.prefix { $0 != "." && $0 != "[" && $0 != ":" }
        let text = { (settings: String) in
            "kind: \(kind)\n"
                + settings.split(separator: ";").map { $0.drop { $0 == " " } }.joined(separator: "\n")
        }
        return ValidationCase(message, \.document, bad: text(bad), good: text(good))
    }

    private static let network = "must be a network such as 10.0.0.0/8"
    private static let volumeName = "must be 1 to 34 letters, digits and hyphens"

    private static let names: [ValidationCase] = [
        document(
            "HostnameConfig.hostname: is required, or else auto", bad: "hostname: ''",
            good: "hostname: a.example"),
        document(
            #"HostnameConfig.auto: must be one of stable, off, not "on""#, bad: "auto: on", good: "auto: off"),
        document(
            "HostnameConfig.hostname: excludes auto: stable, which is the default; set auto: \"off\" beside it",
            bad: "auto: stable; hostname: a", good: "auto: off; hostname: a"),
        document(
            "HostnameConfig.hostname: must be up to 253 characters, of which the host's own name has 1 to 63, not "
                + "\"\(String(repeating: "a", count: 64))\"",
            bad: "hostname: \(String(repeating: "a", count: 64))",
            good: "hostname: \(String(repeating: "a", count: 63))"),
        document(
            #"ResolverConfig.nameservers[0].address: must be an IP address, not "dns""#,
            bad: "nameservers: [{address: dns}]", good: "nameservers: [{address: 10.0.0.1}]"),
        document(
            #"StaticHostConfig.a.name: must be an IP address, not "a""#, bad: "name: a; hostnames: [b]",
            good: "name: '::1'; hostnames: [b]"),
        document(
            #"StaticHostConfig["10.0.0.1"].hostnames: is required: the names of the address"#,
            bad: "name: 10.0.0.1",
            good: "name: 10.0.0.1; hostnames: [b]"),
        document(
            "TimeSyncConfig.ptp: excludes ntp: time comes from one of both",
            bad: "ntp: {servers: [a]}; ptp: {devices: [b]}", good: "ntp: {servers: [a]}"),
    ]

    private static let firewall: [ValidationCase] = [
        document(
            #"NetworkDefaultActionConfig.ingress: must be one of accept, block, not "x""#, bad: "ingress: x",
            good: "ingress: block"),
        document(
            "NetworkRuleConfig.a.portSelector.ports: is required: which ports the rule is about",
            bad: "name: a; portSelector: {protocol: tcp}",
            good: "name: a; portSelector: {ports: [80], protocol: tcp}"),
        document(
            #"NetworkRuleConfig.a.portSelector.protocol: must be one of tcp, udp, icmp, icmpv6, not "x""#,
            bad: "name: a; portSelector: {ports: [80], protocol: x}",
            good: "name: a; portSelector: {ports: [8000-9000], protocol: udp}"),
        document(
            "NetworkRuleConfig.a.ingress[0].subnet: is required: who may connect",
            bad: "name: a; portSelector: {ports: [80], protocol: tcp}; ingress: [{except: 10.0.0.0/8}]",
            good: "name: a; portSelector: {ports: [80], protocol: tcp}; ingress: [{subnet: 10.0.0.0/8}]"),
        document(
            #"NetworkRuleConfig.a.ingress[0].subnet: \#(network), not "x""#,
            bad: "name: a; portSelector: {ports: [80], protocol: tcp}; ingress: [{subnet: x}]",
            good: "name: a; portSelector: {ports: [80], protocol: tcp}; ingress: [{subnet: '::/0'}]"),
        document(
            #"NetworkRuleConfig.a.ingress[0].except: \#(network), not "x""#,
            bad:
                "name: a; portSelector: {ports: [80], protocol: tcp}; ingress: [{subnet: 10.0.0.0/8, except: x}]",
            good: "name: a; portSelector: {ports: [80], protocol: tcp}; "
                + "ingress: [{subnet: 10.0.0.0/8, except: 10.0.0.1/32}]"),
    ]

    private static let remote: [ValidationCase] = [
        document(
            "RegistryMirrorConfig.a.endpoints[0].url: is required: where the mirror answers",
            bad: "name: a; endpoints: [{overridePath: true}]",
            good: "name: a; endpoints: [{url: 'https://b'}]"),
        document(
            #"RegistryMirrorConfig.a.endpoints[0].url: must be a URL that begins with http:// or https://, not "b""#,
            bad: "name: a; endpoints: [{url: b}]", good: "name: a; endpoints: [{url: 'http://b:5000/c'}]"),
        document(
            "SideroLinkConfig.apiUrl: is required: where SideroLink's API answers", bad: "apiUrl: ''",
            good: "apiUrl: 'https://a:1/?jointoken=b'"),
        document(
            "SideroLinkConfig.apiUrl: must be a URL that begins with https:// or grpc://",
            bad: "apiUrl: 'http://a/?jointoken=b'", good: "apiUrl: 'grpc://a/?jointoken=b'"),
        document(
            #"EventSinkConfig.endpoint: must be host:port, not "a""#, bad: "endpoint: a",
            good: "endpoint: 'a:1'"),
        document(
            "KmsgLogConfig.a.url: is required: where the kernel's log is sent to", bad: "name: a",
            good: "name: a; url: 'udp://b:1'"),
        document(
            #"KmsgLogConfig.a.url: must be tcp://host:port or udp://host:port, not "tcp://b:1/c""#,
            bad: "name: a; url: 'tcp://b:1/c'", good: "name: a; url: 'tcp://b:1/'"),
    ]

    private static let machine: [ValidationCase] = [
        document(
            "WatchdogTimerConfig.device: is required: such as /dev/watchdog0", bad: "timeout: 10s",
            good: "device: /dev/watchdog0"),
        document(
            "WatchdogTimerConfig.timeout: must be at least 10s", bad: "device: /dev/watchdog0; timeout: 9s",
            good: "device: /dev/watchdog0; timeout: 1m"),
        document(
            "TrustedRootsConfig.a.certificates: is required: PEM text of the certificates to trust",
            bad: "name: a",
            good: "name: a; certificates: b"),
        document(
            "ExtensionServiceConfig.a.configFiles[0].content: is required: what is in the file",
            bad: "name: a; configFiles: [{mountPath: /b}]",
            good: "name: a; configFiles: [{content: c, mountPath: /b}]"),
        document(
            "ExtensionServiceConfig.a.configFiles[0].mountPath: is required: where the service finds the file",
            bad: "name: a; configFiles: [{content: c}]", good: "name: a; environment: [B=c]"),
        document(
            "PCIDriverRebindConfig.a.targetDriver: is required: the driver that the device gets",
            bad: "name: a",
            good: "name: a; targetDriver: vfio-pci"),
    ]

    private static let volumes: [ValidationCase] =
        ["UserVolumeConfig", "RawVolumeConfig", "SwapVolumeConfig", "ExistingVolumeConfig"].flatMap { kind in
            [
                document(
                    #"\#(kind)["a/b"].name: \#(volumeName), not "a/b""#, bad: "name: a/b", good: "name: A-1"),
                document(
                    "\(kind).\(String(repeating: "a", count: 35)).name: \(volumeName), not "
                        + "\"\(String(repeating: "a", count: 35))\"",
                    bad: "name: \(String(repeating: "a", count: 35))",
                    good: "name: \(String(repeating: "a", count: 34))"),
            ]
        } + [
            document(
                #"VolumeConfig.a.name: must be one of STATE, EPHEMERAL, IMAGECACHE, not "a""#, bad: "name: a",
                good: "name: IMAGECACHE"),
            document(
                #"UserVolumeConfig.a.volumeType: must be one of directory, disk, partition, not "x""#,
                bad: "name: a; volumeType: x", good: "name: a; volumeType: disk"),
            document(
                #"UserVolumeConfig.a.filesystem.type: must be one of ext4, xfs, not "x""#,
                bad: "name: a; filesystem: {type: x}", good: "name: a; filesystem: {type: ext4}"),
            document(
                "ZswapConfig.maxPoolPercent: must be 0 to 100", bad: "maxPoolPercent: 101",
                good: "maxPoolPercent: 100"),
        ]

    private static let provisioned: [ValidationCase] = [
        ("VolumeConfig", "EPHEMERAL"), ("UserVolumeConfig", "a"), ("RawVolumeConfig", "a"),
        ("SwapVolumeConfig", "a"),
    ].flatMap { kind, name in
        [
            document(
                "\(kind).\(name).provisioning.minSize: must not be more than maxSize",
                bad: "name: \(name); provisioning: {minSize: 2GiB, maxSize: 2GB}",
                good: "name: \(name); provisioning: {minSize: 2GB, maxSize: 2GiB}"),
            document(
                "\(kind).\(name).encryption.keys: is required: what the volume is unlocked with",
                bad: "name: \(name); encryption: {provider: luks2, keys: []}",
                good: "name: \(name); encryption: {provider: luks2, keys: [{slot: 0, nodeID: {}}]}"),
        ]
    }

    static let cases = names + firewall + remote + machine + volumes + provisioned

    @Test("A rule refuses what breaks it, and nothing else", arguments: cases)
    func refuses(_ row: ValidationCase) throws {
        #expect(try row.bad.validated().errors.map(\.withoutPlace).joined(separator: "\n") == row.message)
        #expect(try row.good.validated().errors == [])
    }
}
