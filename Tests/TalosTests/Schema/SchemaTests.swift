// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Schema")
struct SchemaTests {
    @Test("The tables name each type once and no type that is not there")
    func consistent() {
        #expect(Schema.defects == [])
    }

    @Test("No type has a field twice, and fields merged by keys are lists of objects with those")
    func fields() {
        for type in Self.types {
            #expect(Set(type.fields.map(\.name)).count == type.fields.count, "\(type.name)")
            for case .list(let element, .byKeys(let keys)) in type.fields.map(\.type) {
                guard case .object(let element) = element else {
                    Issue.record("\(type.name)")
                    continue
                }
                #expect(keys.allSatisfy { element[$0] != nil }, "\(type.name)")
            }
        }
    }

    @Test(
        "Keys, tokens, passwords and what may hold them are secret",
        arguments: [
            "machine.token", "machine.ca.key", "machine.files.content", "machine.env",
            "machine.registries.config.auth.password", "machine.registries.config.auth.identityToken",
            "machine.registries.config.auth.auth", "machine.registries.config.tls.clientIdentity.key",
            "machine.systemDiskEncryption.state.keys.static.passphrase",
            "machine.network.interfaces.wireguard.privateKey",
            "machine.network.interfaces.vip.hcloud.apiToken",
            "machine.network.interfaces.vlans.vip.equinixMetal.apiToken", "cluster.secret", "cluster.token",
            "cluster.aescbcEncryptionSecret", "cluster.secretboxEncryptionSecret", "cluster.ca.key",
            "cluster.aggregatorCA.key", "cluster.serviceAccount.key", "cluster.etcd.ca.key",
            "cluster.inlineManifests.contents", "cluster.apiServer.env", "cluster.extraManifestHeaders",
            "WireguardConfig.privateKey", "WireguardConfig.peers.presharedKey", "HCloudVIPConfig.apiToken",
            "RegistryAuthConfig.password", "RegistryTLSConfig.clientIdentity.key", "SideroLinkConfig.apiUrl",
            "VolumeConfig.encryption.keys.static.passphrase", "ExtensionServiceConfig.environment",
            "ExtensionServiceConfig.configFiles.content", "EnvironmentConfig.variables",
        ])
    func secrets(path: String) throws {
        #expect(try Self.field(path).isSecret)
    }

    @Test("Certificates, names and addresses are not", arguments: ["machine.ca.crt", "cluster.clusterName"])
    func open(path: String) throws {
        #expect(try !Self.field(path).isSecret)
    }

    @Test(
        "Lists and objects merge as Talos merges them",
        arguments: [
            ("cluster.network.podSubnets", ListMerge.replace), ("cluster.network.serviceSubnets", .replace),
            ("machine.certSANs", .append), ("NetworkRuleConfig.ingress", .replace),
            ("NetworkRuleConfig.portSelector.ports", .replace),
            ("machine.network.interfaces", .byKeys(["interface", "deviceSelector"])),
            ("machine.network.interfaces.vlans", .byKeys(["vlanId"])),
            ("cluster.apiServer.admissionControl", .byKeys(["name"])),
            ("ExtensionServiceConfig.configFiles", .byKeys(["mountPath"])),
        ])
    func merging(path: String, merge: ListMerge) throws {
        guard case .list(_, let actual) = try Self.field(path).type else {
            Issue.record("no list")
            return
        }
        #expect(actual == merge)
    }

    @Test("Each kind is known from the version that brought it")
    func kinds() {
        let counts = [5: 3, 6: 5, 7: 7, 8: 10, 9: 10, 10: 13, 11: 17, 12: 36, 13: 44]
        for (minor, count) in counts {
            let known = Schema.kinds.count { $0.kind != nil && $0.since <= TalosVersion(minor: minor) }
            #expect(known == count, "v1.\(minor)")
        }
    }

    /// The field of a path, through lists and maps.
    static func field(_ path: String) throws -> FieldDefinition {
        var steps = path.split(separator: ".").map(String.init)[...]
        var type = Schema.machine.type
        if let kind = steps.first, let known = Schema.kind(kind) {
            type = known.type
            steps = steps.dropFirst()
        }
        var field: FieldDefinition?
        for step in steps {
            if let above = field?.type { type = try #require(object(in: above)) }
            field = type[step]
            _ = try #require(field)
        }
        return try #require(field)
    }

    private static func object(in type: FieldType) -> ObjectType? {
        switch type {
        case .object(let type): type
        case .list(let element, _), .map(let element): object(in: element)
        default: nil
        }
    }

    /// All types of the tables.
    private static var types: [ObjectType] {
        var types: [String: ObjectType] = [:]
        var rest = Schema.kinds.map(\.type)
        while let type = rest.popLast() {
            guard types.updateValue(type, forKey: type.name) == nil else { continue }
            rest += type.fields.compactMap { object(in: $0.type) }
        }
        return Array(types.values)
    }
}
