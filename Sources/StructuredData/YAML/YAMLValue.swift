// SPDX-License-Identifier: Apache-2.0

/// What a composer makes of the nodes of a text.
protocol YAMLValue: Sendable {
    associatedtype Member: YAMLMember where Member.Value == Self

    /// The value of a scalar with its tag in full, if it has one.
    init(_ scalar: YAMLEvent.Scalar, tag: String?, line: Int) throws(YAMLError.Problem)
    init(elements: [Self], line: Int)
    /// Of members whose keys differ.
    init(members: [Member], line: Int)

    /// The text of the value as a key; nil if it can be none.
    var keyText: String? { get }
    /// The elements of a list, for `<<`.
    var elements: [Self]? { get }
    /// The members of a mapping, for `<<`.
    var members: [Member]? { get }
}

/// A key of a mapping and what stands there.
protocol YAMLMember {
    associatedtype Value

    var key: String { get }

    init(key: String, line: Int, value: Value)
}

extension JSONValue: YAMLValue {
    typealias Member = JSONObject.Member

    init(_ scalar: YAMLEvent.Scalar, tag: String?, line: Int) throws(YAMLError.Problem) {
        self = try YAMLScalar.value(of: scalar, tag: tag)
    }

    init(elements: [JSONValue], line: Int) {
        self = .array(elements)
    }

    init(members: [JSONObject.Member], line: Int) {
        self = .object(JSONObject(uniqueMembers: members))
    }

    /// The key that kubectl makes of a value.
    var keyText: String? {
        switch self {
        case .string(let text): text
        case .bool, .integer, .double: String(decoding: encoded(), as: UTF8.self)
        default: nil
        }
    }

    var elements: [JSONValue]? { array }

    var members: [JSONObject.Member]? { object?.members }
}

extension JSONObject.Member: YAMLMember {
    init(key: String, line: Int, value: JSONValue) {
        self.init(key: key, value: value)
    }
}
