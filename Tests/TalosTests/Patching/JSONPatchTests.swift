// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("RFC 6902 operations")
struct JSONPatchTests {
    private static let layer = Origin(layer: 3, document: 1, line: 7)

    /// A tree without origins of a JSON text.
    private static func node(_ text: String, origin: Origin = .generated) throws -> ConfigNode {
        node(try value(text), origin: origin)
    }

    private static func value(_ text: String) throws -> JSONValue {
        try #require(YAML.documents(Array(text.utf8)).first)
    }

    static func node(_ value: JSONValue, origin: Origin = .generated) -> ConfigNode {
        switch value {
        case .null: ConfigNode(.null, origin: origin)
        case .bool(let value): ConfigNode(.bool(value), origin: origin)
        case .integer(let number): ConfigNode(.integer(number), origin: origin)
        case .double(let number): ConfigNode(.double(number), origin: origin)
        case .string(let text): ConfigNode(.string(text), origin: origin)
        case .array(let elements):
            ConfigNode(.list(elements.map { node($0, origin: origin) }), origin: origin)
        case .object(let object):
            ConfigNode(
                .map(object.members.map { .init(key: $0.key, node: node($0.value, origin: origin)) }),
                origin: origin)
        }
    }

    private static func operation(_ action: PatchOperation.Action, _ path: String) throws -> PatchOperation {
        PatchOperation(action: action, path: try #require(JSONPointer(path)), number: 1, origin: layer)
    }

    private static func apply(_ tree: inout ConfigNode, _ operation: PatchOperation) throws -> RemovedNode? {
        var room = 100
        return try tree.apply(operation, room: &room)
    }

    private static func added(_ text: String) throws -> ConfigNode { try node(text, origin: layer) }

    @Test("a pointer's escapes are read and written", arguments: ["", "/", "/a/b", "/a~1b/~0/-", "/a//b"])
    func pointers(text: String) {
        #expect(JSONPointer(text)?.description == text)
    }

    @Test("what is no pointer is refused", arguments: ["a", "a/b", "/a~", "/a~2b", "#/a"])
    func noPointers(text: String) {
        #expect(JSONPointer(text) == nil)
    }

    @Test("an escaped slash and tilde belong to the key")
    func escapes() {
        #expect(JSONPointer("/a~1b/m~0n/~01")?.tokens == ["a/b", "m~n", "~1"])
    }

    @Test(
        "adding sets members, replaces them, and inserts elements",
        arguments: [
            (#"{"a": 1}"#, "/b", "2", #"{"a": 1, "b": 2}"#),
            (#"{"a": 1}"#, "/a", "2", #"{"a": 2}"#),
            (#"{"a": [1, 2]}"#, "/a/0", "0", #"{"a": [0, 1, 2]}"#),
            (#"{"a": [1, 2]}"#, "/a/2", "3", #"{"a": [1, 2, 3]}"#),
            (#"{"a": [1, 2]}"#, "/a/-", "3", #"{"a": [1, 2, 3]}"#),
            (#"{"a": [1, 2]}"#, "/a/-1", "3", #"{"a": [1, 2, 3]}"#),
            (#"{"a": [1, 2]}"#, "/a/-3", "3", #"{"a": [3, 1, 2]}"#),
            (#"{"a": [[1], [2]]}"#, "/a/-1/0", "3", #"{"a": [[1], [3, 2]]}"#),
            (#"{"a": {"b/c": {}}}"#, "/a/b~1c/d", #"{"e": null}"#, #"{"a": {"b/c": {"d": {"e": null}}}}"#),
            (#"{"a": 1}"#, "", "[]", "[]"),
        ])
    func adding(before: String, path: String, value: String, after: String) throws {
        var tree = try Self.node(before)
        _ = try Self.apply(&tree, Self.operation(.add(Self.added(value)), path))
        #expect(tree.json == (try Self.value(after)))
    }

    @Test(
        "what does not apply is refused and says why",
        arguments: [
            ("remove", "/b", "no key \"b\" at the document's root, which has a, list"),
            ("remove", "/a/x/y", "no key \"x\" at /a, which is empty"),
            ("remove", "/list/1", "no element \"1\" in the list at /list, which has 1"),
            ("remove", "/list/00", "no element \"00\" in the list at /list, which has 1"),
            ("remove", "/list/-", "no element \"-\" in the list at /list, which has 1"),
            ("remove", "/list/-2", "no element \"-2\" in the list at /list, which has 1"),
            ("remove", "/list/-0", "no element \"-0\" in the list at /list, which has 1"),
            ("remove", "/list/0/x", "what is at /list/0 is neither an object nor a list"),
            ("remove", "", "the whole document cannot be removed"),
            ("replace", "/b", "no key \"b\" at the document's root, which has a, list"),
            ("replace", "/list/1", "no element \"1\" in the list at /list, which has 1"),
            ("add", "/b/c", "no key \"b\" at the document's root, which has a, list"),
            (
                "add", "/list/2",
                "an element \"2\" cannot be added to the list at /list, which has 1; allowed are 0 to 1 and \"-\""
            ),
            ("move", "/a/x", "a value cannot be moved into itself"),
            ("test", "/list/0", "the value is another one"),
            ("test", "/nothing", "no key \"nothing\" at the document's root, which has a, list"),
        ])
    func failures(name: String, path: String, message: String) throws {
        var tree = try Self.node(#"{"a": {}, "list": [1]}"#)
        let value = try Self.added("5")
        let source = try #require(JSONPointer("/a"))
        let actions: [String: PatchOperation.Action] = [
            "add": .add(value), "replace": .replace(value), "remove": .remove, "test": .test(5),
            "move": .move(from: source),
        ]
        let operation = try Self.operation(try #require(actions[name]), path)
        let failure = #expect(throws: OperationFailure.self) { _ = try Self.apply(&tree, operation) }
        #expect(failure?.description == message)
    }

    @Test("removing gives what was there, and the rest keeps its place")
    func removing() throws {
        var tree = try Self.node(#"{"a": [1, 2, 3], "b": 4}"#)
        let removed = try Self.apply(&tree, Self.operation(.remove, "/a/1"))
        #expect(removed?.node.json == 2)
        #expect(tree.json == ["a": [1, 3], "b": 4])
    }

    @Test("moving takes a value from where it was, copying does not")
    func movingAndCopying() throws {
        var tree = try Self.node(#"{"a": {"x": 1}, "b": []}"#)
        _ = try Self.apply(&tree, Self.operation(.copy(from: try #require(JSONPointer("/a/x"))), "/b/-"))
        #expect(tree.json == ["a": ["x": 1], "b": [1]])
        let removed = try Self.apply(
            &tree, Self.operation(.move(from: try #require(JSONPointer("/a"))), "/c"))
        #expect(tree.json == ["b": [1], "c": ["x": 1]])
        #expect(removed?.path.description == "/a")
    }

    @Test("a test compares values, not how they are written")
    func testing() throws {
        var tree = try Self.node(#"{"a": {"x": 1, "y": [2.0]}}"#)
        _ = try Self.apply(&tree, Self.operation(.test(["y": [2], "x": 1]), "/a"))
    }

    @Test("what is set knows who set it and whom it replaced; all else keeps its origin")
    func origins() throws {
        var tree = try Self.node(#"{"a": {"x": 1, "y": 2}, "b": [1, 2]}"#)
        _ = try Self.apply(&tree, Self.operation(.replace(Self.added(#"{"x": 1, "z": 3}"#)), "/a"))
        _ = try Self.apply(&tree, Self.operation(.add(Self.added("0")), "/b/0"))
        let a = try #require(tree["a"])
        #expect(a["x"]?.origin == Self.layer)
        #expect(a["x"]?.overridden == [.generated])
        #expect(a["z"]?.overridden == [])
        #expect(tree["b"]?.list?.map(\.origin) == [Self.layer, .generated, .generated])
        #expect(tree["b"]?.origin == .generated)
    }
}
