// SPDX-License-Identifier: Apache-2.0
import StructuredData

extension MachineConfigInput {
    /// Everything in the input that no configuration can be made from; paths are those of a KubernetesCluster where it
    /// has such a field.
    package var problems: [ConfigProblem] {
        var problems: [ConfigProblem] = []
        func check(_ path: FieldPath, _ problem: String?) {
            if let problem { problems.append(ConfigProblem(path: path, problem: problem)) }
        }
        check(FieldPath("talosVersion"), version.supportProblem)
        check(FieldPath("clusterName"), clusterName.isEmpty ? "must not be empty" : nil)
        do throws(ConfigProblem) {
            _ = try ControlPlaneEndpoint(endpoint)
        } catch {
            problems.append(error)
        }
        check(FieldPath("kubernetesVersion"), kubernetesVersion.flatMap(Self.versionProblem))
        check(FieldPath("dnsDomain"), dnsDomain.isEmpty ? "must not be empty" : nil)
        if let port = localAPIServerPort, !(1...65535).contains(port) {
            check(FieldPath("localAPIServerPort"), "must be 1 to 65535, not \(port)")
        }
        for (index, registry) in registries.enumerated() where registry.host.isEmpty {
            check(FieldPath("registries").appending(index).appending("host"), "must not be empty")
        }
        return problems
    }

    private static let digits = Set("0123456789".utf8)
    private static let wordCharacters = Set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-".utf8)

    /// Three numbers, and perhaps a pre-release after a hyphen; the images' tags are made of it.
    private static func versionProblem(_ text: String) -> String? {
        let bare = text.first == "v" ? text.dropFirst() : text[...]
        let parts = bare.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = parts.first?.split(separator: ".", omittingEmptySubsequences: false) ?? []
        let areNumbers = numbers.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(digits.contains) }
        let hasGoodRest = parts.dropFirst().allSatisfy {
            !$0.isEmpty && $0.utf8.allSatisfy(wordCharacters.contains)
        }
        let isVersion = numbers.count == 3 && areNumbers && hasGoodRest
        return isVersion ? nil : "must be a version such as v1.33.0"
    }
}
