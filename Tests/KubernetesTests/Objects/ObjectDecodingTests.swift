// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import Testing

@Suite("Object decoding")
struct ObjectDecodingTests {
    private let full: JSONValue = [
        "metadata": [
            "name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "12", "generation": 3,
            "creationTimestamp": "2024-01-01T12:00:00Z", "deletionTimestamp": "2024-01-01T12:00:01Z",
            "labels": ["l": "1"],
            "annotations": ["n": "2", "kubectl.kubernetes.io/last-applied-configuration": "{}"],
            "ownerReferences": [
                ["apiVersion": "g.io/v1", "kind": "K", "name": "o", "uid": "ou"],
                [
                    "apiVersion": "v1", "kind": "C", "name": "c", "uid": "cu", "controller": true,
                    "blockOwnerDeletion": true,
                ],
            ],
            "finalizers": ["f/1", "f/2"], "managedFields": [["x": 1]], "somethingNew": ["y": 2],
        ]
    ]

    @Test("reads metadata, without kubectl's copy of the object")
    func metadata() throws {
        let owner = OwnerReference(
            apiVersion: "g.io/v1", kind: "K", name: "o", uid: "ou", isController: false,
            blocksOwnerDeletion: false)
        let controller = OwnerReference(apiVersion: "v1", kind: "C", name: "c", uid: "cu")
        let start = Timestamp(nanosecondsSince1970: 1_704_110_400 * 1_000_000_000)
        let metadata = try ObjectMeta(of: full)
        #expect(
            metadata
                == ObjectMeta(
                    name: "a", namespace: "ns", uid: "u", resourceVersion: "12", generation: 3,
                    creationTimestamp: start,
                    deletionTimestamp: Timestamp(
                        nanosecondsSince1970: start.nanosecondsSince1970 + 1_000_000_000),
                    labels: ["l": "1"], annotations: ["n": "2"], ownerReferences: [owner, controller],
                    finalizers: ["f/1", "f/2"]))
        #expect(metadata.controller == controller)
        #expect(metadata.isBeingDeleted)
        #expect(metadata.ownerReferences.map(\.group) == ["g.io", ""])
    }

    @Test("reads what is absent or null as empty")
    func absent() throws {
        let null: JSONValue = [
            "name": "a", "namespace": .null, "labels": .null, "ownerReferences": .null,
            "creationTimestamp": .null, "finalizers": .null, "annotations": ["gone": .null],
        ]
        #expect(try ObjectMeta(null) == ObjectMeta(name: "a"))
        #expect(try ObjectMeta(["name": "a"]) == ObjectMeta(name: "a"))
    }

    @Test(
        "names the field that is wrong",
        arguments: [
            ([:], "metadata: is missing"), (["metadata": .null], "metadata: must be an object, not null"),
            (["metadata": [:]], "metadata.name: is missing"),
            (["metadata": ["name": ""]], "metadata.name: must not be empty"),
            (["metadata": ["name": 1]], "metadata.name: must be a string, not a number"),
            (
                ["metadata": ["name": "a", "labels": ["x": true]]],
                "metadata.labels.x: must be a string, not a boolean"
            ),
            (
                ["metadata": ["name": "a", "finalizers": ["x", 2]]],
                "metadata.finalizers[1]: must be a string, not a number"
            ),
            (
                ["metadata": ["name": "a", "ownerReferences": [["uid": []]]]],
                "metadata.ownerReferences[0].uid: must be a string, not a list"
            ),
            (
                ["metadata": ["name": "a", "generation": .double(1.5)]],
                "metadata.generation: must be a whole number, not a number"
            ),
            (
                ["metadata": ["name": "a", "deletionTimestamp": "today"]],
                "metadata.deletionTimestamp: must be a time in RFC 3339 text, not \"today\""
            ),
        ] as [(JSONValue, String)])
    func problems(object: JSONValue, problem: String) {
        let error = #expect(throws: DecodingProblem.self) { try ObjectMeta(of: object) }
        #expect(error?.description == problem)
    }

    @Test("an owner reference survives a round trip")
    func ownerReference() throws {
        let reference = OwnerReference(apiVersion: "g/v1", kind: "K", name: "n", uid: "u")
        #expect(try OwnerReference(reference.json) == reference)
    }

    @Test("a condition survives a round trip")
    func condition() throws {
        let condition = Condition(
            type: "Ready", status: .false, reason: "Because", message: "m", observedGeneration: 4,
            lastTransitionTime: Timestamp(nanosecondsSince1970: 1_704_110_400_000_000_000))
        #expect(try Condition(condition.json) == condition)
    }

    @Test("reads the conditions of others as they are")
    func foreignCondition() throws {
        let condition = try Condition(["type": "Ready", "status": "Perhaps", "lastTransitionTime": .null])
        #expect(condition.status == .unknown)
        #expect(condition.lastTransitionTime == Timestamp(nanosecondsSince1970: 0))
        #expect(throws: DecodingProblem.self) { try Condition(["status": "True"]) }
    }

    @Test("says what it can of an object that cannot be read")
    func identity() {
        #expect(ObjectIdentity(of: full).key == ObjectKey(namespace: "ns", name: "a"))
        #expect(ObjectIdentity(of: full).resourceVersion == "12")
        #expect(ObjectIdentity(of: 7).key == nil)
        #expect(ObjectIdentity(of: 7).resourceVersion.isEmpty)
    }
}
