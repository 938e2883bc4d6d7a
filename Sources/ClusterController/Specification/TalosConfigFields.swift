// SPDX-License-Identifier: Apache-2.0
import Platform
import Talos

/// The checks of `spec.talosConfig`.
///
/// Everything in it is optional: what the specification calls required (token, certificate authority) is
/// generated where the user does not bring it along. Fields of Talos that are not listed here pass unread where nobody
/// makes a configuration of them, and are problems where the operator does: then nothing may get lost.
struct TalosConfigFields {
    let cluster: Cluster
    let installDisk: String?
    let token: String?
    let authority: KeyAndCertificate?

    /// Reads the fields; with `isComplete`, there must be no others, and what Talos is told has to be good for it.
    init(_ field: Field, isComplete: Bool, for version: Version?) {
        _ = field.object()
        if isComplete { Self.checkNames(field) }
        token = field["machine"]["token"].text()
        authority = isComplete ? TalosAuthority.read(field["machine"]["ca"], for: version) : nil
        Self.checkMachine(field["machine"])
        cluster = Cluster(field["cluster"])
        installDisk = Self.install(field["install"])
    }

    /// The fields of each object that has fields of its own.
    private static let names: [(path: [String], fields: [String])] = [
        ([], ["machine", "cluster", "install"]),
        (["machine"], ["type", "token", "ca", "certSANs", "kubelet"]),
        (["machine", "ca"], ["crt", "key"]),
        (["machine", "kubelet"], ["image", "extraArgs"]),
        (["cluster"], ["name", "controlPlane", "network"]),
        (["cluster", "controlPlane"], ["endpoint"]),
        (["cluster", "network"], ["dnsDomain", "podSubnets", "serviceSubnets"]),
        (["install"], ["disk", "image", "bootloader", "wipe", "extraKernelArgs"]),
    ]

    private static func checkNames(_ field: Field) {
        for (path, fields) in names {
            let object = path.reduce(field) { $0[$1] }
            for (key, member) in object.members() where !fields.contains(key) {
                member.report("is no field of talosConfig: set it in spec.patches")
            }
        }
    }

    private static func checkMachine(_ machine: Field) {
        _ = machine.object()
        if let type = machine["type"].text(), MachineRole(rawValue: type) == nil {
            machine["type"].report("must be controlplane or worker, not \(Field.quote(type))")
        }
        _ = machine["token"].text()
        let authority = machine["ca"]
        if authority.object() != nil {
            // One half alone is of no use, and half of what was meant.
            _ = authority["crt"].required.text()
            _ = authority["key"].required.text()
        }
        checkTexts(machine["certSANs"])
        _ = machine["kubelet"].object()
        _ = machine["kubelet"]["image"].text()
        _ = machine["kubelet"]["extraArgs"].textMap()
    }

    private static func install(_ install: Field) -> String? {
        _ = install.object()
        _ = install["image"].text()
        _ = install["bootloader"].flag()
        _ = install["wipe"].flag()
        checkTexts(install["extraKernelArgs"])
        guard let disk = install["disk"].text() else { return nil }
        if !disk.hasPrefix("/dev/") || disk == "/dev/" {
            install["disk"].report("must be a device such as /dev/sda, not \(Field.quote(disk))")
        }
        return disk
    }

    private static func checkTexts(_ field: Field) {
        for element in field.elements() { _ = element.required.text() }
    }

    /// `talosConfig.cluster`, which repeats some fields of the specification's top level.
    struct Cluster {
        private let field: Field

        fileprivate init(_ field: Field) {
            self.field = field
            _ = field.object()
            _ = field["controlPlane"].object()
            _ = network.object()
            if let domain = network["dnsDomain"].text(), !DNS1123.isSubdomain(domain) {
                network["dnsDomain"].report("must be a DNS domain, not \(Field.quote(domain))")
            }
        }

        var network: Field { field["network"] }

        /// Reports what contradicts the top level; to repeat it is allowed.
        func check(_ clusterName: ClusterName?, _ endpoint: ClusterEndpoint?) {
            Self.check(field["name"], "spec.clusterName", clusterName?.description)
            Self.check(field["controlPlane"]["endpoint"], "spec.clusterEndpoint", endpoint?.description)
        }

        private static func check(_ field: Field, _ path: String, _ expected: String?) {
            guard let text = field.text(), let expected, text != expected else { return }
            field.report("must be the same as \(path) (\(expected)), or absent, not \(Field.quote(text))")
        }
    }
}
