// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import TalosOperator

@Suite("The name of the Lease")
struct LeaseNameTests {
    @Test("an operator that watches everything has the plain name")
    func plain() {
        #expect(LeaseName.name(labelSelector: "", namespaces: []) == "talos-operator")
    }

    @Test("every scope has a name of its own")
    func distinct() {
        let scopes: [(String, [String])] = [
            ("", []), ("", ["a"]), ("", ["b"]), ("", ["a", "b"]), ("", ["ab"]), ("a", []), ("a", ["b"]),
            ("shard=1", []), ("shard=2", []),
        ]
        let names = scopes.map { LeaseName.name(labelSelector: $0.0, namespaces: $0.1) }
        #expect(Set(names).count == scopes.count, "\(names)")
    }

    @Test("the order of namespaces does not matter")
    func order() {
        #expect(
            LeaseName.name(labelSelector: "", namespaces: ["b", "a"])
                == LeaseName.name(labelSelector: "", namespaces: ["a", "b"]))
    }

    @Test("a name is the same in every process and version, or two versions would lead at once")
    func stable() {
        #expect(
            LeaseName.name(labelSelector: "shard=1", namespaces: []) == "talos-operator-8b1b0c73fa9357e9")
    }

    @Test("the API server takes the name as that of an object")
    func valid() {
        let name = LeaseName.name(
            labelSelector: "tier in (x,y),!old", namespaces: [String(repeating: "n", count: 63)])
        #expect(name.count <= 63)
        #expect(name.allSatisfy { $0 == "-" || $0.isNumber || ("a"..."z").contains($0) })
    }
}
