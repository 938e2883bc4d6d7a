// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Merges values of a layer into a configuration as Talos does it, by the types of their fields.
///
/// - A scalar replaces what is there, but not an empty text or a zero, unless the field is a pointer and the version
///   1.12 or later. `false` always replaces, as do keys and certificates. A few texts are zeros: `ingress: accept`.
/// - Objects and maps are merged key by key. An object of keys and certificates alone is replaced.
/// - A list is appended to what is there, replaces it, or merges its elements by key, as the type table says.
/// - What Talos passes on as it is merges key by key too, and both sides must be of the same kind.
/// - A URL is merged part by part: a new one without a path, a query or a fragment leaves those that are there.
/// - `null` is the same as leaving the key out.
struct StrategicMerge {
    /// Why values do not go together, and where.
    struct Mismatch: Error {
        var path: FieldPath
        var origin: Origin
        var problem: String
    }

    private let version: TalosVersion
    /// The way to what is being merged.
    private var steps: [ConfigPath.Step] = []

    /// The version from which on an explicit zero overrides where Talos has a pointer.
    private static let zerosOverride = TalosVersion(minor: 12)
    /// The version from which on arguments may be lists, and replace each other.
    private static let argumentLists = TalosVersion(minor: 13)

    init(version: TalosVersion) {
        self.version = version
    }

    /// Merges the fields that `right` has into the object `left`; after an error it is merged in part.
    ///
    /// Fields in `identity` are the same in both: they only say what is merged, and nobody overrides anybody by them.
    mutating func merge(
        _ right: ConfigNode, into left: inout ConfigNode, _ type: ObjectType, identity: [String] = []
    ) throws(Mismatch) {
        guard case .map(let additions) = right.value else { return }
        guard case .map(var members) = left.value else {
            left = right
            return
        }
        if Self.isOpaque(type) {
            left = right.laid(over: left)
            return
        }
        left.value = .null
        defer { left.value = .map(members) }
        var next = 0
        for addition in additions {
            guard let place = type.index(of: addition.key, from: next) else { continue }
            next = place + 1
            let field = type.fields[place]
            if let index = members.firstIndex(where: { $0.key == addition.key }) {
                guard !identity.contains(addition.key) else { continue }
                steps.append(.key(addition.key))
                try merge(addition.node, into: &members[index].node, field)
                steps.removeLast()
            } else if !addition.node.isNothing, field.isPointer || !isZero(addition.node, field.type) {
                members.append(try unset(addition, field.type))
            }
        }
    }

    /// What becomes of a value where none is: elements with the same key are merged there too.
    private mutating func unset(_ addition: ConfigNode.Member, _ type: FieldType) throws(Mismatch)
        -> ConfigNode.Member
    {
        guard case .list(let element, .byKeys(let keys)) = type,
            case .list(let additions) = addition.node.value
        else {
            return addition
        }
        var elements: [ConfigNode] = []
        for addition in additions { try merge(element: addition, into: &elements, element, keys) }
        var member = addition
        member.node.value = .list(elements)
        return member
    }

    private mutating func merge(
        _ right: ConfigNode, into left: inout ConfigNode, _ field: FieldDefinition
    ) throws(Mismatch) {
        if let zero = field.zero, right.string == zero, !left.isNothing { return }
        if field.isURL { return merge(url: right, into: &left) }
        guard field.replacesWhole else {
            return try merge(right, into: &left, field.type, isPointer: field.isPointer)
        }
        if !right.isNothing, !isZero(right, field.type) { left = right.laid(over: left) }
    }

    /// Takes the parts of a URL that the new one has, and leaves those that it has not.
    private func merge(url right: ConfigNode, into left: inout ConfigNode) {
        guard let new = right.string, !new.isEmpty else { return }
        let text = left.string.map { URLParts(new).laid(over: URLParts($0)) } ?? new
        left = right.laid(over: left)
        left.value = .string(text)
    }

    private mutating func merge(
        _ right: ConfigNode, into left: inout ConfigNode, _ type: FieldType, isPointer: Bool = false
    ) throws(Mismatch) {
        if right.isNothing { return }
        if left.isNothing {
            left = right.laid(over: left)
            return
        }
        switch type {
        case .bool, .bytes:
            left = right.laid(over: left)
        case .string, .integer, .duration, .fileMode, .diskSize, .portRange:
            if !isZero(right, type) || (isPointer && version >= Self.zerosOverride) {
                left = right.laid(over: left)
            }
        case .arguments:
            if version >= Self.argumentLists || right.string != "" { left = right.laid(over: left) }
        case .unstructured: try merge(unstructured: right, into: &left)
        case .map(let value): try merge(map: right, into: &left, value)
        case .list(let element, let rule): try merge(list: right, into: &left, element, rule)
        case .object(let object): try merge(right, into: &left, object)
        }
    }

    private mutating func merge(
        map right: ConfigNode, into left: inout ConfigNode, _ type: FieldType
    ) throws(Mismatch) {
        guard case .map(let additions) = right.value, case .map(var members) = left.value else { return }
        left.value = .null
        defer { left.value = .map(members) }
        for addition in additions {
            guard let index = members.firstIndex(where: { $0.key == addition.key }) else {
                members.append(addition)
                continue
            }
            steps.append(.key(addition.key))
            try merge(addition.node, into: &members[index].node, type)
            steps.removeLast()
        }
    }
}

extension StrategicMerge {
    private mutating func merge(
        list right: ConfigNode, into left: inout ConfigNode, _ type: FieldType, _ rule: ListMerge
    ) throws(Mismatch) {
        guard case .list(let additions) = right.value, case .list(var elements) = left.value else { return }
        switch rule {
        case .replace:
            left = right.laid(over: left)
        case .append:
            left.value = .null
            elements += additions
            left.value = .list(elements)
        case .byKeys(let keys):
            left.value = .null
            defer { left.value = .list(elements) }
            for addition in additions { try merge(element: addition, into: &elements, type, keys) }
        }
    }

    private mutating func merge(
        element right: ConfigNode, into elements: inout [ConfigNode], _ type: FieldType, _ keys: [String]
    ) throws(Mismatch) {
        guard let (place, key) = Self.place(of: right, in: elements, type, keys) else {
            elements.append(right)
            return
        }
        guard case .object(let object) = type, !object.isReplacedWhole else {
            elements[place] = right.laid(over: elements[place])
            return
        }
        steps.append(.index(place))
        try merge(right, into: &elements[place], object, identity: [key])
        steps.removeLast()
    }

    /// Which element has the same value of the first key that the new one sets.
    private static func place(
        of new: ConfigNode, in elements: [ConfigNode], _ type: FieldType, _ keys: [String]
    ) -> (place: Int, key: String)? {
        // With one key alone, elements without it are the same one too.
        guard let key = keys.first(where: { !isUnset(new[$0]) }) ?? (keys.count == 1 ? keys.first : nil)
        else {
            return nil
        }
        let wanted = new[key]
        if let wanted, case .object(let object) = type, let field = object[key], isUnique(wanted, field.type)
        {
            return nil
        }
        return elements.firstIndex { isSame($0[key], wanted) }.map { ($0, key) }
    }

    /// Whether two merge keys say the same; in a selector an empty text is the same as none.
    private static func isSame(_ left: ConfigNode?, _ right: ConfigNode?) -> Bool {
        guard let some = left?.members, let others = right?.members else {
            return isUnset(left) ? isUnset(right) : left?.json == right?.json
        }
        return [(some, right), (others, left)].allSatisfy { members, other in
            members.allSatisfy { isUnset($0.node) || other?[$0.key]?.json == $0.node.json }
        }
    }

    /// Whether a merge key is like no other, since Talos compares the pointers in it and not what they point at.
    private static func isUnique(_ key: ConfigNode, _ type: FieldType) -> Bool {
        guard case .object(let object) = type, let members = key.members else { return false }
        return members.contains { object[$0.key]?.isPointer == true }
    }

    /// Whether a merge key says nothing.
    private static func isUnset(_ node: ConfigNode?) -> Bool {
        switch node?.value {
        case nil, .null?, .string("")?, .integer(0)?: true
        default: false
        }
    }
}

extension StrategicMerge {
    private mutating func merge(unstructured right: ConfigNode, into left: inout ConfigNode) throws(Mismatch)
    {
        switch (left.value, right.value) {
        case (.map(var members), .map(let additions)):
            left.value = .null
            defer { left.value = .map(members) }
            for addition in additions { try merge(unstructured: addition, into: &members) }
        case (.list(var elements), .list(let additions)):
            left.value = .null
            elements += additions
            left.value = .list(elements)
        case (.bool, .bool):
            left = right.laid(over: left)
        case (.string, .string(let text)):
            if !text.isEmpty { left = right.laid(over: left) }
        case (.integer, .integer(let number)):
            if number != 0 { left = right.laid(over: left) }
        case (.double, .double(let number)):
            if number != 0 { left = right.laid(over: left) }
        default:
            throw mismatch(left, right)
        }
    }

    private mutating func merge(
        unstructured addition: ConfigNode.Member, into members: inout [ConfigNode.Member]
    ) throws(Mismatch) {
        guard let index = members.firstIndex(where: { $0.key == addition.key }) else {
            members.append(addition)
            return
        }
        guard !members[index].node.isNothing else {
            members[index].node = addition.node.laid(over: members[index].node)
            return
        }
        steps.append(.key(addition.key))
        try merge(unstructured: addition.node, into: &members[index].node)
        steps.removeLast()
    }

    private func mismatch(_ left: ConfigNode, _ right: ConfigNode) -> Mismatch {
        Mismatch(
            path: ConfigPath(.machine, steps).field, origin: right.origin,
            problem:
                "merge type mismatch: \(right.json.kindDescription) cannot be merged into what is there, "
                + left.json.kindDescription)
    }
}

extension StrategicMerge {
    /// Whether a value is the one that Go has where none is given.
    private func isZero(_ node: ConfigNode, _ type: FieldType) -> Bool {
        switch (node.value, type) {
        case (.null, _): true
        case (.string(let text), .duration): text == "0s" || text.isEmpty
        case (.string(let text), .string), (.string(let text), .diskSize), (.string(let text), .portRange),
            (.string(let text), .fileMode):
            text.isEmpty
        case (.integer(let number), _): number == 0
        case (.map(let members), .unstructured): members.isEmpty
        default: false
        }
    }

    /// Whether an object is a key pair or a part of one, which goes as a whole.
    private static func isOpaque(_ type: ObjectType) -> Bool {
        !type.fields.isEmpty
            && type.fields.allSatisfy { if case .bytes = $0.type { true } else { false } }
    }
}

extension ConfigNode {
    /// Whether this is `null`, which to Talos is the same as nothing.
    fileprivate var isNothing: Bool {
        if case .null = value { true } else { false }
    }
}
