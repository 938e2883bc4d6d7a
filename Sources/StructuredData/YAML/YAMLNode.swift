// SPDX-License-Identifier: Apache-2.0

/// A YAML value as it is written: plain scalars are not interpreted yet, since what `off` or `1.10` mean
/// depends on the field they stand in.
package struct YAMLNode: Sendable, Hashable {
    /// A scalar as its author wrote it, quotes and escapes resolved.
    package struct Scalar: Sendable, Hashable {
        package var text: String
        /// Whether it stands without quotes and is no block.
        package var isPlain: Bool
        /// The tag as people write it, such as `!!str`.
        ///
        /// Of what was made from a JSON number or truth value it names the type, since the text that its
        /// author wrote is lost.
        package var tag: String?

        package init(text: String, isPlain: Bool, tag: String? = nil) {
            self.text = text
            self.isPlain = isPlain
            self.tag = tag
        }
    }

    /// A key of a mapping and what stands there.
    package struct Member: Sendable, Hashable {
        package var key: String
        /// The line of the key, from 1; 0 if there is none.
        package var keyLine: Int
        package var value: YAMLNode

        package init(key: String, keyLine: Int = 0, value: YAMLNode) {
            self.key = key
            self.keyLine = keyLine
            self.value = value
        }
    }

    /// What there is of values.
    package enum Content: Sendable, Hashable {
        case scalar(Scalar)
        case list([YAMLNode])
        /// Members in the order written, each key once.
        case map([Member])
    }

    package var content: Content
    /// The line where the value begins, from 1; 0 if there is none.
    package var line: Int

    package init(_ content: Content, line: Int = 0) {
        self.content = content
        self.line = line
    }

    /// The node of a value; the nodes within have the same line.
    package init(_ value: JSONValue, line: Int = 0) {
        self.line = line
        content =
            switch value {
            case .null: .scalar(Scalar(text: "null", isPlain: true, tag: "!!null"))
            case .bool(let value):
                .scalar(Scalar(text: value ? "true" : "false", isPlain: true, tag: "!!bool"))
            case .integer(let number): .scalar(Scalar(text: String(number), isPlain: true, tag: "!!int"))
            case .double:
                .scalar(
                    Scalar(
                        text: String(decoding: value.encoded(), as: UTF8.self), isPlain: true, tag: "!!float")
                )
            case .string(let text): .scalar(Scalar(text: text, isPlain: false))
            case .array(let elements): .list(elements.map { YAMLNode($0, line: line) })
            case .object(let object):
                .map(
                    object.members.map {
                        Member(key: $0.key, keyLine: line, value: YAMLNode($0.value, line: line))
                    })
            }
    }
}

extension YAML {
    /// Reads all documents of a text as they are written; an empty document is nil.
    ///
    /// Aliases and `<<` are followed, so that a value may stand in several places, each with the line of
    /// its anchor. A key that stands twice in a mapping is an error. Keys are what is written, `yes` too.
    package static func nodes(
        _ bytes: [UInt8], limits: YAMLLimits = .default
    ) throws(YAMLError) -> [YAMLNode?] {
        guard bytes.count <= limits.bytes else {
            throw YAMLError(.tooLarge(limit: limits.bytes), YAMLPosition())
        }
        do throws(YAMLError) {
            return try YAMLComposer<YAMLNode>.documents(bytes, limits).map { $0.isNull ? nil : $0 }
        } catch {
            // JSON allows surrogate pairs and keys of any length, which libyaml does not.
            guard case .syntax = error.problem, let value = json(bytes, limits) else { throw error }
            return [YAMLNode(value)]
        }
    }
}

extension YAMLNode: YAMLValue {
    init(_ scalar: YAMLEvent.Scalar, tag: String?, line: Int) throws(YAMLError.Problem) {
        // That the text fits its tag is the same for all readers.
        if tag != nil { _ = try YAMLScalar.value(of: scalar, tag: tag) }
        let scalar = Scalar(text: scalar.text, isPlain: scalar.isPlain, tag: tag.map(YAMLScalar.short))
        self.init(.scalar(scalar), line: line)
    }

    init(elements: [YAMLNode], line: Int) {
        self.init(.list(elements), line: line)
    }

    init(members: [Member], line: Int) {
        self.init(.map(members), line: line)
    }

    var keyText: String? {
        guard case .scalar(let scalar) = content, !isNull else { return nil }
        return scalar.text
    }

    package var elements: [YAMLNode]? {
        if case .list(let elements) = content { elements } else { nil }
    }

    package var members: [Member]? {
        if case .map(let members) = content { members } else { nil }
    }
}

extension YAMLNode.Member: YAMLMember {
    init(key: String, line: Int, value: YAMLNode) {
        self.init(key: key, keyLine: line, value: value)
    }
}
