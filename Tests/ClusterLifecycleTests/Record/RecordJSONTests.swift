// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Platform
import StructuredData
import Testing

@Suite("The stored record")
struct RecordJSONTests {
    @Test("Whatever a record says is read again", arguments: 0..<200)
    func roundTrip(_ seed: UInt64) throws {
        var random = RecordGenerator(seed: seed)
        let record = random.record()
        let stored = try JSONValue(json: record.json.encoded())
        #expect(try LifecycleRecord(json: stored) == record)
    }

    @Test("Equal records make equal texts, whatever their sets and maps are ordered by")
    func deterministic() {
        var one = RecordGenerator(seed: 7)
        var other = RecordGenerator(seed: 7)
        #expect(one.record().json.encoded() == other.record().json.encoded())
    }

    @Test("Times are kept to the second")
    func seconds() throws {
        var record = LifecycleRecord()
        record.teardownSince = Timestamp(nanosecondsSince1970: 1_999_999_999)
        let kept = try LifecycleRecord(json: record.json).teardownSince
        #expect(kept == Timestamp(nanosecondsSince1970: 1_000_000_000))
    }

    @Test("A member of etcd is exact", arguments: [0, 1, 1 << 53 + 1, UInt64(Int64.max) + 1, .max])
    func members(_ id: UInt64) throws {
        var record = LifecycleRecord()
        record.operations["n"] = NodeOperation(.remove, .checking, at: Timestamp(nanosecondsSince1970: 0))
        record.operations["n"]?.memberID = id
        #expect(try LifecycleRecord(json: record.json).operations["n"]?.memberID == id)
    }

    @Test("Messages are bounded and stay text")
    func bounded() throws {
        var record = LifecycleRecord()
        record.operations["n"] = NodeOperation(.remove, .checking, at: Timestamp(nanosecondsSince1970: 0))
        record.operations["n"]?.lastError = String(repeating: "é", count: 100_000)
        let kept = try #require(try LifecycleRecord(json: record.json).operations["n"]?.lastError)
        #expect(kept.utf8.count <= 1024 && kept.hasPrefix("éé") && kept.hasSuffix("…"))
    }

    @Test("Fields of a later program and nulls are passed over")
    func unknownFields() throws {
        let text = """
            {"version":1,"later":{"a":[1]},"bootstrap":{"node":"c0","since":"2026-01-01T00:00:00Z","confirmed":true,\
            "later":1},"halt":null,"nodes":{"c0":{"later":2}}}
            """
        let record = try LifecycleRecord(json: JSONValue(json: Array(text.utf8)))
        #expect(record.bootstrap?.node == "c0" && record.bootstrap?.isConfirmed == true)
        #expect(record.halt == nil && record.nodes["c0"] == NodeRecord())
    }

    @Test(
        "What cannot be read for certain is an error that names the field",
        arguments: [
            (#"{}"#, "record.version is missing"),
            (#"[]"#, "record is a list and not an object"),
            (#"{"version":2}"#, "record.version is 2"),
            (#"{"version":"1"}"#, "record.version is not a whole number"),
            (#"{"version":1,"bootstrap":"c0"}"#, "record.bootstrap is not an object"),
            (#"{"version":1,"bootstrap":{"node":"c0"}}"#, "record.bootstrap.since is missing"),
            (
                #"{"version":1,"operations":{"c0":{"kind":"Defragment"}}}"#,
                #"record.operations.c0.kind is "Defragment""#
            ),
            (
                #"{"version":1,"operations":{"c0":{"kind":"Remove","step":"Resting"}}}"#,
                #"record.operations.c0.step is "Resting""#
            ),
            (#"{"version":1,"operations":{"c0":null}}"#, "record.operations.c0 is null"),
            (#"{"version":1,"operations":[]}"#, "record.operations is not an object"),
            (#"{"version":1,"halt":{"reason":"Tired"}}"#, #"record.halt.reason is "Tired""#),
            (#"{"version":1,"teardownSince":"yesterday"}"#, "record.teardownSince is not a time"),
            (#"{"version":1,"talosTarget":"v1"}"#, "record.talosTarget is not a release"),
            (#"{"version":1,"approvedItems":[1]}"#, "record.approvedItems is not a list of texts"),
            (
                #"{"version":1,"snapshot":{"at":"2026-01-01T00:00:00Z"}}"#,
                "record.snapshot.location is missing"
            ),
        ])
    func refused(_ text: String, _ problem: String) throws {
        let value = try JSONValue(json: Array(text.utf8))
        let error = #expect(throws: LifecycleRecordError.self) { try LifecycleRecord(json: value) }
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "no error")")
    }

    @Test(
        "A member that is no number of 64 bits is refused",
        arguments: ["", "0x1", "+1", "-1", "1ffffffffffffffff", "g"])
    func memberText(_ text: String) throws {
        var record = LifecycleRecord()
        record.operations["n"] = NodeOperation(.remove, .checking, at: Timestamp(nanosecondsSince1970: 0))
        var json = try #require(record.json.object)
        var operation = try #require(json["operations"]?["n"]?.object)
        operation["memberID"] = .string(text)
        json["operations"] = ["n": .object(operation)]
        #expect(throws: LifecycleRecordError.self) { try LifecycleRecord(json: .object(json)) }
    }

    @Test("Every field of the record is stored: a new one needs a place in its JSON form and in these tests")
    func complete() {
        var random = RecordGenerator(seed: 1)
        let now = Timestamp(nanosecondsSince1970: 0)
        #expect(Mirror(reflecting: LifecycleRecord()).children.count == 9)
        #expect(Mirror(reflecting: BootstrapRecord(node: "", since: now)).children.count == 5)
        #expect(Mirror(reflecting: random.operation()).children.count == 10)
        #expect(Mirror(reflecting: NodeRecord()).children.count == 8)
        #expect(Mirror(reflecting: SnapshotRecord(at: now, location: "")).children.count == 2)
        #expect(Mirror(reflecting: random.halt()).children.count == 6)
    }

    @Test("A cluster of 500 nodes fits an object of the API server several times")
    func size() {
        var record = LifecycleRecord()
        for index in 0..<500 {
            var node = NodeRecord()
            node.fingerprint = String(repeating: "f", count: 64)
            node.wasConfigured = true
            node.appliedDigest = String(repeating: "d", count: 64)
            node.address = "[2001:db8:1234:5678:9abc:def0:1234:5678]:50000"
            node.readySince = Timestamp(nanosecondsSince1970: 0)
            record.nodes["a-rather-long-cluster-name-wrk\(index)"] = node
        }
        #expect(record.json.encoded().count < 200_000)
    }
}

/// Makes records of every shape.
private struct RecordGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func maybe<Value>(_ make: (inout Self) -> Value) -> Value? {
        Bool.random(using: &self) ? make(&self) : nil
    }

    mutating func text() -> String {
        let texts = ["", "c0", "a \"quoted\" text", "\u{0}\u{2028}é😀", "v1.2.3", "null", "line\nline"]
        return texts.randomElement(using: &self) ?? ""
    }

    mutating func time() -> Timestamp {
        Timestamp(
            nanosecondsSince1970: Int64.random(in: -9_000_000_000...9_000_000_000, using: &self)
                * 1_000_000_000)
    }

    mutating func release() -> Release {
        Release(minor: .random(in: 0...40, using: &self), suffix: maybe { _ in "rc.1" } ?? "")
    }

    mutating func kind() -> NodeOperation.Kind {
        let component = KubernetesComponent.allCases.randomElement(using: &self) ?? .kubelet
        let kinds: [NodeOperation.Kind] = [
            .install, .configure(digest: text()), .upgrade(image: text(), to: release()),
            .component(component, to: release()), .remove, .replace, .teardown,
        ]
        return kinds.randomElement(using: &self) ?? .install
    }

    mutating func operation() -> NodeOperation {
        let step = OperationStep.allCases.randomElement(using: &self) ?? .checking
        var operation = NodeOperation(kind(), step, at: time())
        operation.since = time()
        operation.bootID = maybe { $0.text() }
        operation.attempts = .random(in: 0...1_000_000, using: &self)
        operation.lastError = maybe { $0.text() }
        operation.wellSince = maybe { $0.time() }
        operation.memberID = maybe { $0.next() }
        operation.isHalted = .random(using: &self)
        return operation
    }

    mutating func halt() -> Halt {
        Halt(
            HaltReason.allCases.randomElement(using: &self) ?? .resetFailed, text(),
            node: maybe { $0.text() },
            at: time(), resumeToken: maybe { $0.text() }, desiredHash: text())
    }

    mutating func node() -> NodeRecord {
        var node = NodeRecord()
        node.fingerprint = maybe { $0.text() }
        node.wasConfigured = .random(using: &self)
        node.appliedDigest = maybe { $0.text() }
        node.address = maybe { $0.text() }
        node.silentSince = maybe { $0.time() }
        node.readySince = maybe { $0.time() }
        node.etcdIdleSince = maybe { $0.time() }
        node.handledChange = maybe { $0.text() }
        return node
    }

    mutating func record() -> LifecycleRecord {
        var record = LifecycleRecord()
        record.bootstrap = maybe {
            BootstrapRecord(node: $0.text(), since: $0.time(), isConfirmed: .random(using: &$0))
        }
        record.bootstrap?.isAccepted = .random(using: &self)
        record.bootstrap?.lastError = maybe { $0.text() }
        for _ in 0..<Int.random(in: 0...4, using: &self) { record.operations[text()] = operation() }
        record.halt = maybe { $0.halt() }
        for _ in 0..<Int.random(in: 0...4, using: &self) { record.approvedItems.insert(text()) }
        for _ in 0..<Int.random(in: 0...4, using: &self) { record.nodes[text()] = node() }
        record.teardownSince = maybe { $0.time() }
        record.kubernetesTarget = maybe { $0.release() }
        record.talosTarget = maybe { $0.release() }
        record.snapshot = maybe { SnapshotRecord(at: $0.time(), location: $0.text()) }
        return record
    }
}
