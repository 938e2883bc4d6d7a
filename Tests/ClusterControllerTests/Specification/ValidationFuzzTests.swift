// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

/// Puts odd values into random places of a document.
private struct Vandal {
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    private static let oddities: [JSONValue] = [
        .null, true, 0, -1, 1, 3, 4, 1001, .integer(.max), .integer(.min), .double(1.5), "", " ", "a", "cp",
        "A",
        "a-", "é", "\u{0}", "v1.28.3", "v1.5.5", "https://[::1]:6443", "10.244.0.0/16", "::/0", "/dev/sda",
        .string(String(repeating: "x", count: 300)), [], [:], [[[]]], ["name": "a", "replicas": 1],
        [["name": "a", "replicas": 1], ["name": "a", "replicas": 2]], ["a": ["b": ["c": .null]]],
    ]

    mutating func damaged(_ value: JSONValue, share: Double) -> JSONValue {
        if Double.random(in: 0..<1, using: &random) < share {
            return Self.oddities.randomElement(using: &random) ?? .null
        }
        switch value {
        case .array(let elements):
            return .array(elements.map { damaged($0, share: share) })
        case .object(let object):
            var result = JSONObject()
            for member in object.members where Double.random(in: 0..<1, using: &random) >= share {
                result[member.key] = damaged(member.value, share: share)
            }
            if Double.random(in: 0..<1, using: &random) < share {
                result["extra"] = Self.oddities.randomElement(using: &random) ?? .null
            }
            return .object(result)
        default:
            return value
        }
    }
}

@Suite("Any specification")
struct ValidationFuzzTests {
    private static let full = Fixture.spec(
        """
        {"podSubnets": ["10.244.0.0/16"], "serviceSubnets": ["10.96.0.0/12"],
         "management": "Machines", "validationMode": "cloud", "data": {"a": 1},
         "machineData": {"simple-cp-0": {"a": 2}}, "machinePatches": {"simple-cp-0": ["a: b", {"inline": {"c": 1}}]},
         "patches": [{"configMapRef": {"name": "a", "optional": true}}, {"secretRef": {"name": "b"}}],
         "schematic": {"extensions": ["a/b"], "overlay": {"name": "a", "image": "b", "options": {}},
                       "customization": {"meta": [{"key": 1, "value": "b"}]}, "platform": "metal"},
         "controlPlane": {"patches": [{"machine": {}}], "machineTemplate": {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}},
         "talosConfig": {
           "machine": {"type": "controlplane", "token": "t", "ca": {"crt": "c", "key": "k"}, "certSANs": ["x"],
                       "kubelet": {"image": "i", "extraArgs": {"v": "4"}}},
           "cluster": {"name": "simple", "controlPlane": {"endpoint": "https://192.168.1.100:6443"},
                       "network": {"dnsDomain": "cluster.local", "podSubnets": ["10.244.0.0/16"]}},
           "install": {"disk": "/dev/sda", "image": "i", "bootloader": true, "wipe": false,
                       "extraKernelArgs": ["quiet"]}}}
        """)

    @Test("the undamaged one is valid, or the others would prove little")
    func undamaged() {
        #expect(ClusterValidation(Self.full).problemLines == [])
    }

    @Test(
        "it is either refused with a reason, or its Machines can be named and built",
        arguments: UInt64(0)..<60)
    func verdict(seed: UInt64) throws {
        var vandal = Vandal(seed: seed)
        for round in 0..<30 {
            let spec = vandal.damaged(Self.full, share: 0.002 * Double(round + 1))
            switch ClusterValidation(spec) {
            case .invalid(let problems):
                #expect(!problems.isEmpty && problems.count <= ProblemCollector.limit)
                #expect(problems.allSatisfy { $0.path.hasPrefix("spec") && !$0.problem.isEmpty })
            case .valid(let valid, _):
                var cluster = Fixture.cluster()
                cluster.spec = spec
                let names = MachineBuilder(cluster, valid).machines().map(\.key.name)
                #expect(Set(names).count == names.count)
                #expect(names.allSatisfy(DNS1123.isLabel), "\(names)")
            }
        }
    }

    @Test("a Machine carries no secret of its cluster", arguments: UInt64(0)..<20)
    func secrets(seed: UInt64) throws {
        let secret = "S3cr3t\(seed)"
        let patch = Fixture.json(
            """
            {"talosConfig": {"machine": {"token": "\(secret)", "ca": {"crt": "c", "key": "\(secret)"}}}}
            """)
        var vandal = Vandal(seed: seed)
        for _ in 0..<20 {
            let spec = vandal.damaged(Self.full, share: 0.01).mergePatched(with: patch)
            switch ClusterValidation(spec) {
            case .invalid(let problems):
                #expect(!problems.contains { $0.description.contains(secret) })
            case .valid(let valid, let warnings):
                #expect(!warnings.contains { $0.description.contains(secret) })
                var cluster = Fixture.cluster()
                cluster.spec = spec
                for machine in MachineBuilder(cluster, valid).machines() {
                    let text = String(decoding: machine.document.encoded(), as: UTF8.self)
                    #expect(!text.contains(secret))
                }
            }
        }
    }
}
