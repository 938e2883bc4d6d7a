// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import StructuredData

/// Writes what `talosctl gen config` writes, as values; the type table gives them their order.
struct MachineConfigGenerator {
    let input: MachineConfigInput
    let endpoint: ControlPlaneEndpoint
    let features: VersionFeatures

    init(_ input: MachineConfigInput, endpoint: ControlPlaneEndpoint) {
        self.input = input
        self.endpoint = endpoint
        features = VersionFeatures(input.version)
    }

    /// The machine document and those that the version has beside it, in Talos' order.
    var documents: [JSONValue] {
        [machineDocument] + registryDocuments + networkDocuments
    }

    var isControlPlane: Bool { input.role == .controlPlane }

    /// What only control planes get.
    func onControlPlane(_ value: @autoclosure () -> JSONValue?) -> JSONValue? {
        isControlPlane ? value() : nil
    }

    /// What only versions with a feature get.
    func given(_ feature: VersionFeatures.Feature, _ value: @autoclosure () -> JSONValue?) -> JSONValue? {
        features.has(feature) ? value() : nil
    }

    /// An image of Kubernetes; nil without a version, and then the field is left out.
    func kubernetesImage(_ repository: String) -> JSONValue? {
        input.kubernetesVersion.map { version in
            .string("\(repository):v\(version.first == "v" ? version.dropFirst() : version[...])")
        }
    }

    /// A CA of the bundle; without the key it reads as an empty one, as on workers.
    func authority(_ pair: KeyAndCertificate, withKey: Bool = true) -> JSONValue {
        ["crt": Self.base64(pair.crt), "key": withKey ? Self.base64(pair.key) : ""]
    }

    /// What was redacted stays so.
    static func base64(_ text: [UInt8]) -> JSONValue {
        .string(
            text == SecretsBundle.redactionMarker
                ? String(decoding: text, as: UTF8.self) : Base64.encode(text))
    }

    private var machineDocument: JSONValue {
        ["version": "v1alpha1", "debug": false, "persist": true, "machine": machine, "cluster": cluster]
    }
}

extension JSONValue {
    /// An object of the members that have a value.
    static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(
            JSONObject(
                uniqueMembers: members.compactMap { key, value in
                    value.map { JSONObject.Member(key: key, value: $0) }
                }))
    }

    /// A list of strings.
    static func strings(_ texts: [String]) -> JSONValue {
        .array(texts.map(JSONValue.string))
    }

    /// A list of strings, or nothing if there is none.
    static func stringsIfAny(_ texts: [String]) -> JSONValue? {
        texts.isEmpty ? nil : strings(texts)
    }

    /// An object of strings by key, or nothing if there is none.
    static func stringsIfAny(_ texts: [String: String]) -> JSONValue? {
        guard !texts.isEmpty else { return nil }
        return .object(
            JSONObject(
                uniqueMembers: texts.sorted { $0.key < $1.key }
                    .map { JSONObject.Member(key: $0.key, value: .string($0.value)) }))
    }
}
