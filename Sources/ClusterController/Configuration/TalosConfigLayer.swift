// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
package import Talos

extension ClusterSpec {
    /// `spec.talosConfig` as a patch of the machine configuration: every field means what it means in Talos.
    ///
    /// - `machine.type`, `cluster.name` and `cluster.controlPlane.endpoint` repeat what is known, and are not in it.
    /// - `install.bootloader` is only for versions that have the field.
    /// - Since Talos 1.12 `install.extraKernelArgs` contradict the command line that is generated, which is turned off.
    ///
    /// - Returns: nil if nothing is left.
    func talosConfigPatch(for role: Talos.MachineRole) -> JSONValue? {
        let fields = JSONValue.object(talosConfig)
        var machine = JSONObject()
        machine["token"] = talosToken.map(JSONValue.string)
        machine["ca"] = talosAuthority.map { authority in
            // A worker has no key of the authority: Talos refuses one.
            [
                "crt": .string(Base64.encode(authority.crt)),
                "key": .string(role == .controlPlane ? Base64.encode(authority.key) : ""),
            ]
        }
        machine["certSANs"] = fields["machine"]?["certSANs"].orNil
        machine["kubelet"] = Self.members(fields["machine"]?["kubelet"], ["image", "extraArgs"])
        machine["install"] = installPatch(fields["install"])
        var patch = JSONObject()
        if !machine.isEmpty { patch["machine"] = .object(machine) }
        let network = Self.members(
            fields["cluster"]?["network"], ["dnsDomain", "podSubnets", "serviceSubnets"])
        if let network { patch["cluster"] = ["network": network] }
        return patch.isEmpty ? nil : .object(patch)
    }

    private func installPatch(_ fields: JSONValue?) -> JSONValue? {
        let version = talosContract
        var names = ["disk", "image", "wipe", "extraKernelArgs"]
        if version <= Self.lastWithBootloader { names.append("bootloader") }
        guard var install = Self.members(fields, names)?.object else { return nil }
        if version >= Self.firstWithCommandLine, install["extraKernelArgs"]?.array?.isEmpty == false {
            install["grubUseUKICmdline"] = false
        }
        return .object(install)
    }

    /// The last version in which `install.bootloader` is a field that people set.
    private static let lastWithBootloader = TalosVersion(minor: 5)
    /// The first version whose generated configuration takes the kernel's command line from the image.
    private static let firstWithCommandLine = TalosVersion(minor: 12)

    /// The members that are there; nil if there is none.
    ///
    /// Empty lists mean nothing, as everywhere in `talosConfig`.
    private static func members(_ value: JSONValue?, _ names: [String]) -> JSONValue? {
        var members = JSONObject()
        for name in names { members[name] = value?[name].orNil }
        return members.isEmpty ? nil : .object(members)
    }

    /// The secrets that this cluster's configurations have: those of its bundle, but for what the specification sets
    /// itself.
    package func secrets(from bundle: SecretsBundle) -> SecretsBundle {
        var secrets = bundle
        if let talosToken { secrets.trustdToken = talosToken }
        if let talosAuthority { secrets.os = talosAuthority }
        return secrets
    }
}

extension Optional where Wrapped == JSONValue {
    /// The value, unless it is null or an empty list or object, which say nothing.
    fileprivate var orNil: JSONValue? {
        switch self {
        case nil, .null?: nil
        case .array(let elements)? where elements.isEmpty: nil
        case .object(let object)? where object.isEmpty: nil
        case let value?: value
        }
    }
}
