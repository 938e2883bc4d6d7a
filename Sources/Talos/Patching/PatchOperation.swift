// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// One operation of an RFC 6902 patch.
package struct PatchOperation: Sendable {
    /// What is done at the operation's path.
    package enum Action: Sendable {
        case add(ConfigNode)
        case remove
        case replace(ConfigNode)
        case move(from: JSONPointer)
        case copy(from: JSONPointer)
        case test(JSONValue)
    }

    package var action: Action
    package var path: JSONPointer
    /// Which operation of the patch, from 1.
    package var number: Int
    /// Who set what this operation sets.
    package var origin: Origin

    /// As messages name it: `operation 2 (replace /machine/network/hostname)`.
    package var description: String {
        "operation \(number) (\(name) \(path.tokens.isEmpty ? "\"\"" : "\(path)"))"
    }

    private var name: String {
        switch action {
        case .add: "add"
        case .remove: "remove"
        case .replace: "replace"
        case .move: "move"
        case .copy: "copy"
        case .test: "test"
        }
    }
}

/// Why an operation does not apply; names keys, never values.
struct OperationFailure: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// What an operation took out of the tree, and did not put elsewhere in its place.
struct RemovedNode {
    var path: JSONPointer
    var node: ConfigNode
}

extension ConfigNode {
    /// Does what the operation says; after an error the tree may be changed in part.
    ///
    /// What is set knows the operation's origin, and the origins of what it replaces; all else keeps its own.
    /// `room` is how many values may still be copied: a few operations that copy what was copied before would fill
    /// any memory.
    mutating func apply(_ operation: PatchOperation, room: inout Int) throws(OperationFailure) -> RemovedNode?
    {
        switch operation.action {
        case .add(let value):
            try set(value, at: operation.path, inserting: true)
        case .replace(let value):
            try set(value, at: operation.path, inserting: false)
        case .remove:
            return RemovedNode(
                path: operation.path, node: try take(at: operation.path.tokens[...], of: operation.path))
        case .move(let source):
            guard !operation.path.isWithin(source) else {
                throw OperationFailure("a value cannot be moved into itself")
            }
            let moved = try take(at: source.tokens[...], of: source)
            try set(moved.stamped(operation.origin), at: operation.path, inserting: true)
            return source == operation.path ? nil : RemovedNode(path: source, node: moved)
        case .copy(let source):
            let copied = try value(at: source)
            room -= copied.count
            guard room >= 0 else { throw OperationFailure("the patch copies too many values") }
            try set(copied.stamped(operation.origin), at: operation.path, inserting: true)
        case .test(let expected):
            guard try value(at: operation.path).json == expected else {
                throw OperationFailure("the value is another one")
            }
        }
        return nil
    }

    /// Sets a value unless it would be nested too deep there.
    private mutating func set(
        _ new: ConfigNode, at pointer: JSONPointer, inserting: Bool
    ) throws(OperationFailure) {
        let limit = MachineConfiguration.limits.depth
        guard pointer.tokens.count + new.height <= limit else {
            throw OperationFailure("the value would be nested more than \(limit) levels deep")
        }
        try set(new, at: pointer.tokens[...], of: pointer, inserting: inserting)
    }

    private func value(at pointer: JSONPointer) throws(OperationFailure) -> ConfigNode {
        var node = self
        for (depth, token) in pointer.tokens.enumerated() {
            node = try node.child(token, of: pointer, depth: depth)
        }
        return node
    }

    /// The member or element that `token` names; `depth` is the token's place within `pointer`.
    private func child(_ token: String, of pointer: JSONPointer, depth: Int) throws(OperationFailure)
        -> ConfigNode
    {
        switch value {
        case .map(let members):
            return members[try Self.place(of: token, in: members, of: pointer, depth: depth)].node
        case .list(let elements):
            return elements[try Self.place(of: token, in: elements, of: pointer, depth: depth)]
        default:
            throw Self.noContainer(pointer, depth: depth)
        }
    }

    private mutating func set(
        _ new: ConfigNode, at tokens: ArraySlice<String>, of pointer: JSONPointer, inserting: Bool
    ) throws(OperationFailure) {
        let depth = tokens.startIndex
        guard let token = tokens.first else {
            self = new.laid(over: self)
            return
        }
        let isLast = tokens.count == 1
        switch value {
        case .map(var members):
            value = .null
            defer { value = .map(members) }
            if isLast, inserting, !members.contains(where: { $0.key == token }) {
                members.append(Member(key: token, node: new))
                return
            }
            let place = try Self.place(of: token, in: members, of: pointer, depth: depth)
            try members[place].node.set(new, at: tokens.dropFirst(), of: pointer, inserting: inserting)
        case .list(var elements):
            value = .null
            defer { value = .list(elements) }
            if isLast, inserting {
                elements.insert(new, at: try Self.slot(token, in: elements, of: pointer, depth: depth))
                return
            }
            let place = try Self.place(of: token, in: elements, of: pointer, depth: depth)
            try elements[place].set(new, at: tokens.dropFirst(), of: pointer, inserting: inserting)
        default:
            throw Self.noContainer(pointer, depth: depth)
        }
    }

    private mutating func take(
        at tokens: ArraySlice<String>, of pointer: JSONPointer
    ) throws(OperationFailure) -> ConfigNode {
        let depth = tokens.startIndex
        guard let token = tokens.first else { throw OperationFailure("the whole document cannot be removed") }
        let isLast = tokens.count == 1
        switch value {
        case .map(var members):
            value = .null
            defer { value = .map(members) }
            let place = try Self.place(of: token, in: members, of: pointer, depth: depth)
            return isLast
                ? members.remove(at: place).node
                : try members[place].node.take(at: tokens.dropFirst(), of: pointer)
        case .list(var elements):
            value = .null
            defer { value = .list(elements) }
            let place = try Self.place(of: token, in: elements, of: pointer, depth: depth)
            return isLast
                ? elements.remove(at: place) : try elements[place].take(at: tokens.dropFirst(), of: pointer)
        default:
            throw Self.noContainer(pointer, depth: depth)
        }
    }
}

extension ConfigNode {
    private static func place(
        of token: String, in members: [Member], of pointer: JSONPointer, depth: Int
    ) throws(OperationFailure) -> Int {
        guard let place = members.firstIndex(where: { $0.key == token }) else {
            throw OperationFailure(
                "no key \"\(token)\" at \(name(pointer, depth)), \(nearby(members.map(\.key)))")
        }
        return place
    }

    private static func place(
        of token: String, in elements: [ConfigNode], of pointer: JSONPointer, depth: Int
    ) throws(OperationFailure) -> Int {
        guard let place = index(token, below: elements.count) else {
            throw OperationFailure(
                "no element \"\(token)\" in the list at \(name(pointer, depth)), which has \(elements.count)")
        }
        return place
    }

    /// Where a new element goes: before the one with this number, or at the end for `-`.
    private static func slot(
        _ token: String, in elements: [ConfigNode], of pointer: JSONPointer, depth: Int
    ) throws(OperationFailure) -> Int {
        if token == "-" { return elements.count }
        guard let place = index(token, below: elements.count + 1) else {
            throw OperationFailure(
                "an element \"\(token)\" cannot be added to the list at \(name(pointer, depth)), "
                    + "which has \(elements.count); allowed are 0 to \(elements.count) and \"-\"")
        }
        return place
    }

    private static func noContainer(_ pointer: JSONPointer, depth: Int) -> OperationFailure {
        OperationFailure("what is at \(name(pointer, depth)) is neither an object nor a list")
    }

    /// The place that a token names: digits alone, and no zero in front (RFC 6901).
    ///
    /// As in Talos, a minus in front counts from the end.
    private static func index(_ token: String, below count: Int) -> Int? {
        let isFromEnd = token.utf8.first == UInt8(ascii: "-")
        let digits = token.utf8.dropFirst(isFromEnd ? 1 : 0)
        guard digits.count == 1 || digits.first != UInt8(ascii: "0"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(Substring(digits)), number <= count
        else { return nil }
        let place = isFromEnd ? count - number : number
        return place < count ? place : nil
    }

    private static func name(_ pointer: JSONPointer, _ depth: Int) -> String {
        depth == 0 ? "the document's root" : "\(JSONPointer(tokens: Array(pointer.tokens.prefix(depth))))"
    }

    private static func nearby(_ keys: [String]) -> String {
        keys.isEmpty ? "which is empty" : "which has \(keys.prefix(12).joined(separator: ", "))"
    }
}

extension ConfigNode {
    /// How many values it is, itself included.
    private var count: Int {
        switch value {
        case .list(let elements): elements.reduce(1) { $0 + $1.count }
        case .map(let members): members.reduce(1) { $0 + $1.node.count }
        default: 1
        }
    }

    /// How many levels of lists and maps there are in it.
    private var height: Int {
        switch value {
        case .list(let elements): 1 + (elements.lazy.map(\.height).max() ?? 0)
        case .map(let members): 1 + (members.lazy.map(\.node.height).max() ?? 0)
        default: 0
        }
    }
}
