// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Collects fields of nodes as a patch: one machine document, and those of other kinds.
struct TalhelperFields {
    /// The fields of a node alone.
    static let nodeKeys: Set = [
        "hostname", "ipAddress", "controlPlane", "installDisk", "installDiskSelector", "ignoreHostname",
        "overridePatches", "overrideExtraManifests", "overrideMachineCertSANs",
    ]
    /// The fields that become part of a patch, in the order in which they stand there; some are made of several.
    static let ordered = [
        "hostname", "installDisk", "installDiskSelector", "diskOfSelectorAlone", "installImage",
        "schematicKernelArguments",
        "certSANs",
        "nodeLabels", "nodeAnnotations", "nodeTaints", "machineDisks", "machineFiles", "disableSearchDomain",
        "kernelModules", "nameservers", "networkInterfaces", "ingressFirewall", "extensionServices",
        "volumes",
        "userVolumes",
    ]
    /// The fields that have no counterpart because nothing here needs them.
    static let unneeded = ["imageSchematic", "noSchematicValidate", "filenameTmpl", "extensions"]
    /// What stands in ``ordered``, but is made of other fields.
    private static let derived: Set = ["diskOfSelectorAlone", "installImage", "schematicKernelArguments"]
    /// All fields that nodes and roles share.
    static let keys = Set(ordered).subtracting(derived).union(unneeded).union([
        "extraManifests", "patches", "talosImageURL", "schematic", "machineSpec",
    ])

    static func reason(_ key: String) -> String {
        switch key {
        case "imageSchematic": "only images to boot from have it; see talos-operator schematic id"
        case "filenameTmpl": "files are called after the machines here"
        case "extensions": "no longer in Talos; use a schematic"
        default: "not needed here"
        }
    }

    /// The Talos versions, 1.x, since which there is a counterpart for a field; talhelper writes it for older ones too.
    static let oldestMinor = [
        "nodeTaints": 6, "ingressFirewall": 6, "extensionServices": 7, "nodeAnnotations": 8, "volumes": 8,
        "userVolumes": 10,
    ]

    /// The fields that become documents of their own.
    static let documentKeys = [
        "ingressFirewall", "extensionServices", "volumes", "userVolumes", "extraManifests",
    ]

    /// The variable of layers that stands for a field of talhelper's templates.
    static func variable(_ keys: [String]) -> String? {
        switch keys {
        case ["MachineConfig", "MachineNetwork", "NetworkHostname"]: "${data.node.hostname}"
        case ["ClusterConfig", "ClusterName"]: "${cluster.name}"
        case ["ClusterConfig", "ControlPlane", "Endpoint"]: "${cluster.endpoint}"
        case ["MachineConfig", "MachineType"]: "${machine.role}"
        default: nil
        }
    }

    /// Whether a value was encrypted, so that the layer belongs into a Secret.
    private(set) var isSecret = false
    private let version: TalosVersion
    private let isControlPlane: Bool
    private var machine = JSONObject()
    private var more: [JSONObject] = []

    init(_ version: TalosVersion, _ isControlPlane: Bool) {
        self.version = version
        self.isControlPlane = isControlPlane
    }

    /// The documents of the patch; none if no field was added.
    var documents: [JSONObject] {
        (machine.isEmpty ? [] : [["machine": .object(machine)]]) + more
    }

    /// Adds a field with its value.
    mutating func add(_ key: String, _ value: JSONValue, isSecret: Bool) throws(ConfigProblems) {
        self.isSecret = self.isSecret || isSecret
        switch key {
        case "hostname": addHostname(value)
        case "installDisk": set(value, "install", "disk")
        case "installDiskSelector": set(value, "install", "diskSelector")
        case "diskOfSelectorAlone":
            // Talos looks at the selector first; without the disk the configuration says so.
            if version >= TalosVersion(minor: 8) { set(["$patch": "delete"], "install", "disk") }
        case "installImage": set(value, "install", "image")
        case "schematicKernelArguments":
            // Newer versions take them from the image.
            if version < TalosVersion(minor: 12) { set(value, "install", "extraKernelArgs") }
        case "certSANs": machine["certSANs"] = value
        case "nodeLabels": addLabels(value)
        case "nodeAnnotations", "nodeTaints": machine[key] = value
        case "machineDisks": machine["disks"] = value
        case "machineFiles": machine["files"] = value
        case "disableSearchDomain": set(true, "network", "disableSearchDomain")
        case "kernelModules": set(value, "kernel", "modules")
        case "nameservers": set(value, "network", "nameservers")
        case "networkInterfaces": set(value, "network", "interfaces")
        case "ingressFirewall": addFirewall(value)
        case "extensionServices": addDocuments(value, kind: "ExtensionServiceConfig")
        case "volumes": addDocuments(value, kind: "VolumeConfig")
        case "userVolumes": addDocuments(value, kind: "UserVolumeConfig")
        default: return
        }
    }

    private mutating func set(_ value: JSONValue, _ section: String, _ key: String) {
        var object = machine[section]?.object ?? JSONObject()
        object[key] = value
        machine[section] = .object(object)
    }

    private mutating func addHostname(_ value: JSONValue) {
        guard version >= TalosVersion(minor: 12) else { return set(value, "network", "hostname") }
        more.append([
            "apiVersion": "v1alpha1", "kind": "HostnameConfig", "auto": "off", "hostname": value,
        ])
    }

    /// talhelper's labels take the place of those that Talos gives control planes.
    private mutating func addLabels(_ value: JSONValue) {
        var labels = value.object ?? JSONObject()
        let generated = "node.kubernetes.io/exclude-from-external-load-balancers"
        if isControlPlane, version >= TalosVersion(minor: 8), labels[generated] == nil {
            labels[generated] = ["$patch": "delete"]
        }
        machine["nodeLabels"] = .object(labels)
    }

    private mutating func addFirewall(_ value: JSONValue) {
        more.append([
            "apiVersion": "v1alpha1", "kind": "NetworkDefaultActionConfig",
            "ingress": value["defaultAction"] ?? "block",
        ])
        addDocuments(value["rules"] ?? .array([]), kind: "NetworkRuleConfig")
    }

    private mutating func addDocuments(_ value: JSONValue, kind: String) {
        for element in value.array ?? [] {
            var document: JSONObject = ["apiVersion": "v1alpha1", "kind": .string(kind)]
            for member in element.object?.members ?? [] { document[member.key] = member.value }
            more.append(document)
        }
    }
}
