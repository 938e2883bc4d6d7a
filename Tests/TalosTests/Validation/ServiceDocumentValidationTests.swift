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
        document(
            #"TimeSyncConfig.bootTimeout: must be 0s or longer, not "-1s""#, bad: "bootTimeout: -1s",
            good: "bootTimeout: 1m"),
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
            "SideroLinkConfig.apiUrl: must be a URL without a path", bad: "apiUrl: 'grpc://a/b?jointoken=c'",
            good: "apiUrl: 'grpc://a?jointoken=c'"),
        document(
            "EventSinkConfig.endpoint: is required: where events are sent to", bad: "endpoint: ''",
            good: "endpoint: '[::1]:1'"),
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

    private static let machine: [ValidationCase] =
        [
            document(
                "WatchdogTimerConfig.device: is required: such as /dev/watchdog0", bad: "timeout: 10s",
                good: "device: /dev/watchdog0"),
            document(
                "WatchdogTimerConfig.timeout: must be at least 10s",
                bad: "device: /dev/watchdog0; timeout: 9s",
                good: "device: /dev/watchdog0; timeout: 1m"),
            document(
                "ExtensionServiceConfig.a.configFiles: is required, or else environment", bad: "name: a",
                good: "name: a; environment: [B=c]"),
            document(
                "ExtensionServiceConfig.a.configFiles[0].content: is required: what is in the file",
                bad: "name: a; configFiles: [{mountPath: /b}]",
                good: "name: a; configFiles: [{content: c, mountPath: /b}]"),
            document(
                "ExtensionServiceConfig.a.configFiles[0].mountPath: is required: where the service finds the file",
                bad: "name: a; configFiles: [{content: c}]", good: "name: a; environment: [B=c]"),
            document(
                "EnvironmentConfig.variables.1a: must have a name of letters, digits and _, not a digit first",
                bad: "variables: {1a: b}", good: "variables: {_a1: b, https_proxy: c}"),
        ]
        + [
            ("identityToken", "username: b; identityToken: c", "username: b; password: c"),
            ("username", "auth: b; username: c", "auth: b"),
            ("identityToken", "auth: b; identityToken: c", "identityToken: c"),
        ].map { field, bad, good in
            document(
                "RegistryAuthConfig.a.\(field): excludes the others of auth, username and identityToken: "
                    + "set one of them", bad: "name: a; \(bad)", good: "name: a; \(good)")
        }

    private static let imageRules: [ValidationCase] = [
        ("image: is required: which images the rule is about", "skip: true", "image: '*', skip: true"),
        ("keyless: is required, or else publicKey, skip or deny", "image: a/b", "image: a/b, deny: true"),
        (
            "deny: excludes skip: true", "image: a/b, skip: true, deny: true",
            "image: a/b, skip: true, deny: false"
        ),
        (
            "publicKey: must not be set beside skip or deny: true",
            "image: a/b, skip: true, publicKey: {certificate: c}", "image: a/b, publicKey: {certificate: c}"
        ),
        (
            "publicKey: excludes keyless: set one of both",
            "image: a/b, keyless: {issuer: c, subject: d}, publicKey: {certificate: e}",
            "image: a/b, keyless: {issuer: c, subject: d}"
        ),
        (
            "keyless.issuer: is required: who vouches for the signer", "image: a/b, keyless: {subject: d}",
            "image: a/b, keyless: {issuer: c, subjectRegex: d}"
        ),
        (
            "keyless.subject: is required, or else subjectRegex", "image: a/b, keyless: {issuer: c}",
            "image: a/b, keyless: {issuer: c, subjectRegex: d}"
        ),
        (
            "publicKey.certificate: is required: PEM text of the signer's certificate",
            "image: a/b, publicKey: {certificate: ''}", "image: a/b, publicKey: {certificate: c}"
        ),
    ].map { message, bad, good in
        document(
            "ImageVerificationConfig.rules[0].\(message)", bad: "rules: [{\(bad)}]",
            good: "rules: [{\(good)}]")
    }

    private static let place = "provisioning: {diskSelector: {match: system_disk}, maxSize: 1GB}"
    /// What kinds of volumes need beside a name.
    private static let rest = [
        "UserVolumeConfig": place, "RawVolumeConfig": place, "SwapVolumeConfig": place,
        "ExistingVolumeConfig": "discovery: {volumeSelector: {match: 'true'}}",
        "ExternalVolumeConfig": "filesystemType: virtiofs; mount: {virtiofs: {tag: b}}",
    ]

    private static let volumeNames: [ValidationCase] =
        ["UserVolumeConfig", "RawVolumeConfig", "SwapVolumeConfig", "ExternalVolumeConfig"].flatMap { kind in
            let rest = rest[kind] ?? ""
            return [
                document(
                    #"\#(kind)["a/b"].name: \#(volumeName), not "a/b""#, bad: "name: a/b; \(rest)",
                    good: "name: A-1; \(rest)"),
                document(
                    "\(kind).\(String(repeating: "a", count: 35)).name: \(volumeName), not "
                        + "\"\(String(repeating: "a", count: 35))\"",
                    bad: "name: \(String(repeating: "a", count: 35)); \(rest)",
                    good: "name: \(String(repeating: "a", count: 34)); \(rest)"),
            ]
        } + [
            document(
                #"ExistingVolumeConfig["a/b"].name: must be letters, digits and hyphens, not "a/b""#,
                bad: "name: a/b; \(rest["ExistingVolumeConfig"] ?? "")",
                good: "name: \(String(repeating: "a", count: 35)); \(rest["ExistingVolumeConfig"] ?? "")"),
            document(
                #"VolumeConfig.a.name: must be one of STATE, EPHEMERAL, IMAGECACHE, not "a""#, bad: "name: a",
                good: "name: IMAGECACHE"),
        ]

    private static let userVolumes: [ValidationCase] = [
        (#"volumeType: must be one of directory, disk, partition, not "x""#, "volumeType: x", place),
        (
            #"filesystem.type: must be one of ext4, xfs, not "x""#, "\(place); filesystem: {type: x}",
            "\(place); filesystem: {type: ext4}"
        ),
        (
            "filesystem.projectQuotaSupport: goes only with type xfs",
            "\(place); filesystem: {type: ext4, projectQuotaSupport: true}",
            "\(place); filesystem: {projectQuotaSupport: true}"
        ),
        (
            "provisioning: must not be set for volumeType directory", "volumeType: directory; \(place)",
            "volumeType: directory"
        ),
        (
            "filesystem: must not be set for volumeType directory",
            "volumeType: directory; filesystem: {projectQuotaSupport: false}",
            "volumeType: directory; filesystem: {}"
        ),
        (
            "provisioning.maxSize: must not be set for volumeType disk, which is all of a disk",
            "volumeType: disk; \(place)",
            "volumeType: disk; provisioning: {diskSelector: {match: system_disk}}"
        ),
        (
            "provisioning.diskSelector.match: is required: which disk the volume is on", "volumeType: disk",
            "volumeType: disk; provisioning: {diskSelector: {match: system_disk}}"
        ),
    ].map { message, bad, good in
        document("UserVolumeConfig.a.\(message)", bad: "name: a; \(bad)", good: "name: a; \(good)")
    }

    private static let placed: [ValidationCase] =
        ["UserVolumeConfig", "RawVolumeConfig", "SwapVolumeConfig"].flatMap { kind in
            [
                document(
                    "\(kind).a.provisioning.diskSelector.match: is required: which disk the volume is on",
                    bad: "name: a; provisioning: {minSize: 1GB}", good: "name: a; \(place)"),
                document(
                    "\(kind).a.provisioning.minSize: is required, or else maxSize: how large the volume is",
                    bad: "name: a; provisioning: {diskSelector: {match: system_disk}, grow: true}",
                    good: "name: a; \(place)"),
            ]
        }

    private static let otherVolumes: [ValidationCase] = [
        document(
            "ExistingVolumeConfig.a.discovery.volumeSelector.match: is required: which volume it is",
            bad: "name: a", good: "name: a; discovery: {volumeSelector: {match: 'true'}}"),
        document(
            "ExternalVolumeConfig.a.filesystemType: is required: virtiofs",
            bad: "name: a; mount: {virtiofs: {tag: b}}",
            good: "name: a; filesystemType: virtiofs; mount: {virtiofs: {tag: b}}"),
        document(
            #"ExternalVolumeConfig.a.filesystemType: must be one of virtiofs, not "xfs""#,
            bad: "name: a; filesystemType: xfs; mount: {virtiofs: {tag: b}}",
            good: "name: a; filesystemType: virtiofs; mount: {virtiofs: {tag: b}}"),
        document(
            "ExternalVolumeConfig.a.mount.virtiofs.tag: is required: which of the host's directories it is",
            bad: "name: a; filesystemType: virtiofs",
            good: "name: a; filesystemType: virtiofs; mount: {virtiofs: {tag: b}}"),
        document(
            "VolumeConfig.STATE.provisioning: must not be set for STATE: Talos places it",
            bad: "name: STATE; provisioning: {grow: false}", good: "name: STATE; provisioning: {}"),
        document(
            "VolumeConfig.STATE.encryption.keys[0].lockToState: must not be true for STATE itself",
            bad: "name: STATE; encryption: {provider: luks2, keys: [{slot: 0, tpm: {}, lockToState: true}]}",
            good: "name: STATE; encryption: {provider: luks2, keys: [{slot: 0, tpm: {}, lockToState: false}]}"
        ),
        document(
            "ZswapConfig.maxPoolPercent: must be 0 to 100", bad: "maxPoolPercent: 101",
            good: "maxPoolPercent: 100"),
    ]

    private static let provisioned: [ValidationCase] = [
        ("VolumeConfig", "EPHEMERAL"), ("UserVolumeConfig", "a"), ("RawVolumeConfig", "a"),
        ("SwapVolumeConfig", "a"),
    ].flatMap { kind, name in
        let key = "keys: [{slot: 0, nodeID: {}}]"
        return [
            document(
                "\(kind).\(name).provisioning.minSize: must not be more than maxSize",
                bad: "name: \(name); provisioning: "
                    + "{diskSelector: {match: system_disk}, minSize: 2GiB, maxSize: 2GB}",
                good: "name: \(name); provisioning: "
                    + "{diskSelector: {match: system_disk}, minSize: 2GiB, maxSize: 80%}"),
            document(
                "\(kind).\(name).encryption.keys: is required: what the volume is unlocked with",
                bad: "name: \(name); \(place); encryption: {provider: luks2, keys: []}",
                good: "name: \(name); \(place); encryption: {provider: luks2, \(key)}"),
            document(
                "\(kind).\(name).encryption.provider: must be luks2",
                bad: "name: \(name); \(place); encryption: {\(key)}",
                good: "name: \(name); \(place); encryption: {cipher: aes-xts-plain64}"),
        ]
    }

    static let cases =
        names + firewall + remote + machine + imageRules + volumeNames + userVolumes + placed + otherVolumes
        + provisioned

    @Test("A rule refuses what breaks it, and nothing else", arguments: cases)
    func refuses(_ row: ValidationCase) throws {
        #expect(try row.bad.validated().errors.map(\.withoutPlace).joined(separator: "\n") == row.message)
        #expect(try row.good.validated().errors == [])
    }
}
