// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// The profile "restricted" of the Pod Security Standards, for pods without init and ephemeral containers.
enum PodSecurity {
    private static let volumes: Set<String> = [
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
        "secret",
    ]

    /// What in a pod's specification breaks the profile.
    static func violations(of pod: JSONValue) -> [String] {
        var found: [String] = []
        func require(_ holds: Bool, _ rule: String) {
            if !holds { found.append(rule) }
        }
        for member in ["hostNetwork", "hostPID", "hostIPC"] {
            require(pod[member] == nil, "\(member) is set")
        }
        for member in ["initContainers", "ephemeralContainers"] { require(pod[member] == nil, "\(member)") }
        for volume in pod["volumes"]?.array ?? [] {
            let kinds = (volume.object?.members ?? []).map(\.key).filter { $0 != "name" }
            require(kinds.count == 1 && kinds.allSatisfy(volumes.contains), "volume \(kinds)")
        }
        let context = pod["securityContext"]
        require(context?["sysctls"] == nil, "sysctls")
        for container in pod["containers"]?.array ?? [] {
            let own = container["securityContext"]
            func setting(_ path: String...) -> JSONValue? { own?.value(at: path) ?? context?.value(at: path) }
            require(setting("runAsNonRoot") == true, "runAsNonRoot is not true")
            require(setting("runAsUser") != 0, "runAsUser is 0")
            require(
                ["RuntimeDefault", "Localhost"].contains(setting("seccompProfile", "type")?.string),
                "seccompProfile")
            require(own?["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation is not false")
            require([nil, false].contains(own?["privileged"]), "privileged")
            require(
                own?["capabilities"]?["drop"]?.array?.contains("ALL") == true, "capabilities are not dropped")
            require(
                own?["capabilities"]?["add"]?.array.map { $0 == ["NET_BIND_SERVICE"] } ?? true,
                "capabilities are added")
            require([nil, "Default"].contains(own?["procMount"]), "procMount")
            for port in container["ports"]?.array ?? [] { require(port["hostPort"] == nil, "hostPort") }
        }
        require(pod["containers"]?.array?.isEmpty == false, "no container")
        return found
    }
}
